"""When an outlet's product was sent, with which values, and what the shop answered. Queries only.

1. An attempt keeps its items as JSON, and no index reaches into that: all attempts of an outlet are too many to read.
2. Items come and go, so no table of them is kept.

So the outlet's pushes are gone through from the newest on, a window at a time; of each push only the chunks that the
product falls into are looked at, and of those the attempts that hold its id.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Cast

from integration.models import OutletProduct, PushAttempt, PushChunk, PushHistory
from integration.verdicts import Verdict

PAGE = 20
WINDOW, WINDOWS = 100, 5  # pushes that a page looks through at most
NEIGHBOURS = 3


class Sent(NamedTuple):
    """What one attempt sent of the item; `verdict` is empty where its worker did not keep one."""

    attempt: PushAttempt
    price: Decimal
    stock: int
    verdict: str
    reason: str


class ItemHistory(NamedTuple):
    """Newest first. `older` is the push to look on from; `looked_back_to` is when the last one looked at began."""

    entries: list[Sent]
    older: int | None
    looked_back_to: datetime | None


def read_item_history(item: OutletProduct, before: int | None = None) -> ItemHistory:
    """What was sent of the item in pushes older than the push `before`; without it, in the newest ones."""
    found: list[int] = []
    last: PushHistory | None = PushHistory.objects.filter(pk=before, outlet=item.outlet_id).first() if before else None
    for _ in range(WINDOWS):
        window = list(older_pushes(item.outlet_id, last)[:WINDOW])
        attempts = find_attempts(item, [push.pk for push in window])
        for position, push in enumerate(window, 1):
            found, last = [*found, *attempts[push.pk]], push
            if len(found) >= PAGE:
                is_all = position == len(window) < WINDOW
                return ItemHistory(read_sent(item, found), None if is_all else push.pk, push.push_timestamp)
        if len(window) < WINDOW:
            return ItemHistory(read_sent(item, found), None, last.push_timestamp if last else None)
    return ItemHistory(read_sent(item, found), last.pk if last else None, last.push_timestamp if last else None)


def older_pushes(outlet_id: int, than: PushHistory | None) -> QuerySet[PushHistory]:
    pushes = PushHistory.objects.filter(outlet=outlet_id).only("push_timestamp").order_by("-push_timestamp", "-pk")
    if than is None:
        return pushes
    # The first condition alone is what the index is entered by.
    same_time = Q(push_timestamp=than.push_timestamp, pk__lt=than.pk)
    return pushes.filter(push_timestamp__lte=than.push_timestamp).filter(
        Q(push_timestamp__lt=than.push_timestamp) | same_time
    )


def find_attempts(item: OutletProduct, push_ids: list[int]) -> dict[int, list[int]]:
    """By push: the attempts that sent the item, newest first. Its id is matched whole: 12 is not in [112, "1.00"]."""
    attempts: dict[int, list[int]] = defaultdict(list)
    if not push_ids:
        return attempts
    rows = PushAttempt.objects.filter(chunk__in=list(find_chunks(item.product_id, push_ids)))
    rows = rows.annotate(sent=Cast("items", TextField())).filter(names(item)).order_by("-pk")
    for push_id, attempt_id in rows.values_list("chunk__push", "pk"):
        attempts[push_id].append(attempt_id)
    return attempts


def names(item: OutletProduct) -> Q:
    """As PostgreSQL writes it, and older rows have it; and as SQLite keeps it."""
    return Q(sent__contains=f'[{item.pk}, "') | Q(sent__contains=f'[{item.pk},"')


def find_chunks(product_id: int, push_ids: list[int]) -> Iterator[int]:
    """The chunks that the product falls into, and the ones before them that were tried again.

    A chunk whose items have become too many for a request gives up its end: an earlier attempt had it still.
    """
    holding, tried_again = Q(last_id__gte=product_id), Q(attempt_count__gt=1)
    chunks = PushChunk.objects.filter(holding | tried_again, push__in=push_ids, first_id__lte=product_id)
    before: dict[int, int] = defaultdict(int)
    for pk, push_id, last_id in chunks.order_by("-first_id").values_list("pk", "push_id", "last_id"):
        before[push_id] += last_id < product_id
        if last_id >= product_id or before[push_id] <= NEIGHBOURS:
            yield pk


def read_sent(item: OutletProduct, attempt_ids: list[int]) -> list[Sent]:
    attempts = PushAttempt.objects.select_related("chunk__push").defer("request_excerpt", "response_excerpt")
    return [sent_of(item, attempt) for attempt in attempts.filter(pk__in=attempt_ids).order_by("-pk")]


def sent_of(item: OutletProduct, attempt: PushAttempt) -> Sent:
    place, row = next((place, row) for place, row in enumerate(attempt.items) if row[0] == item.pk)
    verdict = attempt.verdicts[place : place + 1]
    reason = (attempt.rejected or {}).get(str(item.pk), "")
    return Sent(attempt, Decimal(row[1]), row[2], verdict or guess_verdict(attempt), reason)


def guess_verdict(attempt: PushAttempt) -> str:
    """Of an attempt without verdicts: a worker that did not report back leaves the outcome unknown."""
    return Verdict.UNKNOWN if attempt.error_kind == "worker_lost" else ""
