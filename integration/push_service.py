"""The story of a push: a chunk is claimed, sent, and written down; then it is decided what comes next.

start_push -> plan_push -> send_chunk ... send_chunk -> (the last one ends the push and starts what was asked since)
"""

import logging
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db import transaction
from django.utils import timezone

from integration import changes, history
from integration.models import Outlet, OutletProduct, PushAttempt, PushChunk, PushHistory
from integration.platforms import contract_of, load
from integration.platforms.base import ConnectionResult, Endpoint, Item, Outcome, Platform, SendResult
from integration.push_queue import (
    MISCONFIGURED,
    CannotPush,
    Ring,
    Started,
    abort_push,
    check_ready,
    confirm_time,
    go_on,
    plan_push,
    release_abandoned,
    start_push,
)
from integration.retry import seconds_until_retry

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.05
VALUES = ("selling_price", "stock_status")


class ItemsDisagree(ValueError):
    """Rows to push that the dashboard does not hold; each is named with its reason."""


# --- send -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sending:
    """One attempt at one chunk, from its claim to its answer."""

    claim: history.Claim
    attempt: PushAttempt
    items: Sequence[Item]

    @property
    def push(self) -> PushHistory:
        return self.claim.chunk.push


def send_chunk(chunk_id: int, now: datetime) -> list[Ring]:
    """Send one chunk once, if it is there to be sent. A message that was delivered twice finds nothing to do.

    The values are read with the claim; no transaction is open while the shop is asked.
    """
    try:
        sending, rings = prepare(chunk_id, now)
    except MISCONFIGURED as exc:
        return abort_push(PushChunk.objects.get(pk=chunk_id).push_id, str(exc), now)
    if sending is None:
        return rings
    result = ask_shop(sending)
    return record(sending, result, timezone.now())


@transaction.atomic
def prepare(chunk_id: int, now: datetime) -> tuple[Sending | None, list[Ring]]:
    """Claim the chunk, read its items and write its attempt; or what to ring if there is nothing to send."""
    claim = history.claim_chunk(chunk_id)
    if claim is None:
        return None, []
    outlet = claim.chunk.push.outlet
    if not (outlet.is_active and outlet.push_enabled):
        return None, refuse_chunk(claim, f"{outlet}: pushing was switched off meanwhile", now)
    items = read_chunk(claim, now)
    if not items:
        history.release_claim(claim, status=PushChunk.Status.DONE)
        return None, go_on(claim.chunk.push_id, now)
    attempt = history.start_attempt(claim.chunk, changes.as_rows(items), now)
    return Sending(claim, attempt, items), []


def read_chunk(claim: history.Claim, now: datetime) -> list[Item]:
    """The chunk's current items. Products that came in since it was cut go into a chunk of their own."""
    chunk, size = claim.chunk, contract_of(claim.chunk.push.platform).batch_size
    items = changes.items_to_push(chunk.push.outlet_id, chunk.push.push_type, now)
    read = changes.read_items(items, chunk.first_id, chunk.last_id, size + 1)
    if len(read) > size:
        PushChunk.objects.create(push=chunk.push, first_id=read[size].product_id, last_id=chunk.last_id)
        PushChunk.objects.filter(pk=chunk.pk).update(last_id=read[size - 1].product_id)
    return read[:size]


def refuse_chunk(claim: history.Claim, error: str, now: datetime) -> list[Ring]:
    """End the push with the chunk; its items wait for the next one."""
    history.release_claim(claim, status=PushChunk.Status.FAILED)
    return abort_push(claim.chunk.push_id, error, now)


def ask_shop(sending: Sending) -> SendResult:
    """What the shop says. An adapter that raises has broken its promise; the chunk ends all the same."""
    adapter = load(sending.push.platform, endpoint_of(sending.push.outlet))
    try:
        return adapter.send(sending.items, f"chunk-{sending.claim.chunk.pk}")
    except Exception as exc:
        logger.exception("the adapter failed with chunk %d", sending.claim.chunk.pk)
        unknown = frozenset(item.sku for item in sending.items)
        return SendResult(Outcome.BROKEN, unknown=unknown, error_kind="adapter", message=type(exc).__name__)


def endpoint_of(outlet: Outlet) -> Endpoint:
    return Endpoint(outlet.api_endpoint, outlet.store_id, outlet.api_key, outlet.api_secret)


@transaction.atomic
def record(sending: Sending, result: SendResult, now: datetime) -> list[Ring]:
    """Write down what came of an attempt, if its claim still holds, and go on."""
    history.finish_attempt(sending.attempt, result, now)
    if not history.release_claim(sending.claim, **chunk_changes(sending, result, now)):
        confirm_stale(sending, result, now)
        return []
    record_items(sending, result, now)
    return decide(sending, result, now)


def confirm_stale(sending: Sending, result: SendResult, now: datetime) -> None:
    """Our answer came after the claim was lost: it may have overtaken a newer value, so send these once more."""
    at = confirm_time(sending.push.platform, now) if result.unknown else now
    changes.confirm_later([item.id for item in sending.items], at)


def chunk_changes(sending: Sending, result: SendResult, now: datetime) -> dict[str, Any]:
    counts = {
        "item_count": len(sending.items),
        "accepted_count": len(result.accepted),
        "rejected_count": len(result.rejected),
    }
    if result.outcome is Outcome.DONE:
        return {"status": PushChunk.Status.DONE, **counts}
    delay = retry_delay(sending, result)
    if delay is None:
        return {"status": PushChunk.Status.FAILED, **counts}
    return {"status": PushChunk.Status.WAITING, "not_before": now + timedelta(seconds=delay), "rung_at": now, **counts}


