"""What a test of a connection found, in words that say what to do."""

from typing import Any, NamedTuple

from django.utils.translation import gettext_lazy as _

from integration.audit import mask_urls
from integration.contracts import MISCONFIGURED
from integration.encryption import WrongEncryptionKey
from integration.models import Outlet
from integration.platforms.base import ConnectionResult
from integration.push_service import ask_connection


class Cause(NamedTuple):
    title: Any
    advice: Any = ""


UNEXPECTED = Cause(
    _("The shop's answer is not the one that was expected."),
    _("Check the API endpoint. If it is right, ask the shop what this answer means."),
)
CAUSES = {
    "ok": Cause(_("The connection works.")),
    "credentials": Cause(
        _("The shop is there, but it refused the key."),
        _(
            "Enter the API key, and the secret if the shop gave you one, again in full. If they "
            "are right, ask the shop whether they are still valid."
        ),
    ),
    "wrong_path": Cause(
        _("The shop's server is there, but it knows no such address."),
        _("Check what follows the server's name in the API endpoint, and the store id of the branch."),
    ),
    "name_not_found": Cause(
        _("No server of this name was found."), _("Check the spelling of the server's name in the API endpoint.")
    ),
    "connect": Cause(
        _("The server does not take our connection."),
        _(
            "The shop may be down, or the port in the API endpoint is wrong. Try again in a few "
            "minutes, then ask the shop."
        ),
    ),
    "connect_timeout": Cause(
        _("The server could not be reached in time."),
        _(
            "It may be down, or a firewall keeps us out. Try again in a few minutes, then ask the "
            "shop to let this service in."
        ),
    ),
    "timeout": Cause(
        _("The shop was reached, but it did not answer in time."),
        _("It may be overloaded. Try again in a few minutes; if it stays slow, tell the shop."),
    ),
    "connection_lost": Cause(
        _("The shop broke off the connection."), _("Try again. If it happens every time, tell the shop.")
    ),
    "protocol": Cause(
        _("What answers there is not a web server that we understand."),
        _("Check the API endpoint: http or https, and the port."),
    ),
    "tls": Cause(
        _("The connection would not be safe: the server's certificate is not valid for this name."),
        _("Check the server's name in the API endpoint. If it is right, the shop has to renew its certificate."),
    ),
    "no_tls": Cause(
        _("The server is there, but it speaks no https on this port."),
        _("Check the API endpoint: http or https, and the port. Ask the shop for its https address."),
    ),
    "address_refused": Cause(
        _("This address lies in a private network, where nothing is sent without leave."),
        _(
            "If the shop is in our own network, tick that under “Branch” below and save. "
            "Otherwise check the API endpoint."
        ),
    ),
    "host_not_trusted": Cause(
        _("The contract leads to another host than when this outlet's key was entered."),
        _("If that host shall have the key, enter the key again and save; otherwise correct the contract."),
    ),
    "shop_error": Cause(
        _("The shop has a problem of its own."),
        _("The address and the way to it are right. Try again in a few minutes, then tell the shop."),
    ),
    "too_many": Cause(_("The shop is asked too often at present."), _("Wait a few minutes, then test again.")),
    "redirect": Cause(
        _("The shop has moved to another address."),
        _(
            "Ask the shop for its present address and enter it as the API endpoint. We do not "
            "send keys to where we are only pointed."
        ),
    ),
    "bad_url": Cause(_("This is not an address that can be asked."), _("Check the API endpoint.")),
    "bad_request": Cause(
        _("No request can be made of these values."),
        _("The key or the secret holds a letter that is not allowed there. Copy them again from the shop."),
    ),
    "bad_answer": UNEXPECTED,
    "unexpected_answer": UNEXPECTED,
    "token": Cause(
        _("The shop's sign-in server gave no access."),
        _("Try again in a minute. If it stays, check the token address in the contract of this platform."),
    ),
    "misconfigured": Cause(
        _("The contract of this platform cannot be used."),
        _("Somebody who manages contracts has to mend it; until then nothing is sent."),
    ),
    "unreadable": Cause(
        _("The stored key cannot be read any more."), _("Enter the API key, and the secret if there is one, again.")
    ),
}

NO_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE")  # OpenSSL's words for an answer in plain text


def ask(outlet: Outlet) -> ConnectionResult:
    """Ask the shop with the outlet's values as they are here, saved or not."""
    try:
        return ask_connection(outlet)
    except WrongEncryptionKey as exc:
        return ConnectionResult(False, "unreadable", str(exc), None, 0)
    except MISCONFIGURED as exc:
        return ConnectionResult(False, "misconfigured", str(exc), None, 0)


def explain(result: ConnectionResult) -> dict[str, Any]:
    cause = CAUSES.get(kind_of(result), UNEXPECTED)
    return {**cause._asdict(), "result": result, "detail": "" if result.ok else mask_urls(result.message)}


def kind_of(result: ConnectionResult) -> str:
    status = result.status_code or 0
    if result.kind == "tls" and any(words in result.message for words in NO_TLS):
        return "no_tls"
    if result.kind != "unexpected_answer":
        return result.kind
    if status == 429:
        return "too_many"
    return "shop_error" if status >= 500 else "redirect" if 300 <= status < 400 else result.kind
