"""What happened: attempts, counts, refusals, and the final state of a push."""

import functools
import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import Coalesce, Greatest, Now

from integration.compiled import Compiled
from integration.models import EndpointHealth, OutletProduct, PushAttempt, PushChunk, PushHistory, RejectedItem
from integration.platforms.base import Item, Outcome, SendResult
from integration.revisions import bump

ERROR_LIMIT = 2000
QUARANTINE_AFTER = 3  # identical refusals
# Longer waits are rows that the sweep rings: a message that waits must stay far below the visibility timeout.
LONGEST_COUNTDOWN = 60  # seconds


def start_attempt(chunk: PushChunk, rows: list[list[Any]], now: datetime) -> PushAttempt:
    return PushAttempt.objects.create(
        chunk=chunk, number=chunk.attempt_count, started_at=now, items=rows, item_count=len(rows)
    )


def finish_attempt(attempt: PushAttempt, result: SendResult, now: datetime, **also: Any) -> None:
    kept = {"request_excerpt": result.request} if result.request else {}  # asking for a job keeps what began it
    PushAttempt.objects.filter(pk=attempt.pk).update(
        finished_at=now,
        outcome=result.outcome.value,
        sent_bytes=F("sent_bytes") + result.sent_bytes,
        received_bytes=F("received_bytes") + result.received_bytes,
        response_code=result.status_code,
        response_excerpt=result.excerpt,
        error_kind=result.error_kind,
        error_message=result.message[:ERROR_LIMIT],
        **kept,
        **also,
    )


def last_attempt(chunk: PushChunk) -> PushAttempt:
    return PushAttempt.objects.filter(chunk=chunk).latest("number")


def job_attempts(push: PushHistory, **which: Any) -> list[PushAttempt]:
    """The last attempts of the push's chunks that have a job."""
    chunks = PushChunk.objects.filter(push=push, job__isnull=False, **which)
    return [last_attempt(chunk) for chunk in chunks.exclude(status=PushChunk.Status.DONE)]


def revision_of(attempt: PushAttempt) -> int:
    """A number that grows with the values: tries of the same values in a row have the first one's."""
    revision = attempt.pk
    earlier = PushAttempt.objects.filter(chunk=attempt.chunk, number__lt=attempt.number) if attempt.number > 1 else []
    for before in sorted(earlier, key=lambda one: -one.number):
        if before.items != attempt.items:
            break
        revision = before.pk
    return revision


def has_accepted(push: PushHistory) -> bool:
    return PushChunk.objects.filter(push=push, accepted_count__gt=0).exists()


def is_refused_whole(push: PushHistory) -> bool:
    """The shop has refused every request of the push without naming items, and no item is known to be the reason."""
    attempts = PushAttempt.objects.filter(chunk__push=push)
    if not attempts.exists() or attempts.exclude(outcome=Outcome.REFUSED).exists():
        return False
    blamed = RejectedItem.objects.filter(outlet_product__outlet=push.outlet_id, identical_count__gt=0)
    return not blamed.filter(last_rejected_at__gte=push.push_timestamp).exists()


def record_rejections(
    push: PushHistory, items: Sequence[Item], reasons: dict[str, str], now: datetime, *, is_named: bool = True
) -> None:
    """List what the shop refused; a refusal that is repeated is counted.

    Where the shop does not name the item, the count begins when it is seen to take others of the outlet: it may be
    refusing everything, and then nothing is wrong with the item.
    """
    refused = [item for item in items if item.sku in reasons]
    if not refused:
        return
    before = RejectedItem.objects.filter(outlet_product__in=[item.id for item in refused])
    known = {row.outlet_product_id: row for row in before}
    is_blamed = is_named or has_accepted(push) or any(has_taken_since(push, row.last_rejected_at) for row in before)
    rows = [rejection(item, reasons[item.sku], known.get(item.id), now, is_blamed) for item in refused]
    updated = ["reason", "rejected_price", "rejected_stock_status", "last_rejected_at", "rejection_count"]
    updated += ["identical_count", "quarantined_at"]
    RejectedItem.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["outlet_product"], update_fields=updated
    )


def has_taken_since(push: PushHistory, at: datetime) -> bool:
    return OutletProduct.objects.filter(outlet=push.outlet_id, pushed_at__gt=at).exists()


