"""When the schedule pushes next."""

from datetime import timedelta

import pytest
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from integration.next_push import TASK, next_pushes
from tests.conftest import NOW

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def no_schedule(db: None) -> None:
    PeriodicTask.objects.all().delete()


def schedule(minutes: int = 30, ago: int | None = 10, **more: object) -> PeriodicTask:
    interval, _ = IntervalSchedule.objects.get_or_create(every=minutes, period="minutes")
    last_run_at = None if ago is None else NOW - ago * MINUTE
    values = {"name": f"every {minutes}", "task": TASK, "interval": interval, "last_run_at": last_run_at, **more}
    return PeriodicTask.objects.create(**values)


def test_never_without_a_schedule() -> None:
    assert next_pushes(NOW) == {}


def test_an_interval_after_the_last_run() -> None:
    schedule(30, 10)
    assert next_pushes(NOW) == {None: NOW + 20 * MINUTE}


def test_the_first_run_counts_from_the_schedule_s_last_change() -> None:
    task = schedule(30, None)
    PeriodicTask.objects.filter(pk=task.pk).update(date_changed=NOW - 5 * MINUTE)
    assert next_pushes(NOW) == {None: NOW + 25 * MINUTE}


def test_what_is_overdue_says_since_when() -> None:
    schedule(30, 45)
    assert next_pushes(NOW) == {None: NOW - 15 * MINUTE}


def test_by_the_clock_in_the_schedule_s_own_time_zone() -> None:
    crontab = CrontabSchedule.objects.create(minute="30", hour="14", timezone="Asia/Dubai")  # 10:30 UTC
    schedule(interval=None, crontab=crontab)
    assert next_pushes(NOW) == {None: NOW + 90 * MINUTE}


def test_the_first_of_several() -> None:
    schedule(30, 10)
    schedule(60, 50)
    assert next_pushes(NOW) == {None: NOW + 10 * MINUTE}


def test_not_before_its_start() -> None:
    schedule(30, 10, start_time=NOW + 60 * MINUTE)
    assert next_pushes(NOW) == {None: NOW + 60 * MINUTE}


def test_neither_when_switched_off_nor_expired_nor_done_nor_of_another_task() -> None:
    schedule(30, 10, enabled=False)
    schedule(31, 10, expires=NOW)
    schedule(32, 10, one_off=True, total_run_count=1)
    schedule(33, 10, task="tasks.maintenance.sweep")
    assert next_pushes(NOW) == {}


def test_outlets_with_an_interval_of_their_own_go_by_it() -> None:
    schedule(30, 10)
    schedule(5, 4, headers='{"push_interval_minutes": 5}')
    schedule(7, 4, headers='{"push_interval_minutes": 7}', enabled=False)
    assert next_pushes(NOW) == {None: NOW + 20 * MINUTE, 5: NOW + MINUTE}
