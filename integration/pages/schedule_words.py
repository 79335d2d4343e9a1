"""Schedules in plain words."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from integration.next_push import next_run_at, own_minutes

TIMES_SHOWN = 12
LATE = timedelta(minutes=2)  # beat is never so late


class TaskRow(NamedTuple):
    task: PeriodicTask
    words: str
    raw: str  # a crontab as it is stored
    next_at: datetime | None
    is_late: bool


def task_row(task: PeriodicTask, now: datetime) -> TaskRow:
    next_at = next_run_at(task, now) if task.enabled else None
    raw = str(task.crontab).replace("(m/h/dM/MY/d) ", "") if task.crontab else ""
    return TaskRow(task, describe(task), raw, next_at, next_at is not None and next_at < now - LATE)


class OwnRow(NamedTuple):
    """The push of the outlets with the same interval of their own."""

    row: TaskRow
    who: str
    minutes: int | None


def own_row(task: PeriodicTask, counts: Mapping[int, int], now: datetime) -> OwnRow:
    minutes = own_minutes(task)
    count = counts.get(minutes or 0, 0)
    who = ngettext("%(n)s outlet", "%(n)s outlets", count) % {"n": count}
    return OwnRow(task_row(task, now), who, minutes)


def describe(task: PeriodicTask) -> str:
    if task.interval:
        return describe_interval(task.interval)
    if task.crontab:
        return describe_crontab(task.crontab)
    return str(task.scheduler or _("never"))


def describe_interval(interval: IntervalSchedule) -> str:
    n = interval.every
    texts = {
        "seconds": ngettext("every second", "every %(n)d seconds", n),
        "minutes": ngettext("every minute", "every %(n)d minutes", n),
        "hours": ngettext("every hour", "every %(n)d hours", n),
        "days": ngettext("every day", "every %(n)d days", n),
    }
    return texts[interval.period] % {"n": n} if interval.period in texts else str(interval)


def describe_crontab(crontab: CrontabSchedule) -> str:
    times = read_times(crontab)
    if times is None:
        return str(crontab.human_readable)
    hours, minutes, days = times
    zone = crontab.timezone
    if len(hours) == 24:
        text = _("every hour at %(minutes)s minutes past, %(days)s (%(zone)s)")
        return text % {"minutes": join(f":{one:02d}" for one in minutes), "days": name_days(days), "zone": zone}
    text = _("at %(times)s, %(days)s (%(zone)s)")
    return text % {"times": join(time_list(hours, minutes)), "days": name_days(days), "zone": zone}


def read_times(crontab: CrontabSchedule) -> tuple[list[int], list[int], list[int]] | None:
    """(hours, minutes, days of the week), if these are few and say it all."""
    spec = crontab.schedule
    if len(spec.day_of_month) < 31 or len(spec.month_of_year) < 12:
        return None
    if (len(spec.hour) if len(spec.hour) < 24 else 1) * len(spec.minute) > TIMES_SHOWN:
        return None
    return sorted(spec.hour), sorted(spec.minute), sorted(spec.day_of_week)


def time_list(hours: Iterable[int], minutes: list[int]) -> list[str]:
    return [f"{hour:02d}:{minute:02d}" for hour in hours for minute in minutes]


def name_days(days: list[int]) -> str:
    """Cron's Sunday is 0; Django's Monday is."""
    if len(days) == 7:
        return _("every day")
    return join(str(WEEKDAYS[(day - 1) % 7]) for day in days)


def join(parts: Iterable[Any]) -> str:
    return ", ".join(map(str, parts))