def rejection(item: Item, reason: str, before: RejectedItem | None, now: datetime, is_blamed: bool) -> RejectedItem:
    refusal = (gist(reason), item.selling_price, item.stock_status)
    same = before and (gist(before.reason), before.rejected_price, before.rejected_stock_status) == refusal
    count = before.identical_count if before and same else 0
    identical_count = count + 1 if count or is_blamed else 0
    return RejectedItem(
        outlet_product_id=item.id,
        reason=reason,
        rejected_price=item.selling_price,
        rejected_stock_status=item.stock_status,
        first_rejected_at=before.first_rejected_at if before else now,
        last_rejected_at=now,
        rejection_count=before.rejection_count + 1 if before else 1,
        identical_count=identical_count,
        quarantined_at=now if identical_count >= QUARANTINE_AFTER else None,
    )


def gist(reason: str) -> str:
    """The reason without what differs each time: numbers, times, the shop's names of requests."""
    return re.sub(r"[\w-]*\d[\w:.-]*", "#", reason)


def clear_rejections(items: Sequence[Item]) -> None:
    if items:
        RejectedItem.objects.filter(outlet_product__in=[item.id for item in items]).delete()


def lift_quarantine(items: QuerySet[RejectedItem]) -> int:
    """Have the next push send the items; how many. Whoever does that has called `judge_again` for their outlets."""
    return items.update(quarantined_at=None, identical_count=0)


def judge_again(outlet_ids: Iterable[int]) -> None:
    """Have the outlets' open pushes be judged again, in the transaction that gives them more to send.

    It also locks, in everybody's order: open pushes, revisions, then outlet products, refused items, endpoints' health.
    """
    ids = sorted(outlet_ids)
    opened = PushHistory.objects.filter(outlet__in=ids, status__in=PushHistory.OPEN).order_by("pk")
    list(opened.select_for_update(no_key=True).values_list("pk"))
    for outlet_id in ids:
        bump(outlet_id)


class Progress(NamedTuple):
    """A push's chunks: open ones, and those that the shop has answered."""

    open_count: int
    ended_count: int


def read_progress(push_id: int) -> Progress:
    ended = Q(status__in=(PushChunk.Status.DONE, PushChunk.Status.SPLIT)) | Q(job__isnull=False)
    counts = PushChunk.objects.filter(push_id=push_id).aggregate(
        open_count=Count("pk", filter=Q(status__in=PushChunk.OPEN)),
        ended_count=Count("pk", filter=ended),
    )
    return Progress(**counts)


def pushes() -> QuerySet[PushHistory]:
    """Pushes with their outlets, without the secrets: what cannot be decrypted must not keep a push open."""
    return PushHistory.objects.select_related("outlet").defer("outlet__api_key", "outlet__api_secret")


def read_push(push_id: int) -> PushHistory | None:
    return pushes().filter(pk=push_id).first()


def lock_push(push_id: int) -> PushHistory:
    """The push, locked for the rest of the transaction: two last chunks must see each other.

    Who only names it in a new row, a chunk, need not wait.
    """
    return pushes().select_for_update(of=("self",), no_key=True).get(pk=push_id)


def lock_open_push(outlet_id: int) -> PushHistory | None:
    """The outlet's open push, locked."""
    opened = pushes().filter(outlet=outlet_id, status__in=PushHistory.OPEN)
    return opened.select_for_update(of=("self",), no_key=True).first()


# What others may have changed of an open push since its chunk was claimed.
CHANGING: tuple[str, ...] = ("status", "split_count", "stopped_at", "is_cancelled", "error_details")
CHANGING += ("next_push_type", "next_trigger", "next_created_by_id")


def lock_known_push(push: PushHistory) -> bool:
    """The same of a push that was read before: it is brought up to date. Whether its endpoint was failing lately."""
    ((*values, is_failing),) = open_rows().read(pk=push.pk)
    for name, value in zip(CHANGING, values, strict=True):
        setattr(push, name, value)
    return bool(is_failing)


@functools.cache
def open_rows() -> Compiled:
    failing = EndpointHealth.objects.filter(pk=OuterRef("outlet"))
    failing = failing.exclude(failure_count=0, open_until__isnull=True)
    example = {"pk": 2**61}
    rows = PushHistory.objects.select_for_update(no_key=True).order_by().filter(**example)
    return Compiled(rows.annotate(is_failing=Exists(failing)).values_list(*CHANGING, "is_failing"), example)


def count_rate_wait(push: PushHistory) -> None:
    PushHistory.objects.filter(pk=push.pk).update(rate_wait_count=F("rate_wait_count") + 1)


def fail_waiting_chunks(push_id: int) -> None:
    unsent = (PushChunk.Status.WAITING, PushChunk.Status.HELD)
    PushChunk.objects.filter(push_id=push_id, status__in=unsent).update(status=PushChunk.Status.FAILED)


