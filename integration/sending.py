"""One attempt at a chunk, from its claim to what the shop says. Nothing is written here."""

import dataclasses
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from django.conf import settings
from django.utils import timezone

from integration import changes, claims
from integration.contracts import MISCONFIGURED, contract_at
from integration.models import Outlet, PushAttempt, PushHistory
from integration.platforms import load
from integration.platforms.base import Endpoint, Item, Outcome, Platform, SendResult, skus
from integration.platforms.contract import Contract
from integration.platforms.hosts import host_of, hosts_of
from integration.platforms.oauth import TokenError
from integration.platforms.transport import until
from integration.tokens import admit

logger = logging.getLogger(__name__)

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Sending:
    """One attempt at one chunk, from its claim to its answer."""

    claim: claims.Claim
    attempt: PushAttempt
    revision: int
    items: Sequence[Item]
    refused_before: frozenset[int]  # the ids of items that stand among the refused ones
    contract: Contract
    ends_at: float  # by the monotonic clock: no request of the attempt outlives its claim

    @property
    def push(self) -> PushHistory:
        return self.claim.chunk.push

    @property
    def job(self) -> dict[str, Any] | None:
        """What the shop has taken for later: then it is asked for, and nothing is sent."""
        job: dict[str, Any] | None = self.claim.chunk.job
        return job

    @property
    def is_late(self) -> bool:
        """The worker was held up since the claim: its values may be old."""
        return time.monotonic() > self.ends_at


def ask_shop(sending: Sending) -> SendResult:
    """What the shop says, or that it has not ended its job in time."""
    result = try_to_ask(sending)
    if sending.job is None or result.outcome is not Outcome.JOB:
        return result
    longest = sending.contract.job.deadline_seconds if sending.contract.job else 0
    if timezone.now() - sending.attempt.started_at <= timedelta(seconds=longest):
        return result
    message = f"the shop did not end its job within {longest:.0f} s ({result.message})"
    unknown = skus(sending.items) - sending.job["rejected"].keys()
    overdue = dataclasses.replace(result, outcome=Outcome.OVERDUE, unknown=unknown, message=message)
    return dataclasses.replace(overdue, error_kind="job_overdue", rejected=sending.job["rejected"])


def try_to_ask(sending: Sending) -> SendResult:
    """An adapter that raises has broken its promise; the chunk ends all the same."""
    try:
        with until(sending.ends_at):
            return admit_and_ask(sending)
    except TokenError as exc:
        return keep_job(sending, exc.result)
    except httpx.InvalidURL as exc:
        result = SendResult(Outcome.RETRY, error_kind="bad_url", message=f"InvalidURL: {exc}")
        return keep_job(sending, result)
    except Exception as exc:
        logger.exception("the adapter failed", extra={"chunk_id": sending.claim.chunk.pk})
        message = type(exc).__name__
        return SendResult(Outcome.BROKEN, unknown=skus(sending.items), error_kind="adapter", message=message)


def interrupted(sending: Sending) -> SendResult:
    """The process was told to end while the shop was asked."""
    unknown = skus(sending.items)
    result = SendResult(Outcome.RETRY, unknown=unknown, error_kind="interrupted", message="interrupted")
    return keep_job(sending, result)


def admit_and_ask(sending: Sending) -> SendResult:
    """An access token that the shop refuses is replaced once."""
    endpoint = admit(trusting_endpoint(sending.push.outlet, sending.contract), sending.contract)
    result = ask(sending, endpoint)
    if result.outcome is not Outcome.CREDENTIALS or not endpoint.access_token:
        return result
    try:
        again = ask(sending, admit(endpoint, sending.contract, instead_of=endpoint.access_token))
    except TokenError as exc:
        again = keep_job(sending, exc.result)
    unknown = again.unknown | (result.unknown - again.accepted)
    return dataclasses.replace(again, unknown=unknown, request=again.request or result.request)


def ask(sending: Sending, endpoint: Endpoint) -> SendResult:
    if sending.is_late:
        late = SendResult(Outcome.RETRY, error_kind="late", message="the worker was held up before it could send")
        return keep_job(sending, late)
    adapter = load(sending.push.platform, sending.contract, endpoint)
    if sending.job is None:
        return adapter.send(sending.items, f"chunk-{sending.claim.chunk.pk}", sending.revision)
    return poll(sending, sending.job, adapter)


def poll(sending: Sending, job: dict[str, Any], adapter: Platform) -> SendResult:
    """What became of the chunk's job; what the shop had refused at once stays refused.

    It is asked for all that was sent, for it may go by the items' places.
    """
    asked = changes.from_rows(sending.attempt.items)
    result = adapter.poll(job["id"], asked)
    known = job["rejected"].keys()
    rejected = {**result.rejected, **job["rejected"]}
    return dataclasses.replace(
        result, accepted=result.accepted - known, unknown=result.unknown - known, rejected=rejected
    )


def keep_job(sending: Sending, result: SendResult) -> SendResult:
    """Where the shop could not be asked for a job, it is asked again later."""
    again = sending.job is not None and result.outcome is Outcome.RETRY
    return dataclasses.replace(result, outcome=Outcome.JOB) if again else result


def endpoint_of(outlet: Outlet) -> Endpoint:
    allow_private = outlet.allow_private_address or settings.ALLOW_PRIVATE_ADDRESSES
    return Endpoint(outlet.api_endpoint, outlet.store_id, outlet.api_key, outlet.api_secret, allow_private)


def trusting_endpoint(outlet: Outlet, contract: Contract) -> Endpoint:
    """With the hosts beside its own that may have its credentials.

    Who may store contracts may not send a key elsewhere that somebody else has entered: hosts count that the contract
    led to when the key was entered. Costs a query only where the contract leads away from the endpoint's host.
    """
    endpoint = endpoint_of(outlet)
    if hosts_of(contract, endpoint) <= {host_of(endpoint.url)}:
        return endpoint
    try:
        earlier = contract_at(outlet.platform, entered_at(outlet))
    except MISCONFIGURED:
        return endpoint
    return dataclasses.replace(endpoint, trusted_hosts=hosts_of(earlier, endpoint))


def entered_at(outlet: Outlet) -> datetime:
    """Since when both secrets have stood; long ago where that is not known."""
    pairs = ((outlet.api_key, outlet.api_key_set_at), (outlet.api_secret, outlet.api_secret_set_at))
    times = [at or LONG_AGO for secret, at in pairs if secret]
    return min(times, default=timezone.now())
