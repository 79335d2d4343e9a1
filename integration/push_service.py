"""The story of a push: start it, plan its chunks, send each, decide what comes next.

    start_push -> plan_push -> send_chunk ... send_chunk -> (the last one ends the push and starts what was asked since)

Every step leaves rows and returns what to ring; who rings, and whether anybody hears it, does not matter.
"""

import logging
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from integration import changes, history
from integration.models import Outlet, OutletProduct, PushAttempt, PushChunk, PushHistory
from integration.platforms import contract_of, load
from integration.platforms.base import ConnectionResult, Endpoint, Item, Outcome, Platform, SendResult
from integration.retry import seconds_until_retry

logger = logging.getLogger(__name__)

PLAN_BATCH = 1000
POLL_SECONDS = 0.05


class CannotPush(Exception):
    """The outlet is not set up or not allowed to push; the message says what to change."""


class ItemsDisagree(ValueError):
    """Rows to push that the dashboard does not hold; each is named with its reason."""


class Ring(NamedTuple):
    """Somebody should look at this push (plan it) or this chunk (send it)."""

    kind: str  # "push" or "chunk"
    id: int
    delay: float = 0  # seconds


@dataclass(frozen=True, slots=True)
class Started:
    """`push` is None when there was nothing to push; `joined` when another one was already open."""

    push: PushHistory | None
    joined: bool = False

    @property
    def rings(self) -> list[Ring]:
        return [Ring("push", self.push.pk)] if self.push and not self.joined else []


# --- start ----------------------------------------------------------------------------------------------


def check_ready(outlet: Outlet) -> None:
    if not outlet.is_active:
        raise CannotPush(f"{outlet} is not active: activate the outlet first")
    if not outlet.push_enabled:
        raise CannotPush(f"{outlet}: pushing is switched off: set push_enabled")
    if not outlet.api_endpoint and outlet.platform != "memory":
        raise CannotPush(f"{outlet} has no API endpoint: set api_endpoint")


def start_push(
    outlet: Outlet, push_type: str, trigger: str, now: datetime, created_by_id: int | None = None
) -> Started:
    """Open a push, or join the one that is open: it then starts what was asked for when it ends."""
    check_ready(outlet)
    if not changes.items_to_push(outlet.pk, push_type, now).exists():
        return Started(None)
    asked = {"next_push_type": push_type, "next_trigger": trigger, "next_created_by_id": created_by_id}
    while True:
        try:
            with transaction.atomic():
                return Started(open_push(outlet, push_type, trigger, now, created_by_id))
        except IntegrityError:
            if joined := join_push(outlet, asked):
                return Started(joined, joined=True)


def open_push(
    outlet: Outlet, push_type: str, trigger: str, now: datetime, created_by_id: int | None
) -> PushHistory:
    return PushHistory.objects.create(
        outlet=outlet,
        platform=outlet.platform,
        push_type=push_type,
        trigger=trigger,
        push_timestamp=now,
        created_by_id=created_by_id,
    )


def join_push(outlet: Outlet, asked: dict[str, Any]) -> PushHistory | None:
    """None if the open push has ended meanwhile. A full push that was asked for is not reduced to a partial one."""
    open_pushes = PushHistory.objects.filter(outlet=outlet, status__in=PushHistory.OPEN)
    if asked["next_push_type"] == PushHistory.PushType.PARTIAL:
        open_pushes.exclude(next_push_type=PushHistory.PushType.FULL).update(**asked)
    else:
        open_pushes.update(**asked)
    return open_pushes.first()


# --- plan -----------------------------------------------------------------------------------------------


def plan_push(push_id: int, now: datetime) -> list[Ring]:
    """Cut the push into chunks. Planning twice, or at once in two workers, is planning once."""
    push = PushHistory.objects.select_related("outlet").get(pk=push_id)
    if push.status != PushHistory.Status.QUEUED:
        return []
    items = changes.items_to_push(push.outlet_id, push.push_type, now)
    slices = changes.cut(items, contract_of(push.platform).batch_size)
    with transaction.atomic():
        push = history.lock_push(push_id)
        if push.status != PushHistory.Status.QUEUED:
            return []
        return open_chunks(push, slices, now)


