"""An adapter over HTTP: a request as the contract says, and every failure mapped to one small vocabulary."""

import base64
import dataclasses
import functools
import hashlib
import os
import re
import ssl
import time
from collections.abc import Collection, Sequence
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import quote

import httpx
import jmespath
import msgspec

from integration.platforms.base import ConnectionResult, Endpoint, Item, Outcome, SendResult, skus
from integration.platforms.contract import Contract
from integration.platforms.egress import AddressRefusedError
from integration.platforms.mapping import encode_body, fill_all
from integration.platforms.transport import DEADLINE, DeadlineTransport

PLAIN_NUMBER = re.compile(r"-?\d{1,9}(\.\d+)?")
ANSWER_LIMIT = 2 * 1024 * 1024  # bytes read of an answer
EXCERPT_LIMIT = 16 * 1024  # characters kept of it
REASON_LIMIT = 500  # characters kept of why an item was refused

# From httpx's errors to (kind, may the shop have got the request?). The first class that fits counts.
ERRORS: tuple[tuple[type[Exception], str, bool], ...] = (
    (httpx.ConnectTimeout, "connect_timeout", False),
    (httpx.PoolTimeout, "connect_timeout", False),
    (httpx.ConnectError, "connect", False),
    (httpx.TimeoutException, "timeout", True),
    (httpx.NetworkError, "connection_lost", True),
    (httpx.ProtocolError, "protocol", True),
    (httpx.ProxyError, "connect", False),
    (httpx.UnsupportedProtocol, "bad_url", False),
    (httpx.DecodingError, "bad_answer", True),
    (httpx.TooManyRedirects, "redirect", True),
    (httpx.TransportError, "connection_lost", True),
    (httpx.InvalidURL, "bad_url", False),
)
UNKNOWN_STATUSES = {408}  # and 5xx: the shop may have applied the request all the same
RETRY_STATUSES = {408, 425, 429}


class AnswerTooLarge(Exception):
    """The shop sent more than we are willing to read."""


class Answer(msgspec.Struct):
    status: int
    headers: httpx.Headers
    body: bytes


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


def seconds_to_wait(value: str | None, now: float) -> float | None:
    """`Retry-After` as seconds from `now` (epoch seconds); None where it is absent or makes no sense."""
    if not value:
        return None
    if PLAIN_NUMBER.fullmatch(value):
        return max(0.0, float(value))
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now)
    except (TypeError, ValueError):
        return None


