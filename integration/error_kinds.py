"""What an attempt's error kind means, and what to do about it: one table for all pages."""

from typing import Any, NamedTuple

from django.utils.translation import gettext_lazy as _

NOTHING_TO_DO = _("Nothing: the next push tries again.")
SENT_AGAIN = _("Nothing: the items are sent once more when the shop has surely done with this request.")
CHECK_CONTRACT = _("Compare the shop's answer with the contract, and change the contract where it is wrong.")


class Words(NamedTuple):
    meaning: Any
    advice: Any


KINDS: dict[str, Words] = {
    "credentials": Words(
        _("The shop refused the API key."),
        _("Enter the outlet's API key again in the API settings. The push has stopped; nothing is lost."),
    ),
    "token": Words(
        _("The shop's login server gave no usable access token."),
        _("If it happens again, check the login address in the contract and ask the shop."),
    ),
    "address_refused": Words(
        _("The shop's address leads into a private network, and that is not allowed for this outlet."),
        _("Correct the address in the API settings, or allow private addresses for this outlet if that is meant."),
    ),
    "host_not_trusted": Words(
        _("The contract leads to another host than when the outlet's key was entered, so nothing was sent there."),
        _("If that host shall have the key, enter the key again in the API settings; otherwise correct the contract."),
    ),
    "name_not_found": Words(
        _("The shop's name is not known to the internet."),
        _("Check the address in the API settings for a misspelling; otherwise the next push tries again."),
    ),
    "connect": Words(_("The shop could not be reached."), NOTHING_TO_DO),
    "connect_timeout": Words(_("The shop could not be reached in time."), NOTHING_TO_DO),
    "tls": Words(
        _("The shop's certificate is not valid, so nothing was sent over this connection."),
        _("Ask the shop to renew its certificate, and check that the address has the right name."),
    ),
    "timeout": Words(_("The shop did not answer in time. It may have got the request."), SENT_AGAIN),
    "connection_lost": Words(_("The connection broke off. The shop may have got the request."), SENT_AGAIN),
    "protocol": Words(_("The shop's answer was broken off or garbled. It may have got the request."), SENT_AGAIN),
    "bad_request": Words(
        _("The request could not be written: a header holds letters that are not allowed there."),
        _("Check the API key, the secret and the contract's headers."),
    ),
    "bad_url": Words(
        _("The shop's address is not a usable web address."),
        _("Correct the address in the API settings or in the contract."),
    ),
    "redirect": Words(
        _("The shop sends requests from one address to another."),
        _("Ask the shop for the final address, and enter it in the API settings."),
    ),
    "too_large": Words(
        _("The request was larger than the shop takes, so it was halved."),
        _("Nothing: the halves are sent. A smaller batch size in the contract avoids it."),
    ),
    "refused": Words(
        _("The shop understood the request and refused all of it."),
        _("Read the shop's words below; they say what is wrong."),
    ),
    "bad_answer": Words(_("The shop's answer does not say which items it has taken."), CHECK_CONTRACT),
    "unlisted": Words(
        _("The shop's answer leaves out some of the items."),
        _("Nothing: those items are sent again. If it happens each time, compare the answer with the contract."),
    ),
    "answer_too_large": Words(
        _("The shop's answer was far too large to be read."),
        _("Ask the shop what it sends; nothing was recorded as taken."),
    ),
    "job_failed": Words(_("The shop took the items for later, and its job then failed."), NOTHING_TO_DO),
    "job_overdue": Words(_("The shop took the items for later, and did not finish in time."), SENT_AGAIN),
    "job_lost": Words(
        _("The shop took the items for later, but the contract was changed before it had finished."), SENT_AGAIN
    ),
    "worker_lost": Words(
        _("The program that sent the request stopped in the middle. The shop may have got the request."), SENT_AGAIN
    ),
    "interrupted": Words(
        _("The service was stopped while the shop was asked. The shop may have got the request."), SENT_AGAIN
    ),
    "late": Words(
        _("The program was held up for too long, so it sent nothing: prices may have changed."), NOTHING_TO_DO
    ),
    "adapter": Words(
        _("The part of the service that speaks to this platform failed."),
        _("Tell whoever runs the service: its log has the details."),
    ),
    "http_404": Words(
        _("The shop is there, but not at this address."),
        _("Check the path of the address in the API settings and in the contract."),
    ),
    "http_408": Words(_("The shop gave up waiting for the request. It may have got it."), SENT_AGAIN),
    "http_413": Words(_("The request was larger than the shop takes."), _("Set a smaller batch size in the contract.")),
    "http_429": Words(
        _("The shop was asked too often, and wants to be left alone for a while."),
        _("Nothing: it is obeyed. If it happens often, set the shop's limits in the contract."),
    ),
}
BY_HUNDRED: dict[str, Words] = {
    "3": KINDS["redirect"],
    "4": Words(
        _("The shop refused the whole request."),
        _("Read the shop's words below; they say what is wrong. A wrong field name in the contract looks like this."),
    ),
    "5": Words(_("The shop had an error of its own. It may have got the request."), SENT_AGAIN),
}
UNKNOWN = Words(_("Something went wrong with the request."), _("Read the shop's words below."))
POINTS_BELOW = (KINDS["refused"], BY_HUNDRED["4"], UNKNOWN)  # their advice is of use where the shop's words stand


def explain(kind: str) -> Words | None:
    """None where nothing went wrong."""
    if not kind:
        return None
    by_hundred = BY_HUNDRED.get(kind.removeprefix("http_")[:1], UNKNOWN) if kind.startswith("http_") else UNKNOWN
    return KINDS.get(kind, by_hundred)
