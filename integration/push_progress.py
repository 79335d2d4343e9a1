"""How far pushes have come, what one would send, and what the shop refused of it. Queries for the pages."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import Case, Count, F, Min, Prefetch, Q, QuerySet, Sum, When
from django.db.models.functions import Greatest

from integration import changes
from integration.contracts import contract_or_default
from integration.history import judge_again, lift_quarantine, pushes
from integration.models import (
    UNSETTLED,
    EndpointHealth,
    Outlet,
    OutletProduct,
    PushAttempt,
    PushChunk,
    PushHistory,
    RejectedItem,
)
from integration.platforms.contract import Contract

SHORTEST = 1.0  # seconds below which a speed says nothing
RECENT = 5  # pushes that a recent speed is taken from
ENOUGH = 0.1  # of the items that are to be sent: so many have to be behind a recent speed
RELEASE_BATCH = 500
ENDED = (PushChunk.Status.DONE, PushChunk.Status.FAILED)


@dataclass(frozen=True, slots=True)
class Counts:
    """Of a push's chunks and their items, so far."""

    chunk_count: int = 0
    failed_count: int = 0
    accepted_count: int = 0
    rejected_count: int = 0
    done_count: int = 0  # items that nothing more is sent of
    retry_count: int = 0
    job_count: int = 0


def count_chunks(push_ids: Iterable[int]) -> dict[int, Counts]:
    """One query for all of them."""
    is_open = Q(status__in=PushChunk.OPEN)
    done = Case(When(is_open, then=F("accepted_count")), When(status__in=ENDED, then=F("item_count")), default=0)
    found = PushChunk.objects.filter(push__in=list(push_ids)).values("push").order_by()
    rows = found.annotate(
        chunk_count=Count("pk", filter=~Q(status=PushChunk.Status.SPLIT)),
        failed_count=Count("pk", filter=Q(status=PushChunk.Status.FAILED)),
        accepted=Sum("accepted_count"),
        rejected=Sum("rejected_count"),
        done_count=Sum(done),
        retry_count=Sum(Greatest(F("attempt_count") - 1, 0)),
        job_count=Count("pk", filter=is_open & Q(job__isnull=False)),
    ).values_list(
        "push", "chunk_count", "failed_count", "accepted", "rejected", "done_count", "retry_count", "job_count"
    )
    return {push_id: Counts(*numbers) for push_id, *numbers in rows}


def newest_pushes() -> QuerySet[PushHistory]:
    """Without joins: with one, SQLite would begin at the outlets and sort what it finds."""
    outlets = Outlet.objects.defer("api_key", "api_secret")
    pushes = PushHistory.objects.prefetch_related(Prefetch("outlet", outlets), "created_by")
    return pushes.order_by("-push_timestamp", "-pk")


def pushes_with_people() -> QuerySet[PushHistory]:
    return pushes().select_related("outlet", "created_by", "next_created_by", "released_by")


# --- progress -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Progress:
    """`per_second` and `seconds_left` are None where nothing honest can be said."""

    done_count: int
    item_count: int
    per_second: float | None
    seconds_left: float | None
    waits_until: datetime | None  # nothing is sent before
    reason: str  # why the shop is left alone, in its words or ours


def read_progress(push: PushHistory, counts: Counts, now: datetime) -> Progress:
    done = min(counts.done_count, push.item_count)
    per_second = speed_of(push, done, now)
    waits_until, reason = read_wait(push, now) if push.is_open else (None, "")
    is_moving = push.status == PushHistory.Status.RUNNING and not push.stopped_at and waits_until is None
    left = (push.item_count - done) / per_second if per_second and is_moving else None
    return Progress(done, push.item_count, per_second, left, waits_until, reason)


def speed_of(push: PushHistory, done_count: int, now: datetime) -> float | None:
    """Items a second since the first request began."""
    began_at = PushAttempt.objects.filter(chunk__push=push).aggregate(at=Min("started_at"))["at"]
    if began_at is None or not done_count:
        return None
    spent = ((push.finished_at or now) - began_at).total_seconds()
    return done_count / spent if spent >= SHORTEST else None


def read_wait(push: PushHistory, now: datetime) -> tuple[datetime | None, str]:
    """Until when no chunk of the push is sent, and why, if the endpoint is the reason."""
    open_chunks = PushChunk.objects.filter(push=push, status__in=PushChunk.OPEN)
    is_busy = Q(status=PushChunk.Status.SENDING) | Q(not_before__isnull=True) | Q(not_before__lte=now)
    found = open_chunks.aggregate(busy=Count("pk", filter=is_busy), at=Min("not_before"))
    endpoint = EndpointHealth.objects.filter(Q(open_until__gt=now) | Q(hold_until__gt=now), pk=push.outlet_id).first()
    return (None, "") if found["busy"] else (found["at"], endpoint.reason if endpoint else "")


