"""When pushes start by themselves, and what keeps every push from starting."""

import json
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.db import IntegrityError, transaction
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from integration.changes import has_unsynced
from integration.models import Outlet, PushPause
from integration.next_push import INTERVAL_HEADER, own_minutes, pushes_of_all, pushes_of_some
from integration.obstacles import open_pauses

PUSH, SWEEP, PRUNE = "tasks.push.push_all_outlets", "tasks.maintenance.sweep", "tasks.maintenance.prune"
RECONCILE = "tasks.reconcile.reconcile_all_outlets"
NAME = "Partial push of all outlets"
OWN_NAME = "Partial push of the outlets with an interval of"
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
    """Without those of outlets with an interval of their own."""
    tasks = PeriodicTask.objects.filter(task__in=names).exclude(pk__in=pushes_of_some().values("pk"))
    return list(tasks.select_related(*SCHEDULES).order_by("-enabled", "pk"))


@transaction.atomic
def change_schedule(task_id: int | None, when: Interval | Times, is_on: bool) -> PeriodicTask:
    """Run the push of all outlets like this from now on. A schedule that others go by is left as it is."""
    tasks = pushes_of_all().select_for_update()
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
    task = PeriodicTask.objects.filter(pk=task_id, task__in=(PUSH, SWEEP, PRUNE, RECONCILE), enabled=False).first()
    if task:
        task.enabled = True
        task.save()
    return task


# --- outlets with an interval of their own --------------------------------------------------------------


def count_own_intervals() -> Counter[int]:
    """How many outlets have which interval of their own."""
    minutes = Outlet.objects.order_by().values_list("push_interval_minutes", flat=True)
    return Counter(one for one in minutes.filter(push_interval_minutes__isnull=False) if one)


def read_own_tasks() -> list[PeriodicTask]:
    return sorted(pushes_of_some().select_related(*SCHEDULES), key=lambda task: own_minutes(task) or 0)


def keep_intervals() -> None:
    """One task for each interval that outlets have of their own; what an administrator changed of one stays.

    Called where an outlet is saved or removed, and by the sweep for whatever went another way.
    """
    wanted, known = set(count_own_intervals()), {own_minutes(task): task for task in pushes_of_some()}
    for minutes in wanted - known.keys():
        make_own_task(minutes)
    for gone in known.keys() - wanted:
        known[gone].delete()


def make_own_task(minutes: int) -> None:
    """A message that nobody has taken when the next one comes is dropped: after a downtime there is one push."""
    values = {
        "task": PUSH,
        "interval": find_interval(Interval(minutes, "minutes")),
        "headers": json.dumps({INTERVAL_HEADER: minutes}),
        "expire_seconds": minutes * 60,
    }
    PeriodicTask.objects.get_or_create(name=f"{OWN_NAME} {minutes} minutes", defaults=values)


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
    return bool(open_pauses().update(ended_at=now, ended_by_id=user_id))


def count_outlets_waiting(now: datetime) -> int:
    """Outlets that a push of all would send something for. One look at the partial index for each."""
    return Outlet.objects.filter(has_unsynced(now), is_active=True, push_enabled=True).count()
