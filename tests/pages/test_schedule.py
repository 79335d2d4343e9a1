"""The schedule is shown in words and changed without losing anything; every push can be paused and resumed."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask, PeriodicTasks

from integration.models import Outlet, PushHistory, PushPause
from integration.next_push import next_run_at
from integration.pages.schedule_words import describe_crontab, task_row
from integration.schedules import PRUNE, PUSH, SWEEP
from tasks.push import push_all_outlets
from tests.conftest import make_outlet, stock
from tests.people import restore_migrated_rows, signed_in

pytestmark = pytest.mark.django_db
DUBAI = ZoneInfo("Asia/Dubai")


@pytest.fixture(autouse=True)
def pages(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    restore_migrated_rows()
    monkeypatch.setattr("tasks.push.ring", lambda rings: None)


@pytest.fixture
def manager() -> Client:
    return signed_in("Manager")


@pytest.fixture
def viewer() -> Client:
    return signed_in("Viewer")


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """What was asked of the workers by push_all_outlets."""
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr(push_all_outlets, "apply_async", lambda kwargs: asked.append(kwargs))
    return asked


def the_task() -> PeriodicTask:
    return PeriodicTask.objects.get(task=PUSH)


def change(client: Client, **values: Any) -> Any:
    every = {"enabled": "on", "kind": "interval", "every": "30", "unit": "minutes", "times": "", "days": []}
    return client.post("/schedule/change/", {**every, **values})


def crontab(**fields: Any) -> CrontabSchedule:
    return CrontabSchedule.objects.create(timezone=DUBAI, **fields)


class TestLooking:
    def test_a_viewer_reads_it_in_plain_words_and_sees_no_button(self, viewer: Client) -> None:
        page = viewer.get("/schedule/").content.decode()
        assert "Every 30 minutes" in page
        assert "/schedule/change/" not in page
        assert "/schedule/pause/" not in page

    @pytest.mark.parametrize(
        "fields, words",
        [
            ({"minute": "0", "hour": "6,18"}, "at 06:00, 18:00, every day (Asia/Dubai)"),
            ({"minute": "30", "hour": "6", "day_of_week": "1,0"}, "at 06:30, Sunday, Monday (Asia/Dubai)"),
            ({"minute": "0,30", "hour": "*"}, "every hour at :00, :30 minutes past, every day (Asia/Dubai)"),
            ({"minute": "*/2", "hour": "8-20"}, "Every 2 minutes, between 08:00 AM and 08:59 PM Asia/Dubai"),
        ],
    )
    def test_a_crontab_is_said_in_words(self, fields: dict[str, str], words: str) -> None:
        assert describe_crontab(crontab(**fields)) == words

    def test_switched_off_or_deleted_upkeep_is_warned_of(self, viewer: Client) -> None:
        PeriodicTask.objects.filter(task=SWEEP).update(enabled=False)
        PeriodicTask.objects.filter(task=PRUNE).delete()
        page = viewer.get("/schedule/").content.decode()
        assert "a push that loses its worker never ends" in page
        assert "Its schedule was deleted" in page

    def test_a_schedule_that_was_deleted_can_be_made_again(self, manager: Client) -> None:
        the_task().delete()
        assert "There is no schedule" in manager.get("/schedule/").content.decode()
        change(manager, every="2", unit="hours")
        assert (the_task().interval.every, the_task().interval.period) == (2, "hours")

    def test_the_next_run_follows_the_last_one(self) -> None:
        task, now = the_task(), datetime(2026, 3, 1, 9, 10, tzinfo=DUBAI)
        task.last_run_at = datetime(2026, 3, 1, 9, 0, tzinfo=DUBAI)
        assert next_run_at(task, now) == datetime(2026, 3, 1, 9, 30, tzinfo=DUBAI)
        task.interval, task.crontab = None, crontab(minute="0", hour="6,18")
        assert next_run_at(task, now) == datetime(2026, 3, 1, 18, 0, tzinfo=DUBAI)
        task.enabled = False
        assert task_row(task, now).next_at is None

    def test_a_clock_that_does_not_run_is_seen(self, viewer: Client) -> None:
        PeriodicTask.objects.filter(task=PUSH).update(last_run_at=timezone.now() - timedelta(hours=1))
        assert task_row(the_task(), timezone.now()).is_late
        assert "The clock of the service (beat) may not be running" in viewer.get("/schedule/").content.decode()


class TestChanging:
    def test_who_may_not_change_it_is_refused(self, viewer: Client) -> None:
        assert change(viewer, every="5").status_code == 403
        assert the_task().interval.every == 30

    def test_an_interval_is_changed_and_no_other_task_with_it(self, manager: Client) -> None:
        shared = the_task().interval
        other = PeriodicTask.objects.create(name="an admin's own", task="other.task", interval=shared)
        before = PeriodicTasks.last_change()
        change(manager, every="45")
        other.refresh_from_db()
        assert (the_task().interval.every, the_task().name) == (45, "Partial push of all outlets")
        assert (other.interval, IntervalSchedule.objects.get(pk=shared.pk).every) == (shared, 30)
        assert PeriodicTasks.last_change() != before

    def test_times_of_day_become_a_crontab_in_the_local_time_zone(self, manager: Client) -> None:
        change(manager, kind="times", times="18:30, 06:30", days=["1", "2", "3", "4", "5", "6", "0"])
        task = the_task()
        found = task.crontab
        assert (found.hour, found.minute, found.day_of_week, str(found.timezone)) == ("6,18", "30", "*", "Asia/Dubai")
        assert task.interval is None
        assert "At 06:30, 18:30, every day (Asia/Dubai)" in manager.get("/schedule/").content.decode()

    def test_days_are_kept_when_only_the_times_change(self, manager: Client) -> None:
        change(manager, kind="times", times="06:30", days=["0", "6"])
        form = manager.get("/schedule/").context["form"]
        assert (form["times"].value(), form["days"].value(), form["kind"].value()) == ("06:30", ["0", "6"], "times")
        assert the_task().crontab.day_of_week == "0,6"

    @pytest.mark.parametrize(
        "values, field, why",
        [
            ({"every": "0"}, "every", "greater than or equal to 1"),
            ({"every": ""}, "every", "Write how many"),
            ({"every": "1.5"}, "every", "whole number"),
            ({"every": "169", "unit": "hours"}, "every", "At most 168"),
            ({"unit": "seconds"}, "unit", "not one of the available choices"),
            ({"kind": "times", "times": ""}, "times", "at least one time"),
            ({"kind": "times", "times": "25:00"}, "times", "no time of day"),
            ({"kind": "times", "times": "06:00, 18:30"}, "times", "same minutes"),
        ],
    )
    def test_what_cannot_be_is_said_at_the_field(
        self, manager: Client, values: dict[str, str], field: str, why: str
    ) -> None:
        page = change(manager, **values)
        assert page.status_code == 200
        assert why in str(page.context["form"].errors[field])
        assert the_task().interval.every == 30

    def test_a_very_short_pause_is_warned_of(self, manager: Client) -> None:
        change(manager, every="2")
        page = manager.get("/schedule/")
        assert "That is very often" in page.content.decode()
        assert the_task().interval.every == 2

    def test_it_is_switched_off_and_on(self, manager: Client) -> None:
        change(manager, enabled="")
        assert not the_task().enabled
        assert "Switched off: prices reach the shops only" in manager.get("/schedule/").content.decode()
        change(manager)
        assert the_task().enabled

    def test_upkeep_is_switched_on_again(self, manager: Client, viewer: Client) -> None:
        sweep = PeriodicTask.objects.get(task=SWEEP)
        PeriodicTask.objects.filter(pk=sweep.pk).update(enabled=False)
        url = f"/schedule/{sweep.pk}/switch-on/"
        assert viewer.post(url).status_code == 403
        manager.post(url)
        sweep.refresh_from_db()
        assert sweep.enabled

    def test_no_other_task_is_switched_on_here(self, manager: Client) -> None:
        every = the_task().interval
        other = PeriodicTask.objects.create(name="an admin's own", task="other.task", interval=every, enabled=False)
        manager.post(f"/schedule/{other.pk}/switch-on/")
        other.refresh_from_db()
        assert not other.enabled


class TestThePause:
    def test_only_who_may_pauses_and_resumes(self) -> None:
        operator = signed_in("Operator")
        assert operator.post("/schedule/pause/").status_code == 403
        PushPause.objects.create(paused_at=timezone.now())
        assert operator.post("/schedule/resume/").status_code == 403
        assert PushPause.objects.get().ended_at is None

    def test_it_asks_first_and_says_what_it_means(self, manager: Client) -> None:
        page = manager.get("/schedule/pause/").content.decode()
        assert "Changes go on gathering; nothing is lost." in page
        assert not PushPause.objects.exists()

    def test_it_is_told_who_paused_and_why(self, manager: Client) -> None:
        manager.post("/schedule/pause/", {"reason": "the shop is being moved"})
        pause = PushPause.objects.get()
        assert (pause.paused_by.username, pause.reason, pause.ended_at) == ("manager", "the shop is being moved", None)  # type: ignore[union-attr]
        assert "the shop is being moved" in manager.get("/products/").content.decode()

    def test_pausing_twice_is_pausing_once(self, manager: Client) -> None:
        manager.post("/schedule/pause/", {"reason": "first"})
        page = manager.post("/schedule/pause/", {"reason": "second"}, follow=True)
        assert [pause.reason for pause in PushPause.objects.all()] == ["first"]
        assert "Every push is paused already." in page.content.decode()

    def test_resuming_offers_to_push_what_has_gathered(
        self, manager: Client, outlet: Outlet, rung: list[dict[str, Any]]
    ) -> None:
        stock(outlet, 1)
        make_outlet("008")
        manager.post("/schedule/pause/")
        page = manager.get("/schedule/resume/").content.decode()
        assert "Changes have gathered for 1 outlet." in page
        manager.post("/schedule/resume/", {"push": "1"})
        pause = PushPause.objects.get()
        assert pause.ended_by.username == "manager"  # type: ignore[union-attr]
        assert rung == [{"trigger": "manual", "user_id": pause.ended_by_id}]
        push_all_outlets(**rung[0])
        push = PushHistory.objects.get()
        assert (push.outlet, push.trigger, push.created_by_id) == (outlet, "manual", pause.ended_by_id)

    def test_resuming_alone_pushes_nothing(self, manager: Client, rung: list[dict[str, Any]]) -> None:
        manager.post("/schedule/pause/")
        manager.post("/schedule/resume/")
        assert rung == []

    def test_resuming_twice_is_harmless(self, manager: Client, rung: list[dict[str, Any]]) -> None:
        manager.post("/schedule/pause/")
        manager.post("/schedule/resume/", {"push": "1"})
        page = manager.post("/schedule/resume/", {"push": "1"}, follow=True)
        assert len(rung) == 1
        assert "Nothing was paused any more." in page.content.decode()
