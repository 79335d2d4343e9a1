"""What a push would send, and how an answer would be read; nothing is sent."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import httpx
import msgspec

from integration import changes
from integration.contracts import contract_of
from integration.models import Outlet
from integration.platforms import load
from integration.platforms.answers import Answer, read_job
from integration.platforms.base import Endpoint, Item, Outcome, Platform, Preview, SendResult
from integration.platforms.contract import Contract
from integration.platforms.hosts import host_of, hosts_of
from integration.platforms.http import HttpPlatform
from integration.platforms.sample_answer import sample_answer
from integration.sending import endpoint_of

MADE_UP_ITEMS = [Item(1, 1, "100001", Decimal("13.90"), 1), Item(2, 2, "100002", Decimal("4.50"), 0)]
MADE_UP_ENDPOINT = Endpoint("https://shop.example/api", "14", "the-outlet-s-api-key", "the-outlet-s-api-secret")


class CannotPreview(ValueError):
    """No request can be made of the contract; the message says why."""


def preview_requests(outlet: Outlet, item_count: int, now: datetime) -> list[Preview]:
    """The requests for the first items that a push would send; secrets are masked."""
    contract = contract_of(outlet.platform)
    items = first_items(outlet, contract, item_count, now)
    return load(outlet.platform, contract, endpoint_of(outlet)).preview(items) if items else []


def preview_answer(outlet: Outlet, item_count: int, now: datetime, status: int, body: bytes) -> SendResult:
    """How this answer to that request would be read."""
    contract = contract_of(outlet.platform)
    items = first_items(outlet, contract, item_count, now)
    return load(outlet.platform, contract, endpoint_of(outlet)).read_sample(status, body, items)


def first_items(outlet: Outlet, contract: Contract, count: int, now: datetime) -> list[Item]:
    """Those that a partial push would send, or where it would send none, those of a full one."""
    size = min(count, contract.batch_size)
    for push_type in ("partial", "full"):
        if items := changes.read_items(changes.items_to_push(outlet.pk, push_type, now), 0, 2**62, size):
            return items
    return []


# --- a contract that need not be stored ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Trial:
    """A contract, tried with an outlet's endpoint and first items. Whatever it gives out is free of the secrets."""

    contract: Contract
    endpoint: Endpoint
    items: list[Item]
    adapter: Platform
    redact: Callable[[str], str]

    def requests(self) -> list[Preview]:
        try:
            found = self.adapter.preview(self.items)
        except (httpx.InvalidURL, UnicodeError) as exc:
            raise CannotPreview(self.redact(f"url: {exc}")) from exc
        return [self.without_secrets(request) for request in found]

    def without_secrets(self, request: Preview) -> Preview:
        headers = {name: self.redact(text) for name, text in request.headers.items()}
        return Preview(request.method, self.redact(request.url), headers, pretty(self.redact(request.body)))

    def read(self, status: int, body: bytes) -> SendResult:
        """How this answer to the push would be read."""
        return self.censor(lambda: self.adapter.read_sample(status, body, self.items))

    def read_job(self, status: int, body: bytes) -> SendResult:
        """How this answer to the question for the job would be read."""
        job = self.contract.job
        assert job
        result = self.censor(lambda: read_job(job, self.contract, Answer(status, body), self.items))
        if job.items_url and result.outcome is Outcome.DONE:
            return dataclasses.replace(result, accepted=frozenset(), message="the items are asked for at items_url")
        return result

    def censor(self, read: Callable[[], SendResult]) -> SendResult:
        try:
            result = read()
        except (ValueError, ArithmeticError, RecursionError) as exc:  # what an expression may do to an answer
            raise CannotPreview(f"the answer cannot be read: {self.redact(str(exc))}") from exc
        rejected = {sku: self.redact(reason) for sku, reason in result.rejected.items()}
        message, job_id = self.redact(result.message), self.redact(result.job_id)
        return dataclasses.replace(
            result, message=message, job_id=job_id, rejected=rejected, excerpt=self.redact(result.excerpt)
        )

    def sample(self, *, of_job: bool = False) -> str:
        """An answer that the shop might give, with the status beneath."""
        read = self.read_job if of_job else self.read
        return sample_answer(self.contract, self.items, lambda body: read(self.sample_status, body), of_job=of_job)

    @property
    def sample_status(self) -> int:
        accepted = self.contract.accepted_statuses
        return 200 if 200 in accepted else min(accepted, default=200)

    @property
    def other_hosts(self) -> list[str]:
        """Hosts that get the outlet's key and are not its endpoint's."""
        return sorted(hosts_of(self.contract, self.endpoint) - {host_of(self.endpoint.url)})


def try_contract(platform: str, contract: Contract, outlet: Outlet | None, count: int, now: datetime) -> Trial:
    """Made-up items where the outlet has none, and a made-up address where it has none."""
    endpoint = endpoint_of(outlet) if outlet else MADE_UP_ENDPOINT
    endpoint = endpoint if endpoint.url else dataclasses.replace(endpoint, url=MADE_UP_ENDPOINT.url)
    items = first_items(outlet, contract, count, now) if outlet else []
    items = items or MADE_UP_ITEMS[: min(count, contract.batch_size)]
    return Trial(contract, endpoint, items, load(platform, contract, endpoint), HttpPlatform(contract, endpoint).redact)


def pretty(body: str) -> str:
    try:
        return msgspec.json.format(body, indent=2)
    except msgspec.DecodeError:
        return body
