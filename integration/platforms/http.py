"""An adapter over HTTP: a request as the contract says, and every failure mapped to one small vocabulary."""

import base64
import dataclasses
import functools
import hashlib
import hmac
import re
import time
from collections.abc import Sequence
from typing import Any

import httpx

from integration.platforms.answers import (
    EXCERPT_LIMIT,
    REASON_LIMIT,
    Answer,
    connection_cause,
    most_entries,
    parse,
    read_items,
    read_job,
    read_push,
    search,
    seconds_to_wait,
)
from integration.platforms.base import (
    ConnectionResult,
    Endpoint,
    Item,
    Outcome,
    Preview,
    SendResult,
    ShopItem,
    ShopPage,
    skus,
)
from integration.platforms.contract import Contract
from integration.platforms.exchange import Request, ask
from integration.platforms.hosts import host_of, name_of
from integration.platforms.mapping import encode_body, fill_all, fill_url
from integration.platforms.read_back import page_query, read_answer, without_page
from integration.platforms.secret_forms import LONGEST_FORM, any_form

MESSAGE_LIMIT = 2 * REASON_LIMIT
LONGEST_LIST = 100  # pages of a job's items
REQUEST_LIMIT = 2000  # characters kept of a request's body
MASKED = "__masked__"  # nothing that a URL would escape
# How the collected pages of a job read.
LISTED = {"errors": "@", "success": "", "message": "", "accepted_count": ""}


