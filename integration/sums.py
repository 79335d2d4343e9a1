"""How many pushes and requests have ended since the beginning. Pruning takes nothing from these numbers.

What ended up to the mark stands in the sums, the sweep moves the mark, and what ended since is read from the rows.
A time that is written down as an end is committed within LAG, since a task is stopped long before: behind the mark
nothing more appears. A request that the shop works off later counts when that is over.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Count, F, Min, Q, QuerySet, Sum

from integration.models import AttemptSum, PushAttempt, PushHistory, PushSum, SumMark, TaskRun
from integration.platforms.base import Outcome

LAG = timedelta(minutes=5)
STEP = timedelta(days=1)
BUCKETS_MS = (100, 250, 500, 1000, 2500, 5000, 10_000, 30_000)
LONGER = 0  # than all of them
TRIES = 5

PushKey = tuple[str, str]  # status, trigger
AttemptKey = tuple[str, str, int]  # outcome, error kind, bucket


class SumsAreMoving(RuntimeError):
    """They were moved each time that they were read."""


@dataclass(slots=True)
class Tally:
    """How many, and their waits for the rate limit (pushes) or their seconds (requests)."""

    count: int = 0
    extent: float = 0

    def add(self, count: int, extent: float) -> None:
        self.count += count
        self.extent += extent


@dataclass(slots=True)
class Totals:
    pushes: dict[PushKey, Tally] = field(default_factory=dict)
    attempts: dict[AttemptKey, Tally] = field(default_factory=dict)

    def add_pushes(self, rows: Iterable[tuple[str, str, int, int]]) -> None:
        for status, trigger, count, waits in rows:
            self.pushes.setdefault((status, trigger), Tally()).add(count, waits)

    def add_attempts(self, rows: Iterable[tuple[str, str, int, int, float]]) -> None:
        for outcome, error_kind, longest_ms, count, seconds in rows:
            self.attempts.setdefault((outcome, error_kind, longest_ms), Tally()).add(count, seconds)


# --- add up ---------------------------------------------------------------------------------------------


def add_up(now: datetime) -> None:
    """Move the mark, and add to the sums what it passes; a day at a time, so that nobody waits for the lock."""
    SumMark.objects.get_or_create(pk=1, defaults={"summed_until": find_beginning(now - LAG)})
    while move_mark(now - LAG):
        pass


@transaction.atomic
def move_mark(limit: datetime) -> bool:
    """False if it has been moved as far as it goes."""
    mark = SumMark.objects.select_for_update().get(pk=1)
    if limit <= mark.summed_until:
        return False
    until = min(limit, mark.summed_until + STEP)
    passed = Q(finished_at__gt=mark.summed_until, finished_at__lte=until)
    totals = Totals()
    totals.add_pushes(count_pushes(passed))
    totals.add_attempts(read_attempts(passed))
    store(totals)
    SumMark.objects.filter(pk=1).update(summed_until=until)
    return True


def find_beginning(limit: datetime) -> datetime:
    """Before all that has ended."""
    first = [rows.aggregate(at=Min("finished_at"))["at"] for rows in (PushHistory.objects, PushAttempt.objects)]
    return min([limit, *(at for at in first if at)]) - timedelta(seconds=1)


def store(totals: Totals) -> None:
    for (status, trigger), tally in totals.pushes.items():
        raise_sum(PushSum, {"status": status, "trigger": trigger}, tally, "rate_wait_count")
    for (outcome, error_kind, longest_ms), tally in totals.attempts.items():
        key = {"outcome": outcome, "error_kind": error_kind, "longest_ms": longest_ms}
        raise_sum(AttemptSum, key, tally, "seconds")


def raise_sum(sums: type[PushSum] | type[AttemptSum], key: dict[str, Any], tally: Tally, extent: str) -> None:
    """The mark is locked, so nobody else makes the row."""
    rows: QuerySet[Any] = sums._default_manager.filter(**key)
    if not rows.exists():
        sums._default_manager.create(**key)
    rows.update(**{"count": F("count") + tally.count, extent: F(extent) + tally.extent})


def count_pushes(which: Q) -> QuerySet[PushHistory, tuple[Any, ...]]:
    rows = PushHistory.objects.filter(which).order_by().values_list("status", "trigger")
    return rows.annotate(pushes=Count("pk"), waits=Sum("rate_wait_count"))


def read_attempts(which: Q) -> Iterable[tuple[str, str, int, int, float]]:
    rows = PushAttempt.objects.filter(which).exclude(outcome=Outcome.JOB).order_by()
    fields = rows.values_list("outcome", "error_kind", "started_at", "finished_at")
    for outcome, error_kind, started_at, finished_at in fields.iterator():
        assert finished_at is not None
        seconds = max((finished_at - started_at).total_seconds(), 0)
        yield outcome, error_kind, bucket_of(seconds), 1, seconds


def bucket_of(seconds: float) -> int:
    return next((limit for limit in BUCKETS_MS if seconds * 1000 <= limit), LONGER)


# --- read -----------------------------------------------------------------------------------------------


def read_totals() -> Totals | None:
    """Everything until now; None until the sweep has added up for the first time.

    It is read without a lock, so it is read again if the mark was moved meanwhile: nothing may count twice.
    """
    for _ in range(TRIES):
        mark = SumMark.objects.filter(pk=1).first()
        if mark is None:
            return None
        totals = read_since(mark.summed_until)
        if SumMark.objects.filter(pk=1, summed_until=mark.summed_until).exists():
            return totals
    raise SumsAreMoving(f"the sums were moved {TRIES} times while they were read")


def read_since(summed_until: datetime) -> Totals:
    """Open pushes too: their waits count already."""
    totals = Totals()
    totals.add_pushes(count_pushes(Q(finished_at__gt=summed_until) | Q(finished_at__isnull=True)))
    totals.add_attempts(read_attempts(Q(finished_at__gt=summed_until)))
    totals.add_pushes(PushSum.objects.values_list("status", "trigger", "count", "rate_wait_count"))
    totals.add_attempts(AttemptSum.objects.values_list("outcome", "error_kind", "longest_ms", "count", "seconds"))
    return totals


def note_run(task: TaskRun.Task, now: datetime) -> None:
    """One query, from the second time on."""
    if not TaskRun.objects.filter(task=task).update(ran_at=now):
        TaskRun.objects.get_or_create(task=task, defaults={"ran_at": now})