def open_chunks(push: PushHistory, slices: list[changes.Slice], now: datetime) -> list[Ring]:
    chunks = [PushChunk(push=push, first_id=s.first_id, last_id=s.last_id) for s in slices]
    PushChunk.objects.bulk_create(chunks, batch_size=PLAN_BATCH)
    push.status = PushHistory.Status.RUNNING
    push.item_count = sum(s.item_count for s in slices)
    push.save(update_fields=["status", "item_count"])
    if not chunks:
        return end_push(push, now)
    return ring_window(push.pk, now)


def ring_window(push_id: int, now: datetime) -> list[Ring]:
    chunk_ids = (history.next_chunk(push_id, now) for _ in range(settings.PUSH_WINDOW))
    return [Ring("chunk", chunk_id) for chunk_id in chunk_ids if chunk_id is not None]


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
    sending, rings = prepare(chunk_id, now)
    if sending is None:
        return rings
    result = ask_shop(sending)
    return record(sending, result, timezone.now())


def prepare(chunk_id: int, now: datetime) -> tuple[Sending | None, list[Ring]]:
    with transaction.atomic():
        claim = history.claim_chunk(chunk_id)
        if claim is None:
            return None, []
        items = read_chunk(claim, now)
        if not items or not claim.chunk.push.outlet.push_enabled:
            return None, skip_chunk(claim, bool(items), now)
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


def skip_chunk(claim: history.Claim, has_items: bool, now: datetime) -> list[Ring]:
    """Nothing left to send, or the outlet was switched off meanwhile: then its items wait for the next push."""
    status = PushChunk.Status.FAILED if has_items else PushChunk.Status.DONE
    history.release_claim(claim, status=status)
    return go_on(claim.chunk.push_id, now)


def ask_shop(sending: Sending) -> SendResult:
    """What the shop says. An adapter that raises has broken its promise; the chunk ends all the same."""
    adapter = load(sending.push.platform, endpoint_of(sending.push.outlet))
    try:
        return adapter.send(sending.items, f"chunk-{sending.claim.chunk.pk}")
    except Exception as exc:
        logger.exception("adapter failed", extra={"chunk_id": sending.claim.chunk.pk})
        unknown = frozenset(item.sku for item in sending.items)
        return SendResult(Outcome.BROKEN, unknown=unknown, error_kind="adapter", message=type(exc).__name__)


def endpoint_of(outlet: Outlet) -> Endpoint:
    return Endpoint(outlet.api_endpoint, outlet.store_id, outlet.api_key, outlet.api_secret)


@transaction.atomic
def record(sending: Sending, result: SendResult, now: datetime) -> list[Ring]:
    """Write down what came of an attempt, if its claim still holds, and go on."""
    history.finish_attempt(sending.attempt, result, now)
    if not history.release_claim(sending.claim, **chunk_changes(sending, result, now)):
        confirm_stale(sending, now)
        return []
    record_items(sending, result, now)
    return decide(sending, result, now)


def confirm_stale(sending: Sending, now: datetime) -> None:
    """Our answer came after the claim was lost: it may have overtaken a newer value, so send these once more."""
    changes.confirm_later([item.id for item in sending.items], now)


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
    changes.confirm_later(unknown, confirm_time(sending.push, now))


def confirm_time(push: PushHistory, now: datetime) -> datetime:
    return now + timedelta(seconds=contract_of(push.platform).processing_seconds)


def decide(sending: Sending, result: SendResult, now: datetime) -> list[Ring]:
    if result.outcome is Outcome.CREDENTIALS:
        history.fail_waiting_chunks(sending.push.pk)
    delay = retry_delay(sending, result) if result.outcome is not Outcome.DONE else None
    if delay is not None:
        return [Ring("chunk", sending.claim.chunk.pk, delay)]
    return go_on(sending.push.pk, now)


# --- go on ----------------------------------------------------------------------------------------------


def go_on(push_id: int, now: datetime) -> list[Ring]:
    """Ring the next chunk, or end the push with its last one. Runs inside the transaction that ended a chunk."""
    push = history.lock_push(push_id)
    chunk_id = history.next_chunk(push_id, now)
    if chunk_id is not None:
        return [Ring("chunk", chunk_id)]
    if push.is_open and not history.has_open_chunks(push_id):
        return end_push(push, now)
    return []


def end_push(push: PushHistory, now: datetime) -> list[Ring]:
    """Give the push its final state, and start at once what was asked for while it was open."""
    history.close_push(push, now)
    logger.info("push ended", extra={"push_id": push.pk, "status": push.status})
    if not push.next_push_type:
        return []
    try:
        return start_push(push.outlet, push.next_push_type, push.next_trigger, now, push.next_created_by_id).rings
    except CannotPush as exc:
        logger.warning("no follow-up: %s", exc)
        return []