class HttpPlatform:
    """Speaks any contract. A platform that needs code overrides one method."""

    default_contract = Contract()

    def __init__(self, contract: Contract, endpoint: Endpoint) -> None:
        self.contract = contract
        self.endpoint = endpoint

    # --- the request ------------------------------------------------------------------------------------

    def authentication(self) -> dict[str, str]:
        contract, endpoint = self.contract, self.endpoint
        second = {contract.secret_header: endpoint.api_secret} if contract.secret_header else {}
        match contract.auth:
            case "header":
                return second | ({contract.auth_header: endpoint.api_key} if endpoint.api_key else {})
            case "bearer":
                return second | {"Authorization": f"Bearer {endpoint.api_key}"}
            case "oauth2":
                return second | {"Authorization": f"Bearer {endpoint.access_token}"}
            case "basic":
                return second | {"Authorization": f"Basic {self.basic_credentials()}"}
        return second

    def basic_credentials(self) -> str:
        pair = f"{self.endpoint.api_key}:{self.endpoint.api_secret}".encode()
        return base64.b64encode(pair).decode("ascii")

    def signature(self, body: bytes) -> dict[str, str]:
        contract = self.contract
        if not contract.signature_header:
            return {}
        mac = hmac.new(self.endpoint.api_secret.encode(), body, contract.signature_digest)
        is_hex = contract.signature_format == "hex"
        text = mac.hexdigest() if is_hex else base64.b64encode(mac.digest()).decode("ascii")
        return {contract.signature_header: text}

    def headers(self) -> dict[str, str]:
        own = fill_all(self.contract.headers, self.endpoint)
        return {"Accept": "application/json", "Accept-Encoding": "identity", **own, **self.authentication()}

    def url(self, template: str, **values: str) -> httpx.URL:
        """With the query beside what the endpoint's own address asks for."""
        key = {self.contract.auth_query: self.endpoint.api_key} if self.contract.auth == "query" else {}
        query = fill_all(self.contract.query, self.endpoint) | key
        return httpx.URL(fill_url(template, self.endpoint, **values)).copy_merge_params(query)

    def build(self, items: Sequence[Item], request_key: str, revision: int = 0) -> Request:
        """The request for these items. Its key is the same as long as its content is."""
        contract = self.contract
        content = encode_body(contract, self.endpoint, items, revision)
        key = f"{request_key}-{hashlib.sha256(content).hexdigest()[:32]}"
        body = encode_body(contract, self.endpoint, items, revision, key) if contract.idempotency_key else content
        headers = {"Content-Type": "application/json", **self.headers(), **self.signature(body)}
        if contract.idempotency_header:
            headers[contract.idempotency_header] = key
        sku = items[0].sku if contract.single_item else ""
        return Request(contract.method, self.url(contract.url, sku=sku), headers, body)

    # --- sending ----------------------------------------------------------------------------------------

    def send(self, items: Sequence[Item], request_key: str, revision: int = 0) -> SendResult:
        """One request for each of the contract's steps, until one does not work."""
        started = time.monotonic()
        rejected: dict[str, str] = {}
        begun: frozenset[str] = frozenset()  # what a step before the last has brought into the shop
        *_, last = self.contract.steps
        for step in self.contract.steps:
            left = [item for item in items if item.sku not in rejected]
            result = type(self)(step, self.endpoint).send_step(left, request_key, revision)
            rejected |= result.rejected
            begun |= result.accepted if step is not last else frozenset()
            if result.outcome is not Outcome.DONE or not result.accepted:
                break
        accepted = result.accepted if step is last else frozenset()
        unknown = result.unknown | (begun - accepted)
        elapsed = time.monotonic() - started
        return dataclasses.replace(
            result, accepted=accepted, rejected=rejected, unknown=unknown, elapsed_seconds=elapsed
        )

    def send_step(self, items: Sequence[Item], request_key: str, revision: int) -> SendResult:
        request = self.build(items, request_key, revision)
        size = len(request.body or b"")
        if self.contract.max_bytes and size > self.contract.max_bytes:
            message = f"{size} bytes are more than max_bytes ({self.contract.max_bytes})"
            return SendResult(Outcome.REFUSED, error_kind="too_large", message=message)
        answer = self.ask(request, items)
        result = read_push(self.contract, answer, items) if isinstance(answer, Answer) else answer
        if result.job_id and self.redact(result.job_id) != result.job_id:
            message = "the job's name holds a secret"
            result = SendResult(Outcome.BROKEN, unknown=skus(items), error_kind="bad_answer", message=message)
        return dataclasses.replace(self.redacted(result), sent_bytes=size, request=self.excerpt_of(request))

    def ask(self, request: Request, items: Sequence[Item]) -> Answer | SendResult:
        host = name_of(request.url)
        if host not in {host_of(self.endpoint.url), *self.endpoint.trusted_hosts}:
            message = f"the contract leads to {host}, which was not so when the key was entered"
            return SendResult(Outcome.FORBIDDEN, error_kind="host_not_trusted", message=message)
        return ask(request, items, self.endpoint.allow_private, self.contract.timeout_seconds)

    # --- jobs -------------------------------------------------------------------------------------------

    def poll(self, job_id: str, items: Sequence[Item]) -> SendResult:
        job = self.contract.job
        if job is None:  # the contract has changed since the job began
            message = "the contract knows no jobs any more"
            return SendResult(Outcome.OVERDUE, unknown=skus(items), error_kind="job_lost", message=message)
        answer = self.get(job.url, job_id=job_id)
        if not isinstance(answer, Answer):
            return dataclasses.replace(self.redacted(answer), outcome=Outcome.JOB, unknown=frozenset())
        result = read_job(job, self.contract, answer, items)
        if job.items_url and result.outcome is Outcome.DONE:
            result = self.read_pages(job_id, items, result)
        return self.redacted(result)

    def read_pages(self, job_id: str, items: Sequence[Item], done: SendResult) -> SendResult:
        """The outcomes of a job's items, from as many pages as there are."""
        job = self.contract.job
        assert job is not None
        listed: list[Any] = []
        for page in range(1, LONGEST_LIST + 1):
            answer = self.get(job.items_url, job_id=job_id, page=str(page))
            found = self.read_page(answer) if isinstance(answer, Answer) else None
            if found is None:
                wait = seconds_to_wait(answer.retry_after, time.time()) if isinstance(answer, Answer) else None
                return dataclasses.replace(
                    done, outcome=Outcome.JOB, accepted=frozenset(), retry_after=wait, message="no list yet"
                )
            listed += found
            if len(listed) > most_entries(len(items)):
                break
            if not found or "{page}" not in job.items_url:
                break
        else:
            return dataclasses.replace(
                done, outcome=Outcome.JOB, accepted=frozenset(), message=f"more than {LONGEST_LIST} pages are listed"
            )
        facts = {"status_code": done.status_code, "excerpt": done.excerpt, "received_bytes": done.received_bytes}
        return read_items(job.answer.model_copy(update=LISTED), listed, items, facts)

    def read_page(self, answer: Answer) -> list[Any] | None:
        """None if it is no list: then nothing is known of the items that would stand there."""
        job, parsed = self.contract.job, parse(answer.body)
        if job is None or answer.status not in self.contract.accepted_statuses:
            return None
        found = search(job.answer.errors, parsed)
        return found if isinstance(found, list) and search(job.answer.success, parsed) is not False else None

    def get(self, template: str, **values: str) -> Answer | SendResult:
        return self.get_from(self.url(template, **values))

    def get_from(self, url: httpx.URL) -> Answer | SendResult:
        return self.ask(Request("GET", url, self.headers() | self.signature(b"")), ())

    # --- reading back -----------------------------------------------------------------------------------

    def read_shelf(self, place: str = "") -> ShopPage:
        """A page of what the shop has. What is no page is put into the words of a push's answer."""
        url = self.page_url(place)
        answer = self.get_from(url)
        page = read_answer(self.contract, answer, place, url) if isinstance(answer, Answer) else without_page(answer)
        items = tuple(map(self.without_secrets, page.items))
        return dataclasses.replace(page, items=items, message=self.redact(page.message)[:MESSAGE_LIMIT])

    def without_secrets(self, item: ShopItem) -> ShopItem:
        """A shop may answer with what it was sent."""
        if not item.problem and not any(secret in item.sku for secret in self.secrets):
            return item
        return item._replace(sku=self.redact(item.sku), problem=self.redact(item.problem))

    def page_url(self, place: str) -> httpx.URL:
        read_back = self.contract.read_back
        if read_back is None:
            raise ValueError("the contract cannot read back")
        if read_back.paging == "link" and place:
            key = {self.contract.auth_query: self.endpoint.api_key} if self.contract.auth == "query" else {}
            return httpx.URL(place).copy_merge_params(key)
        own = fill_all(read_back.query, self.endpoint) | page_query(read_back, place)
        return self.url(read_back.url).copy_merge_params(own)

    # --- secrets ----------------------------------------------------------------------------------------

    def redacted(self, result: SendResult) -> SendResult:
        return dataclasses.replace(
            result,
            message=self.redact(result.message)[:MESSAGE_LIMIT],
            excerpt=self.redact(result.excerpt)[:EXCERPT_LIMIT],
            rejected={sku: self.redact(reason)[:REASON_LIMIT] for sku, reason in result.rejected.items()},
        )

    def redact(self, text: str) -> str:
        for pattern in self.secret_patterns:
            text = pattern.sub("***", text)
        return text.replace("\x00", "")  # PostgreSQL stores none

    def excerpt_of(self, request: Request) -> str:
        """The request as it is kept. A secret that ends beyond what is read is cut off, and never in half."""
        margin = LONGEST_FORM * len(self.secrets[0])
        limit = REQUEST_LIMIT + margin
        piece = (request.body or b"")[: 4 * limit].decode("utf-8", "replace")[:limit]
        shown = self.mask(request, piece)
        body = shown.body[:-margin] if len(piece) == limit else shown.body
        return shown._replace(body=body[:REQUEST_LIMIT]).text

    @functools.cached_property
    def secrets(self) -> list[str]:
        """The longest first, for one may hold another."""
        endpoint = self.endpoint
        secrets = {endpoint.api_key, endpoint.api_secret, endpoint.access_token, self.basic_credentials()}
        return sorted(secrets - {""}, key=len, reverse=True)

    @functools.cached_property
    def secret_patterns(self) -> list[re.Pattern[str]]:
        return [re.compile(any_form(secret)) for secret in self.secrets]

    # --- looking before sending -------------------------------------------------------------------------

    def preview(self, items: Sequence[Item], request_key: str = "chunk-0", revision: int = 0) -> list[Preview]:
        adapters = [type(self)(step, self.endpoint) for step in self.contract.steps]
        return [adapter.masked(adapter.build(items, request_key, revision)) for adapter in adapters]

    def masked(self, request: Request) -> Preview:
        return self.mask(request, (request.body or b"").decode())

    def mask(self, request: Request, body: str) -> Preview:
        hidden = {name.lower() for name in (*self.authentication(), *self.signature(b""))}
        sent = request.headers.items()
        headers = {name: "***" if name.lower() in hidden else self.redact(text) for name, text in sent}
        return Preview(request.method, self.redact(self.shown_url(request.url)), headers, self.redact(body))

    def shown_url(self, url: httpx.URL) -> str:
        """Without what the endpoint's own address holds beside its path: there may be a key in it."""
        own = httpx.URL(self.endpoint.url)
        names = set(own.params) & set(url.params) - set(self.contract.query)
        shown = url.copy_merge_params(dict.fromkeys(names, MASKED)) if names else url
        return str(shown.copy_with(userinfo=MASKED.encode()) if url.userinfo else shown).replace(MASKED, "***")

    def read_sample(self, status: int, body: bytes, items: Sequence[Item]) -> SendResult:
        return self.redacted(read_push(self.contract, Answer(status, body), items))

    # --- test connection --------------------------------------------------------------------------------

    def test_connection(self) -> ConnectionResult:
        """A GET: it changes nothing in the shop."""
        started = time.monotonic()
        sku = "test-connection" if self.contract.single_item else ""
        answer = self.get(self.contract.connection_url or self.contract.url, sku=sku)
        elapsed_ms = round((time.monotonic() - started) * 1000)
        if isinstance(answer, Answer):
            kind, message = connection_cause(answer.status, self.contract)
            return ConnectionResult(kind == "ok", kind, message, answer.status, elapsed_ms)
        kind = "unexpected_answer" if answer.error_kind == "answer_too_large" else answer.error_kind
        return ConnectionResult(False, kind, self.redact(answer.message), None, elapsed_ms)
