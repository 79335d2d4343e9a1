"""When the schedule pushes the outlets the next time: all of them, and those with an interval of their own."""

import re
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django_celery_beat.models import PeriodicTask

TASK = "tasks.push.push_all_outlets"
INTERVAL_HEADER = "push_interval_minutes"  # of a message: for the outlets with this interval alone
IS_OWN = Q(headers__startswith=f'{{"{INTERVAL_HEADER}"')
HEADERS = re.compile(rf'\{{"{INTERVAL_HEADER}": (\d+)\}}', re.ASCII)


def pushes_of_all() -> QuerySet[PeriodicTask]:
    return PeriodicTask.objects.filter(~IS_OWN, task=TASK)


def pushes_of_some() -> QuerySet[PeriodicTask]:
    """Those of outlets with an interval of their own."""
    return PeriodicTask.objects.filter(IS_OWN, task=TASK)


def own_minutes(task: PeriodicTask) -> int | None:
    """The interval of the outlets that the task is for; None if it is for all that have none."""
    found = HEADERS.fullmatch(task.headers)
    return int(found[1]) if found else None


def next_pushes(now: datetime) -> dict[int | None, datetime]:
    """By the outlets' own interval; under None, of all others.

    Nothing stands for what is switched off; a time that is past is due, and nobody has rung it yet.
    """
    tasks = PeriodicTask.objects.filter(task=TASK, enabled=True)
    times: dict[int | None, datetime] = {}
    for task in tasks.select_related("interval", "crontab", "solar", "clocked"):
        if at := next_run_at(task, now):
            minutes = own_minutes(task)
            times[minutes] = min(at, times.get(minutes, at))
    return times


def next_run_at(task: Any, now: datetime) -> datetime | None:
    """As beat works it out: from the last run, or from the moment when the schedule was changed."""
    has_run = task.one_off and task.total_run_count > 0
    if not task.scheduler or has_run or (task.expires and task.expires <= now):
        return None
    if task.start_time and task.start_time > now:
        starts_at: datetime = task.due_start_time(now.tzinfo)
        return starts_at
    schedule = task.schedule
    schedule.nowfun = lambda: now
    last_run_at = (task.last_run_at or task.date_changed).astimezone(getattr(schedule, "tz", now.tzinfo))
    next_at: datetime = now + schedule.remaining_estimate(last_run_at)
    return next_at
