"""When pushes start by themselves, and what keeps every push from starting."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from integration.changes import is_quarantined, unsynced
from integration.models import Outlet, OutletProduct, PushPause

PUSH, SWEEP, PRUNE = "tasks.push.push_all_outlets", "tasks.maintenance.sweep", "tasks.maintenance.prune"
NAME = "Partial push of all outlets"
SCHEDULES = ("interval", "crontab", "solar", "clocked")


class Interval(NamedTuple):
    every: int
    period: str


class Times(NamedTuple):
    """These minutes of these hours on these days of the week (0 is Sunday, none: every day)."""

    hours: Sequence[int]
    minutes: Sequence[int]
    days: Sequence[int]
    time_zone: str


def read_tasks(*names: str) -> list[PeriodicTask]:
    tasks = PeriodicTask.objects.filter(task__in=names).select_related(*SCHEDULES)
    return list(tasks.order_by("-enabled", "pk"))


@transaction.atomic
def change_schedule(task_id: int | None, when: Interval | Times, is_on: bool) -> PeriodicTask:
    """Run the push of all outlets like this from now on. A schedule that others go by is left as it is."""
    tasks = PeriodicTask.objects.select_for_update().filter(task=PUSH)
    task = tasks.filter(pk=task_id).first() or PeriodicTask(name=free_name(), task=PUSH)
    for name in SCHEDULES:
        setattr(task, name, None)
    if isinstance(when, Interval):
        task.interval = find_interval(when)
    else:
        task.crontab = find_crontab(when)
    task.enabled, task.one_off = is_on, False
    task.save()
    return task


def free_name() -> str:
    taken = PeriodicTask.objects.filter(name__startswith=NAME).count()
    return f"{NAME} ({taken + 1})" if taken else NAME


def find_interval(when: Interval) -> IntervalSchedule:
    known = IntervalSchedule.objects.filter(every=when.every, period=when.period).first()
    return known or IntervalSchedule.objects.create(every=when.every, period=when.period)


def find_crontab(when: Times) -> CrontabSchedule:
    fields = {
        "minute": ",".join(map(str, when.minutes)),
        "hour": ",".join(map(str, when.hours)),
        "day_of_week": ",".join(map(str, when.days)) or "*",
        "day_of_month": "*",
        "month_of_year": "*",
        "timezone": ZoneInfo(when.time_zone),
    }
    return CrontabSchedule.objects.filter(**fields).first() or CrontabSchedule.objects.create(**fields)


def switch_on(task_id: int) -> PeriodicTask | None:
    task = PeriodicTask.objects.filter(pk=task_id, task__in=(PUSH, SWEEP, PRUNE), enabled=False).first()
    if task:
        task.enabled = True
        task.save()
    return task


# --- the pause of everything ----------------------------------------------------------------------------


def pause_all(reason: str, user_id: int, now: datetime) -> PushPause | None:
    """None if everything is paused already: the database holds one open pause at most."""
    try:
        with transaction.atomic():
            return PushPause.objects.create(reason=reason, paused_at=now, paused_by_id=user_id)
    except IntegrityError:
        return None


def resume_all(user_id: int, now: datetime) -> bool:
    """False if nothing is paused."""
    return bool(PushPause.objects.filter(ended_at__isnull=True).update(ended_at=now, ended_by_id=user_id))


def count_outlets_waiting(now: datetime) -> int:
    """Outlets that a push of all would send something for. One look at the partial index for each."""
    waiting = OutletProduct.objects.filter(~is_quarantined(), unsynced(now), outlet=OuterRef("pk"))
    return Outlet.objects.filter(Exists(waiting), is_active=True, push_enabled=True).count()