class HttpPlatform:
    """Speaks any contract. A platform that needs code overrides one method."""

    default_contract = Contract()

    def __init__(self, contract: Contract, endpoint: Endpoint) -> None:
        self.contract = contract
        self.endpoint = endpoint

    # --- the request ------------------------------------------------------------------------------------

    def url(self) -> str:
        url = self.contract.url.replace("{api_endpoint}", self.endpoint.url)
        return url.replace("{store_id}", quote(self.endpoint.store_id, safe=""))

    def full_url(self) -> httpx.URL:
        """With the query beside what the endpoint's own address asks for."""
        return httpx.URL(self.url()).copy_merge_params(self.query())

    def authentication(self) -> dict[str, str]:
        match self.contract.auth:
            case "header":
                return {self.contract.auth_header: self.endpoint.api_key} if self.endpoint.api_key else {}
            case "bearer":
                return {"Authorization": f"Bearer {self.endpoint.api_key}"}
            case "basic":
                return {"Authorization": f"Basic {self.basic_credentials()}"}
        return {}

    def basic_credentials(self) -> str:
        pair = f"{self.endpoint.api_key}:{self.endpoint.api_secret}".encode()
        return base64.b64encode(pair).decode("ascii")

    def headers(self) -> dict[str, str]:
        own = fill_all(self.contract.headers, self.endpoint)
        return {"Accept": "application/json", "Accept-Encoding": "identity", **own, **self.authentication()}

    def query(self) -> dict[str, str]:
        key = {self.contract.auth_query: self.endpoint.api_key} if self.contract.auth == "query" else {}
        return fill_all(self.contract.query, self.endpoint) | key

    def body(self, items: Sequence[Item], revision: int) -> bytes:
        return encode_body(self.contract, self.endpoint, items, revision)

    def send(self, items: Sequence[Item], request_key: str, revision: int = 0) -> SendResult:
        started = time.monotonic()
        result = self.exchange(items, request_key, revision)
        return dataclasses.replace(result, elapsed_seconds=time.monotonic() - started)

    def exchange(self, items: Sequence[Item], request_key: str, revision: int = 0) -> SendResult:
        body = self.body(items, revision)
        digest = hashlib.sha256(body).hexdigest()[:32]
        headers = {"Content-Type": "application/json", "Idempotency-Key": f"{request_key}-{digest}"}
        try:
            answer = self.request(self.contract.method, body, headers)
        except AnswerTooLarge as exc:
            return self.failure(Outcome.BROKEN, items, "answer_too_large", str(exc), sent_bytes=len(body))
        except AddressRefusedError as exc:
            return self.failure(Outcome.FORBIDDEN, (), "address_refused", str(exc))
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            kind, maybe_sent = classify(exc)
            unknown = items if maybe_sent else ()
            return self.failure(Outcome.RETRY, unknown, kind, self.describe(exc), sent_bytes=len(body))
        return self.read(answer, items, len(body))

    def request(self, method: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        """One exchange within the total deadline; at most ANSWER_LIMIT bytes are read, none are inflated."""
        token = DEADLINE.set(time.monotonic() + self.contract.timeout_seconds)
        try:
            with client(os.getpid(), self.endpoint.allow_private).stream(
                method, self.full_url(), content=body, headers=self.headers() | headers, timeout=None
            ) as response:
                return Answer(response.status_code, response.headers, self.read_body(response))
        finally:
            DEADLINE.reset(token)

    def read_body(self, response: httpx.Response) -> bytes:
        parts, size = [], 0
        for part in response.iter_raw():
            size += len(part)
            if size > ANSWER_LIMIT:
                raise AnswerTooLarge(f"the shop's answer is larger than {ANSWER_LIMIT} bytes")
            parts.append(part)
        return b"".join(parts)

    # --- the answer -------------------------------------------------------------------------------------

    def read(self, answer: Answer, items: Sequence[Item], sent_bytes: int) -> SendResult:
        facts: dict[str, Any] = {
            "status_code": answer.status,
            "excerpt": self.redact(answer.body.decode("utf-8", "replace"))[:EXCERPT_LIMIT],
            "sent_bytes": sent_bytes,
            "received_bytes": len(answer.body),
        }
        if answer.status in self.contract.accepted_statuses:
            return self.read_accepted(answer, items, facts)
        if answer.status in (401, 403):
            message = f"credentials refused (HTTP {answer.status})"
            return self.failure(Outcome.CREDENTIALS, (), "credentials", message, **facts)
        if answer.status in RETRY_STATUSES or answer.status >= 500:
            wait = seconds_to_wait(answer.headers.get("Retry-After"), time.time())
            unknown = items if answer.status >= 500 or answer.status in UNKNOWN_STATUSES else ()
            message = f"the shop answered HTTP {answer.status}"
            return self.failure(Outcome.RETRY, unknown, f"http_{answer.status}", message, retry_after=wait, **facts)
        message = f"the shop refused the request (HTTP {answer.status})"
        return self.failure(Outcome.REFUSED, (), f"http_{answer.status}", message, **facts)

    def read_accepted(self, answer: Answer, items: Sequence[Item], facts: dict[str, Any]) -> SendResult:
        if answer.status == 204:
            return SendResult(Outcome.DONE, accepted=skus(items), **facts)
        try:
            parsed = msgspec.json.decode(answer.body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            message = f"HTTP {answer.status}, but the answer is not JSON"
            return self.failure(Outcome.BROKEN, items, "bad_answer", message, **facts)
        return self.read_items(parsed, items, facts)

    def read_items(self, parsed: Any, items: Sequence[Item], facts: dict[str, Any]) -> SendResult:
        """What is not listed as an error was accepted, if the shop's answer leaves no doubt about which items."""
        sent = skus(items)
        errors = self.item_errors(parsed)
        rejected = {sku: reason for sku, reason in errors.items() if sku in sent}
        others = sent - rejected.keys()
        facts |= {"rejected": rejected}
        if others and self.search(self.contract.success, parsed) is False:
            message = "the shop's answer says that it did not work"
            return SendResult(Outcome.REFUSED, error_kind="refused", message=message, **facts)
        if doubt := self.doubt(parsed, errors.keys() - sent, len(others)):
            return SendResult(Outcome.BROKEN, unknown=others, error_kind="bad_answer", message=doubt, **facts)
        return SendResult(Outcome.DONE, accepted=others, **facts)

    def doubt(self, parsed: Any, strangers: Collection[str], count: int) -> str:
        """Why it is not known which of the others were accepted; empty if it is."""
        if strangers:
            return f"the shop lists {len(strangers)} errors that name no item of the request"
        counted = self.search(self.contract.accepted_count, parsed)
        if isinstance(counted, int) and not isinstance(counted, bool) and counted != count:
            return f"the shop counts {counted} accepted items of {count}"
        return ""

    def item_errors(self, parsed: Any) -> dict[str, str]:
        """The listed errors by SKU. One that names no SKU stands under a name that no item has."""
        listed = self.search(self.contract.errors, parsed) or []
        errors = {}
        for number, error in enumerate(listed if isinstance(listed, list) else [listed]):
            sku, reason = self.search(self.contract.error_sku, error), self.search(self.contract.error_reason, error)
            name = str(sku) if isinstance(sku, str | int) else f"\n{number}"
            errors[name] = self.redact(str(reason or "refused without a reason"))[:REASON_LIMIT]
        return errors

    def search(self, expression: str, value: Any) -> Any:
        return jmespath.search(expression, value) if isinstance(value, dict) else None

    def failure(self, outcome: Outcome, unknown: Sequence[Item], kind: str, message: str, **facts: Any) -> SendResult:
        return SendResult(outcome, unknown=skus(unknown), error_kind=kind, message=self.redact(message), **facts)

    def redact(self, text: str) -> str:
        for secret in (self.endpoint.api_key, self.endpoint.api_secret, self.basic_credentials()):
            if secret:
                text = text.replace(secret, "***")
        return text.replace("\x00", "")  # PostgreSQL stores none

    def describe(self, exc: Exception) -> str:
        return self.redact(f"{type(exc).__name__}: {exc}")

    # --- test connection --------------------------------------------------------------------------------

    def test_connection(self) -> ConnectionResult:
        """A GET of the endpoint: it changes nothing in the shop."""
        started = time.monotonic()
        try:
            status = self.request("GET", None, {}).status
        except AnswerTooLarge as exc:
            return self.connection(False, "unexpected_answer", str(exc), None, started)
        except AddressRefusedError as exc:
            return self.connection(False, "address_refused", str(exc), None, started)
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            return self.connection(False, classify(exc)[0], self.describe(exc), None, started)
        kind, message = connection_cause(status)
        return self.connection(kind == "ok", kind, message, status, started)

    def connection(self, ok: bool, kind: str, message: str, status: int | None, started: float) -> ConnectionResult:
        return ConnectionResult(ok, kind, message, status, round((time.monotonic() - started) * 1000))


def connection_cause(status: int) -> tuple[str, str]:
    """(kind, message) of a GET's status. An endpoint that only takes a push answers 400 or 405: it is there."""
    if status in (401, 403):
        return "credentials", f"the shop refused the credentials (HTTP {status})"
    if status == 404:
        return "wrong_path", "the shop is there, but not this path (HTTP 404)"
    if status < 300 or status in (400, 405, 422):
        return "ok", f"the shop answers (HTTP {status})"
    return "unexpected_answer", f"the shop answered HTTP {status}"
