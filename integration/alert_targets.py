"""Where alerts can go, and the one place that speaks to apprise.

An address holds secrets, and apprise's words may repeat it: its log is silenced (settings.LOGGING), and what is kept of
them has every part of the address masked.
"""

import logging
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import copy_context
from typing import Any, NamedTuple
from urllib.parse import unquote, unquote_plus

from apprise import Apprise, AppriseAsset, NotifyFormat, NotifyType
from django.conf import settings
from django.utils.translation import gettext as _

from integration.platforms.egress import AddressRefusedError, choose_addresses

KINDS = {
    "mailto": "E-mail",
    "mailtos": "E-mail",
    "slack": "Slack",
    "workflow": "Teams",
    "workflows": "Teams",
    "tgram": "Telegram",
    "discord": "Discord",
    "gchat": "Google Chat",
    "json": "Webhook",
    "jsons": "Webhook",
    "form": "Webhook",
    "forms": "Webhook",
    "xml": "Webhook",
    "xmls": "Webhook",
}
CHECKED = ("Webhook", "Teams")  # the address says which machine is spoken to
READS_FILES = re.compile(r"[?&;]\s*(template|pgp\w*|smime\w*|attach\w*)\s*=", re.IGNORECASE)
SEND_SECONDS = 9.0
CONNECT_SECONDS = 4.0
ERROR_LIMIT = 300
MASK = "***"


class UnusableTarget(Exception):
    """Nothing can be sent to this address."""


class Result(NamedTuple):
    """What went wrong with a message, in words that hold nothing of the address; empty: nothing."""

    error: str = ""
    may_have_arrived: bool = False


def check_url(url: str) -> str:
    """What the address leads to, if alerts can be sent there and may be."""
    target = open_target(url)
    if is_checked(target):
        check_address(target)
    return KINDS[target.schema]


def open_target(url: str) -> Any:
    if READS_FILES.search(unquote_plus(url)):
        raise UnusableTarget(_("Templates, keys and attachments are not taken: they would be read from this machine."))
    asset = AppriseAsset(http_redirects=False, async_mode=False, secure_logging=True)
    target = Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
    if target is None or getattr(target, "schema", "") not in KINDS:
        raise UnusableTarget(_("This is no address that alerts can be sent to: compare it with the examples."))
    target.redirects = False
    # Longer than we wait: a read that failed would be repeated as if nothing had arrived.
    target.socket_read_timeout = SEND_SECONDS + 1
    is_mail = KINDS[target.schema] == "E-mail"  # it has one limit for connecting and reading
    target.socket_connect_timeout = target.socket_read_timeout if is_mail else CONNECT_SECONDS
    return target


def is_checked(target: Any) -> bool:
    return KINDS[target.schema] in CHECKED


def check_address(target: Any) -> None:
    """Refuse what leads into a private network. The name is looked up once more when the message is sent."""
    try:
        found = socket.getaddrinfo(target.host.strip("[]"), target.port, type=socket.SOCK_STREAM)
    except OSError as exc:
        raise UnusableTarget(_("The name of the machine is not known to the internet.")) from exc
    try:
        choose_addresses(target.host, [str(entry[4][0]) for entry in found], settings.ALLOW_PRIVATE_ADDRESSES)
    except AddressRefusedError as exc:
        raise UnusableTarget(_("The address leads into a private network, and that is not allowed here.")) from exc


def send(url: str, title: str, body: str) -> Result:
    """Send one message. Ends in time, whatever happens."""
    try:
        target = open_target(url)
    except UnusableTarget as exc:
        return Result(str(exc))
    known = [Result(_("There was no answer in time."))]
    # A target that drips its answer defeats a socket's timeout: the thread is left behind, and has no way to the rows.
    run = copy_context().run  # in the language of who asks
    thread = threading.Thread(target=run, args=(try_to_send, known, target, url, title, body), daemon=True)
    thread.start()
    thread.join(SEND_SECONDS)
    return known[-1]


def try_to_send(known: list[Result], target: Any, url: str, title: str, body: str) -> None:
    """Adds what is known of it so far: the last one counts."""
    try:
        if is_checked(target):
            check_address(target)
            known.append(Result(_("There was no answer in time. It may have arrived."), may_have_arrived=True))
        known.append(notify(target, url, title, body))
    except UnusableTarget as exc:
        known.append(Result(str(exc)))
    except Exception as exc:  # a library of a hundred plugins: whatever it raises is a message that was not sent
        known.append(Result(_("Sending failed (%(kind)s).") % {"kind": type(exc).__name__}))


def notify(target: Any, url: str, title: str, body: str) -> Result:
    with heard() as words:
        is_sent = target.notify(title=title, body=body, notify_type=NotifyType.INFO, body_format=NotifyFormat.TEXT)
    if is_sent:
        return Result()
    return Result(mask(" ".join(words), url)[:ERROR_LIMIT] or _("It was not taken, and nothing was said of why."))


@contextmanager
def heard() -> Iterator[list[str]]:
    """What apprise says in this thread, at most a few lines."""
    words: list[str] = []
    handler = Listener(words, threading.get_ident())
    logger = logging.getLogger("apprise")
    logger.addHandler(handler)
    try:
        yield words
    finally:
        logger.removeHandler(handler)


class Listener(logging.Handler):
    def __init__(self, words: list[str], thread_id: int) -> None:
        super().__init__(logging.WARNING)
        self.words, self.thread_id = words, thread_id

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self.thread_id and len(self.words) < 3:
            self.words.append(record.getMessage().strip())


def mask(text: str, url: str) -> str:
    """The text without any part of the address, as it is written there or as it is meant."""
    rest = url.partition("://")[2]
    parts = {part for spelt in (rest, unquote(rest), unquote_plus(rest)) for part in re.split(r"[/:@?&=,;#\s]+", spelt)}
    for part in sorted(parts, key=len, reverse=True):
        if len(part) > 2:
            text = text.replace(part, MASK)
    return text