# --- sweep ----------------------------------------------------------------------------------------------


def sweep(now: datetime) -> list[Ring]:
    """Find what was left behind: abandoned claims, lost messages, pushes that nobody ended, items to confirm."""
    rings = [ring for chunk in history.abandoned_chunks() for ring in release_abandoned(chunk, now)]
    rings += [Ring("push", pk) for pk in history.unplanned_pushes(now).values_list("pk", flat=True)]
    rings += ring_unheard(now)
    for push_id in history.finished_pushes().values_list("pk", flat=True):
        with transaction.atomic():
            rings += go_on(push_id, now)
    if rings:
        logger.warning("the sweep rescued %d pushes or chunks", len(rings))
    return rings + start_confirmations(now)


@transaction.atomic
def release_abandoned(chunk: PushChunk, now: datetime) -> list[Ring]:
    """A worker died, or lost its database, between claim and write-back: what it sent may have arrived."""
    push = PushHistory.objects.get(pk=chunk.push_id)
    token = chunk.claim_token
    if token is None:
        return []
    again = chunk.attempt_count < contract_of(push.platform).attempts
    status = PushChunk.Status.WAITING if again else PushChunk.Status.FAILED
    if not history.release_claim(history.Claim(chunk, token), status=status, rung_at=now):
        return []
    confirm_abandoned(chunk, push, now)
    return [Ring("chunk", chunk.pk)] if again else go_on(push.pk, now)


def confirm_abandoned(chunk: PushChunk, push: PushHistory, now: datetime) -> None:
    for attempt in PushAttempt.objects.filter(chunk=chunk, finished_at__isnull=True):
        lost = SendResult(Outcome.RETRY, error_kind="worker_lost", message="the worker did not report back")
        history.finish_attempt(attempt, lost, now)
        sent = [row[0] for row in attempt.items]
        changes.confirm_later(sent, confirm_time(push, now))


def ring_unheard(now: datetime) -> list[Ring]:
    chunk_ids = list(history.unheard_chunks(now).values_list("pk", flat=True))
    PushChunk.objects.filter(pk__in=chunk_ids).update(rung_at=now)
    return [Ring("chunk", chunk_id) for chunk_id in chunk_ids]


def start_confirmations(now: datetime) -> list[Ring]:
    due = OutletProduct.objects.filter(confirm_at__lte=now).values("outlet_id")
    idle = Outlet.objects.filter(pk__in=due, is_active=True, push_enabled=True)
    idle = idle.exclude(pushes__status__in=PushHistory.OPEN)
    rings = []
    for outlet in idle:
        rings += start_push(outlet, PushHistory.PushType.PARTIAL, PushHistory.Trigger.CONFIRM, now).rings
    return rings


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
        started = start_push(self.outlet, push_type, PushHistory.Trigger.MANUAL, now)
        if started.push is None:
            return True, {"push_id": None, "status": "nothing to push", "item_count": 0}
        return summary(run_push(started.push.pk))


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
    if "selling_price" in row and Decimal(str(row["selling_price"])) != product.selling_price:
        return f"row {number}: selling_price {row['selling_price']} is not the dashboard's {product.selling_price}"
    if "stock_status" in row and int(row["stock_status"]) != product.stock_status:
        return f"row {number}: stock_status {row['stock_status']} is not the dashboard's {product.stock_status}"
    return ""


def run_push(push_id: int, on_progress: Callable[[int], None] = lambda chunk_id: None) -> PushHistory:
    """Drive a push to its end in this process. Workers may help: claims keep them apart."""
    plan_push(push_id, timezone.now())
    while True:
        push = PushHistory.objects.select_related("outlet").get(pk=push_id)
        if not push.is_open:
            return push
        due = PushChunk.objects.filter(push=push, status=PushChunk.Status.WAITING)
        chunk_id = due.exclude(not_before__gt=timezone.now()).values_list("pk", flat=True).first()
        if chunk_id is None:
            time.sleep(POLL_SECONDS)
            continue
        send_chunk(chunk_id, timezone.now())
        on_progress(chunk_id)


def summary(push: PushHistory) -> tuple[bool, dict[str, Any]]:
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
