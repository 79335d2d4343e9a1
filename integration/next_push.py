"""When the schedule pushes all outlets the next time."""

from datetime import datetime
from typing import Any

from django_celery_beat.models import PeriodicTask

TASK = "tasks.push.push_all_outlets"


def next_push_at(now: datetime) -> datetime | None:
    """None without a schedule that is switched on; a time that is past is due, and nobody has rung it yet."""
    tasks = PeriodicTask.objects.filter(task=TASK, enabled=True)
    tasks = tasks.select_related("interval", "crontab", "solar", "clocked")
    times = [at for task in tasks if (at := next_run_at(task, now))]
    return min(times, default=None)


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
