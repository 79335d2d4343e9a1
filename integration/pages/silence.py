"""Whether workers have fallen silent: then nothing is pushed, and nobody is alerted, for workers send the alerts."""

from datetime import datetime
from typing import NamedTuple

from django.db.models import Case, Exists, QuerySet, Subquery, Value, When

from integration.diagnosis import SWEEP_SILENCE
from integration.models import Outlet, PushHistory, TaskRun


class Silence(NamedTuple):
    """No worker has run the sweep since then; never, where it is empty."""

    since: datetime | None


def find_silence(now: datetime) -> Silence | None:
    """One query, for every page asks. Where no outlet was ever set up, or none pushed, nobody misses the workers."""
    swept_at = Subquery(TaskRun.objects.filter(task=TaskRun.Task.SWEEP).values("ran_at")[:1])
    # Looked for only where it matters: it may take reading the whole history.
    waits = Case(When(swept_at__isnull=True, then=Exists(waiting(now))), default=Value(False))
    facts = Outlet.objects.order_by().annotate(swept_at=swept_at, waits=waits).values_list("swept_at", "waits")
    for ran_at, is_waiting in facts[:1]:
        is_silent = is_waiting if ran_at is None else now - ran_at > SWEEP_SILENCE
        return Silence(ran_at) if is_silent else None
    return None


def waiting(now: datetime) -> QuerySet[PushHistory]:
    """Pushes that wait for a worker; one that is held waits for a person."""
    unended = (PushHistory.Status.QUEUED, PushHistory.Status.RUNNING)
    return PushHistory.objects.filter(status__in=unended, push_timestamp__lt=now - SWEEP_SILENCE)