def push_after(push: PushHistory) -> PushHistory | None:
    """The outlet's next push, once this one has ended."""
    if push.finished_at is None:
        return None
    later = PushHistory.objects.filter(outlet=push.outlet_id, push_timestamp__gte=push.finished_at)
    return later.exclude(pk=push.pk).order_by("push_timestamp", "pk").first()


def count_to_confirm(outlet_id: int) -> int:
    """Items of the outlet that are sent once more because it is not known what the shop did with them."""
    return OutletProduct.objects.filter(UNSETTLED, outlet=outlet_id, confirm_at__isnull=False).count()


def last_error(push: PushHistory) -> PushAttempt | None:
    """The attempt that says why chunks of the push were given up."""
    attempts = PushAttempt.objects.filter(chunk__push=push, chunk__status=PushChunk.Status.FAILED)
    return attempts.exclude(error_kind="").defer("items", "request_excerpt").order_by("-pk").first()


# --- what was sent --------------------------------------------------------------------------------------


class SentItem(NamedTuple):
    """`product_id` is None where the product has gone since."""

    product_id: int | None
    sku: str
    name: str
    price: Decimal
    stock_status: int


def sent_items(attempt: PushAttempt, limit: int) -> list[SentItem]:
    rows: list[list[Any]] = attempt.items[:limit]
    products = OutletProduct.objects.filter(pk__in=[row[0] for row in rows])
    fields = products.values_list("pk", "product_id", "product__sku", "product__name")
    known: dict[int, tuple[int | None, str, str]] = {pk: (product, sku, name) for pk, product, sku, name in fields}
    return [SentItem(*known.get(pk, (None, "", "")), Decimal(price), stock) for pk, price, stock in rows]


# --- what was refused -----------------------------------------------------------------------------------


def rejected_in(push: PushHistory, now: datetime) -> QuerySet[RejectedItem]:
    """What the shop refused in this push, and still refuses."""
    during = {"last_rejected_at__gt": push.push_timestamp, "last_rejected_at__lte": push.finished_at or now}
    items = RejectedItem.objects.filter(outlet_product__outlet=push.outlet_id, **during)
    return items.select_related("outlet_product__product").order_by("outlet_product__product__sku")


@transaction.atomic
def release_rejected(push: PushHistory, now: datetime) -> int:
    """Have the next partial push send what this one had refused, also what is in quarantine; how many items."""
    judge_again([push.outlet_id])
    ids = sorted(rejected_in(push, now).values_list("outlet_product_id", flat=True))
    batches = [ids[start : start + RELEASE_BATCH] for start in range(0, len(ids), RELEASE_BATCH)]
    for batch in batches:
        known = OutletProduct.objects.filter(pk__in=batch, differs=False)  # the shop had these values before
        changes.confirm_later(list(known.values_list("pk", flat=True)), now)
    for batch in batches:
        lift_quarantine(RejectedItem.objects.filter(outlet_product__in=batch))
    return len(ids)


# --- what would be sent ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Plan:
    push_type: str
    item_count: int
    request_count: int
    seconds: float | None  # about


def make_plan(outlet: Outlet, push_type: str, speed: "Speed", now: datetime) -> Plan:
    contract: Contract = contract_or_default(outlet.platform)
    item_count = changes.items_to_push(outlet.pk, push_type, now).count()
    request_count = -(-item_count // contract.batch_size) * len(contract.steps)
    return Plan(push_type, item_count, request_count, speed.seconds_for(item_count))


class Speed(NamedTuple):
    item_count: int
    seconds: float

    def seconds_for(self, item_count: int) -> float | None:
        """None where too little was pushed of late to tell."""
        is_known = self.item_count >= max(1, ENOUGH * item_count) and item_count
        return max(SHORTEST, item_count * self.seconds / self.item_count) if is_known else None


def recent_speed(outlet_id: int) -> Speed:
    ended = PushHistory.objects.filter(outlet=outlet_id, finished_at__isnull=False, accepted_count__gt=0)
    fields = ("push_timestamp", "finished_at", "accepted_count", "rejected_count")
    rows = list(ended.order_by("-push_timestamp").values_list(*fields)[:RECENT])
    seconds = sum((finished - began).total_seconds() for began, finished, _, _ in rows if finished)
    return Speed(sum(accepted + rejected for _, _, accepted, rejected in rows), seconds)
