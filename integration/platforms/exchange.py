"""One HTTP exchange: within a deadline, with an answer that is capped, and one word for each way of failing."""

import functools
import os
import ssl
import time
from collections.abc import Sequence
from http.cookiejar import DefaultCookiePolicy
from typing import NamedTuple

import httpx

from integration.platforms.answers import Answer
from integration.platforms.base import Item, Outcome, SendResult, skus
from integration.platforms.egress import AddressRefusedError
from integration.platforms.transport import DeadlineTransport, until

ANSWER_LIMIT = 2 * 1024 * 1024  # bytes read of an answer

# From httpx's errors to (kind, may the shop have got the request?). The first class that fits counts.
ERRORS: tuple[tuple[type[Exception], str, bool], ...] = (
    (httpx.ConnectTimeout, "connect_timeout", False),
    (httpx.PoolTimeout, "connect_timeout", False),
    (httpx.ConnectError, "connect", False),
    (httpx.TimeoutException, "timeout", True),
    (httpx.LocalProtocolError, "bad_request", False),
    (httpx.NetworkError, "connection_lost", True),
    (httpx.ProtocolError, "protocol", True),
    (httpx.ProxyError, "connect", False),
    (httpx.UnsupportedProtocol, "bad_url", False),
    (httpx.DecodingError, "bad_answer", True),
    (httpx.TooManyRedirects, "redirect", True),
    (httpx.TransportError, "connection_lost", True),
    (httpx.InvalidURL, "bad_url", False),
)


class AnswerTooLarge(Exception):
    """The shop sent more than we are willing to read."""


class Request(NamedTuple):
    method: str
    url: httpx.URL
    headers: dict[str, str]
    body: bytes | None = None


@functools.lru_cache(maxsize=2)
def client(process_id: int, allow_private: bool) -> httpx.Client:
    """One client for each process: connections are kept alive, and never shared across a fork.

    Outlets that may use private addresses have one of their own, so that no other finds its connections open.
    """
    made = httpx.Client(transport=DeadlineTransport(allow_private), follow_redirects=False, trust_env=False)
    made.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))  # one outlet's session is not another's
    return made


def is_tls_error(exc: BaseException | None) -> bool:
    while exc is not None:
        if isinstance(exc, ssl.SSLError) or "CERTIFICATE" in str(exc):
            return True
        exc = exc.__cause__ or exc.__context__
    return False


def classify(exc: Exception) -> tuple[str, bool]:
    """(error kind, may the shop have got the request?) of what httpx raised."""
    if is_tls_error(exc):
        return "tls", not isinstance(exc, httpx.ConnectError)
    if isinstance(exc, httpx.ConnectError) and "name not found" in str(exc):
        return "name_not_found", False
    return next((kind, sent) for error, kind, sent in ERRORS if isinstance(exc, error))


def exchange(request: Request, allow_private: bool, seconds: float) -> Answer:
    """One exchange within the total deadline; at most ANSWER_LIMIT bytes are read, none are inflated."""
    with (
        until(time.monotonic() + seconds),
        client(os.getpid(), allow_private).stream(
            request.method, request.url, content=request.body, headers=request.headers, timeout=None
        ) as response,
    ):
        return Answer(response.status_code, read_body(response), response.headers.get("Retry-After"))


def read_body(response: httpx.Response) -> bytes:
    parts, size = [], 0
    for part in response.iter_raw():
        size += len(part)
        if size > ANSWER_LIMIT:
            raise AnswerTooLarge(f"the shop's answer is larger than {ANSWER_LIMIT} bytes")
        parts.append(part)
    return b"".join(parts)


def ask(request: Request, items: Sequence[Item], allow_private: bool, seconds: float) -> Answer | SendResult:
    """The shop's answer, or what it means for these items that there is none."""
    try:
        return exchange(request, allow_private, seconds)
    except AnswerTooLarge as exc:
        kind = "answer_too_large"
        return SendResult(Outcome.BROKEN, unknown=skus(items), error_kind=kind, message=str(exc))
    except AddressRefusedError as exc:
        return SendResult(Outcome.FORBIDDEN, error_kind="address_refused", message=str(exc))
    except UnicodeError:
        message = "a header holds what is not ASCII: look at the key, the secret and the contract's headers"
        return SendResult(Outcome.RETRY, error_kind="bad_request", message=message)
    except (httpx.HTTPError, httpx.InvalidURL) as exc:
        kind, maybe_sent = classify(exc)
        unknown = skus(items) if maybe_sent else frozenset()
        message = f"{type(exc).__name__}: {exc}"
        return SendResult(Outcome.RETRY, unknown=unknown, error_kind=kind, message=message)