def retry_delay(sending: Sending, result: SendResult) -> float | None:
    """Seconds until the chunk is tried again; None if it is not."""
    contract = contract_of(sending.push.platform)
    failures = sending.claim.chunk.attempt_count
    if result.outcome not in (Outcome.RETRY, Outcome.BROKEN) or failures >= contract.attempts:
        return None
    chance = random.Random(f"{sending.claim.token}").random()
    return seconds_until_retry(failures, contract.backoff_seconds, chance, result.retry_after)


def record_items(sending: Sending, result: SendResult, now: datetime) -> None:
    accepted = [item for item in sending.items if item.sku in result.accepted]
    unknown = [item.id for item in sending.items if item.sku in result.unknown]
    changes.acknowledge(accepted, sending.attempt.started_at, now)
    history.clear_rejections(accepted)
    history.record_rejections(sending.items, result.rejected, now)
    changes.confirm_later(unknown, confirm_time(sending.push.platform, now))


def decide(sending: Sending, result: SendResult, now: datetime) -> list[Ring]:
    if result.outcome is Outcome.CREDENTIALS:
        history.fail_waiting_chunks(sending.push.pk)
    delay = retry_delay(sending, result) if result.outcome is not Outcome.DONE else None
    if delay is not None:
        return [Ring("chunk", sending.claim.chunk.pk, delay)]
    return go_on(sending.push.pk, now)


# --- the outlet's own service ---------------------------------------------------------------------------


class PushService:
    """What one outlet can be asked to do, in this process and at once."""

    def __init__(self, outlet: Outlet, platform: str | None = None) -> None:
        if platform and platform != outlet.platform:
            raise CannotPush(f"{outlet} is not on {platform}")
        self.outlet = outlet

    def test_connection(self) -> ConnectionResult:
        adapter: Platform = load(self.outlet.platform, endpoint_of(self.outlet))
        return adapter.test_connection()

    def push(
        self, data: Iterable[str | Mapping[str, Any]] | None = None, push_type: str = "partial"
    ) -> tuple[bool, dict[str, Any]]:
        """Push and wait for the end: (success, {"push_id", "status", "item_count", ...}).

        `data` names items to send even if the shop knows their values: SKUs, or rows of sku, selling_price,
        stock_status. What is sent are the dashboard's values; rows that say otherwise raise ItemsDisagree.
        """
        now = timezone.now()
        check_ready(self.outlet)
        if data is not None:
            send_again(self.outlet, data, now)
        return summary(run_started(start_push(self.outlet, push_type, PushHistory.Trigger.MANUAL, now)))


def send_again(outlet: Outlet, data: Iterable[str | Mapping[str, Any]], now: datetime) -> None:
    rows = [{"sku": row} if isinstance(row, str) else row for row in data]
    products = OutletProduct.objects.filter(outlet=outlet, product__sku__in=[row.get("sku") for row in rows])
    known = {product.product.sku: product for product in products.select_related("product")}
    problems = [text for number, row in enumerate(rows, 1) if (text := disagreement(number, row, known))]
    if problems:
        raise ItemsDisagree("; ".join(problems[:20]))
    changes.confirm_later([product.pk for product in known.values()], now)


def disagreement(number: int, row: Mapping[str, Any], known: Mapping[str, OutletProduct]) -> str:
    product = known.get(str(row.get("sku")))
    if product is None:
        return f"row {number}: sku {row.get('sku')!r} is not in the dashboard"
    for name in [name for name in VALUES if name in row]:
        held = getattr(product, name)
        if not is_same(row[name], held):
            return f"row {number}: {name} {row[name]} is not the dashboard's {held}"
    return ""


def is_same(given: object, held: Decimal | int) -> bool:
    try:
        return Decimal(str(given)) == held
    except InvalidOperation:
        return False


Progress = Callable[[int], None]


def run_started(started: Started, on_progress: Progress = lambda chunk_id: None) -> PushHistory | None:
    """Drive to its end, in this process, what was started; a push that was joined, and then the one asked for."""
    if started.push is None:
        return None
    push = run_push(started.push.pk, on_progress)
    following = PushHistory.objects.filter(outlet=push.outlet_id, status__in=PushHistory.OPEN).first()
    return run_push(following.pk, on_progress) if started.joined and following else push


def run_push(push_id: int, on_progress: Progress) -> PushHistory:
    """Drive a push to its end in this process. Workers may help: claims keep them apart."""
    plan_push(push_id, timezone.now())
    while (push := PushHistory.objects.get(pk=push_id)).is_open:
        chunk_id = due_chunk(push_id)
        if chunk_id is None:
            release_abandoned(timezone.now(), push=push_id)
            time.sleep(POLL_SECONDS)
            continue
        send_chunk(chunk_id, timezone.now())
        on_progress(chunk_id)
    return push


def due_chunk(push_id: int) -> int | None:
    waiting = PushChunk.objects.filter(push=push_id, status=PushChunk.Status.WAITING)
    return waiting.exclude(not_before__gt=timezone.now()).values_list("pk", flat=True).first()


def summary(push: PushHistory | None) -> tuple[bool, dict[str, Any]]:
    if push is None:
        return True, {"push_id": None, "status": "nothing to push", "item_count": 0}
    return push.status == PushHistory.Status.SUCCESS, {
        "push_id": push.pk,
        "status": push.status,
        "push_type": push.push_type,
        "item_count": push.item_count,
        "accepted_count": push.accepted_count,
        "rejected_count": push.rejected_count,
        "response_code": push.response_code,
        "response_message": push.response_message,
        "error_details": push.error_details,
    }