CLOSING = ["accepted_count", "rejected_count", "retry_count", "status", "finished_at"]
CLOSING += ["response_code", "response_message", "error_details"]


def close_push(push: PushHistory, now: datetime) -> None:
    """Give the push its final state, from its chunks and their last attempts."""
    chunks = PushChunk.objects.filter(push=push).aggregate(
        total=Count("pk", filter=~Q(status=PushChunk.Status.SPLIT)),
        failed=Count("pk", filter=Q(status=PushChunk.Status.FAILED)),
        accepted=Sum("accepted_count", default=0),
        rejected=Sum("rejected_count", default=0),
        retries=Sum(Greatest(F("attempt_count") - 1, 0), default=0),
    )
    push.accepted_count, push.rejected_count = chunks["accepted"], chunks["rejected"]
    push.retry_count = chunks["retries"]
    push.status = final_status(push, chunks)
    push.finished_at = now
    describe_outcome(push, chunks)
    push.save(update_fields=CLOSING)


def final_status(push: PushHistory, chunks: dict[str, int]) -> PushHistory.Status:
    if push.is_cancelled:
        return PushHistory.Status.CANCELLED
    if not chunks["failed"] and not chunks["rejected"] and not push.stopped_at:
        return PushHistory.Status.SUCCESS
    return PushHistory.Status.PARTIAL if chunks["accepted"] else PushHistory.Status.FAILED


def describe_outcome(push: PushHistory, chunks: dict[str, int]) -> None:
    attempts = PushAttempt.objects.filter(chunk__push=push)
    last = attempts.order_by("-finished_at", "-id").first()
    failed = attempts.exclude(error_kind="").order_by("-id").first() if chunks["failed"] else None
    shown = failed or last
    push.response_code = shown.response_code if shown else None
    message = f"{push.accepted_count} of {push.item_count} items accepted"
    if push.rejected_count:
        message += f", {push.rejected_count} refused by the shop"
    if chunks["failed"]:
        message += f", {chunks['failed']} of {chunks['total']} requests given up"
    push.response_message = message
    push.error_details = push.error_details or (failed.error_message if failed else "")


# --- what the sweep looks for ---------------------------------------------------------------------------


def abandoned_chunks(**which: Any) -> QuerySet[PushChunk]:
    return PushChunk.objects.filter(status=PushChunk.Status.SENDING, claimed_until__lt=Now(), **which)


def ring_limit(now: datetime) -> datetime:
    """What was rung before this, and not taken, was not heard."""
    return now - timedelta(seconds=settings.RING_AGAIN_SECONDS)


def unheard_chunks(now: datetime) -> QuerySet[PushChunk]:
    """Chunks that are due, were rung a while ago, and that nobody has taken."""
    due = Q(not_before__isnull=True) | Q(not_before__lte=now)
    waiting = PushChunk.objects.filter(due, status=PushChunk.Status.WAITING, rung_at__lte=ring_limit(now))
    return waiting.exclude(waited_long())


def long_waits(now: datetime) -> QuerySet[PushChunk]:
    """Chunks that are due after a wait for which no message was sent."""
    return PushChunk.objects.filter(waited_long(), status=PushChunk.Status.WAITING, not_before__lte=now)


def waited_long() -> Q:
    return Q(rung_at__isnull=False, not_before__gt=F("rung_at") + timedelta(seconds=LONGEST_COUNTDOWN))


def unplanned_pushes(now: datetime) -> QuerySet[PushHistory]:
    return PushHistory.objects.filter(status=PushHistory.Status.QUEUED, push_timestamp__lte=ring_limit(now))


def overdue_pushes(now: datetime) -> QuerySet[PushHistory]:
    """A push that is held waits for a person; its time begins anew when it is let go."""
    limit = now - timedelta(seconds=settings.PUSH_DEADLINE_SECONDS)
    under_way = pushes().filter(status__in=PushHistory.OPEN, stopped_at__isnull=True, push_timestamp__lte=limit)
    began_at = Coalesce("let_go_at", "push_timestamp")
    return under_way.exclude(status=PushHistory.Status.HELD).annotate(began_at=began_at).filter(began_at__lte=limit)


def finished_pushes() -> QuerySet[PushHistory]:
    open_chunks = PushChunk.objects.filter(push=OuterRef("pk"), status__in=PushChunk.OPEN)
    return PushHistory.objects.filter(~Exists(open_chunks), status=PushHistory.Status.RUNNING)
