"""An outlet with an interval of its own is pushed by it, and not when all others are."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from integration.models import Outlet, PushHistory, PushPause, TaskRun
from integration.next_push import pushes_of_some
from integration.schedules import keep_intervals
from tasks.maintenance import sweep
from tasks.push import push_all_outlets
from tests.conftest import make_outlet, stock
from tests.people import restore_migrated_rows, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def pages(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    restore_migrated_rows()
    monkeypatch.setattr("tasks.push.ring", lambda rings: None)
    monkeypatch.setattr("tasks.alerts.ring_watch", lambda: None)


def own_tasks() -> dict[str, str]:
    return {task.headers: str(task.interval) for task in pushes_of_some().order_by("headers")}


def tick(minutes: int | None = None) -> None:
    """As a worker runs what beat has sent."""
    headers = {"push_interval_minutes": minutes} if minutes else {}
    push_all_outlets.push_request(**headers)
    try:
        push_all_outlets.run()
    finally:
        push_all_outlets.pop_request()


def pushed() -> list[str]:
    return sorted(PushHistory.objects.values_list("outlet__store_id", flat=True))


def outlets() -> tuple[Outlet, Outlet, Outlet]:
    often, seldom = make_outlet("5", push_interval_minutes=5), make_outlet("60", push_interval_minutes=60)
    return often, seldom, make_outlet("others")


def test_the_schedule_of_all_leaves_these_outlets_out() -> None:
    for outlet in outlets():
        stock(outlet, 1)
    tick()
    assert pushed() == ["others"]


def test_the_schedule_of_an_interval_pushes_its_outlets_alone() -> None:
    for outlet in outlets():
        stock(outlet, 1)
    tick(5)
    assert pushed() == ["5"]


def test_a_push_of_all_by_hand_is_of_these_too() -> None:
    for outlet in outlets():
        stock(outlet, 1)
    push_all_outlets(trigger="manual")
    assert pushed() == ["5", "60", "others"]


def test_the_pause_of_everything_holds_them(caplog: pytest.LogCaptureFixture) -> None:
    stock(outlets()[0], 1)
    PushPause.objects.create(paused_at=timezone.now())
    tick(5)
    assert not PushHistory.objects.exists()
    assert "an outlet was skipped" in caplog.text


def test_a_tick_without_a_change_costs_one_query_and_leaves_nothing() -> None:
    for number in range(4):
        make_outlet(str(number), push_interval_minutes=5)
    with CaptureQueriesContext(connection) as queries:
        tick(5)
    assert (len(queries), PushHistory.objects.count(), TaskRun.objects.count()) == (1, 0, 0)


def test_only_the_push_of_all_is_noted_as_the_schedule_s_run() -> None:
    tick(5)
    assert not TaskRun.objects.exists()
    tick()
    assert TaskRun.objects.get().task == "schedule"


def test_there_is_one_task_for_each_interval_and_none_for_others() -> None:
    _often, seldom, _others = outlets()
    make_outlet("6", push_interval_minutes=5)
    keep_intervals()
    assert own_tasks() == {
        '{"push_interval_minutes": 5}': "every 5 minutes",
        '{"push_interval_minutes": 60}': "every 60 minutes",
    }
    seldom.delete()
    keep_intervals()
    assert own_tasks() == {'{"push_interval_minutes": 5}': "every 5 minutes"}


def test_a_message_that_nobody_took_is_dropped_when_the_next_one_comes() -> None:
    outlets()
    keep_intervals()
    assert sorted(pushes_of_some().values_list("expire_seconds", flat=True)) == [300, 3600]


def test_what_an_administrator_changes_of_it_outlives_saves_and_deployments() -> None:
    outlets()
    keep_intervals()
    changed = pushes_of_some().get(headers__contains=": 5}")
    PeriodicTask.objects.filter(pk=changed.pk).update(enabled=False, name="renamed", last_run_at=timezone.now())
    before = list(PeriodicTask.objects.order_by("pk").values())
    call_command("migrate", verbosity=0)
    keep_intervals()
    assert list(PeriodicTask.objects.order_by("pk").values()) == before


def test_the_sweep_finds_what_went_another_way() -> None:
    often, _, _ = outlets()
    sweep()
    assert len(own_tasks()) == 2
    Outlet.objects.filter(pk=often.pk).delete()
    pushes_of_some().filter(headers__contains=": 60}").delete()
    sweep()
    assert own_tasks() == {'{"push_interval_minutes": 60}': "every 60 minutes"}


def save(client: Client, outlet: Outlet, minutes: str) -> Any:
    values = {"card": "settings", "push_enabled": "on", "push_interval_minutes": minutes}
    return client.post(f"/shop-integration/api-settings/?outlet={outlet.pk}", values)


def test_a_manager_gives_an_outlet_an_interval_and_takes_it_away() -> None:
    outlet, manager = make_outlet(), signed_in("Manager")
    assert save(manager, outlet, "45").status_code == 302
    outlet.refresh_from_db()
    assert (outlet.push_interval_minutes, own_tasks()) == (
        45,
        {'{"push_interval_minutes": 45}': "every 45 minutes"},
    )
    assert b'value="45"' in manager.get(f"/shop-integration/api-settings/?outlet={outlet.pk}").content
    assert save(manager, outlet, "").status_code == 302
    outlet.refresh_from_db()
    assert (outlet.push_interval_minutes, own_tasks()) == (None, {})


@pytest.mark.parametrize("minutes", ["0", "-5", "1441", "2.5", "five", "9" * 5000])
def test_an_interval_is_minutes_of_a_day(minutes: str) -> None:
    outlet = make_outlet(push_interval_minutes=30)
    assert save(signed_in("Manager"), outlet, minutes).status_code == 200
    outlet.refresh_from_db()
    assert outlet.push_interval_minutes == 30


def test_a_program_sets_it_and_what_it_does_not_name_stays() -> None:
    outlet, client = make_outlet(), signed_in("Manager")

    def send(**values: Any) -> Any:
        data = {"outlet": outlet.pk, **values}
        return client.post("/api/outlet-api-settings/", data, content_type="application/json").json()

    assert send(push_interval_minutes=10)["outlet"]["push_interval_minutes"] == 10
    assert send(push_after_update=True)["outlet"]["push_interval_minutes"] == 10
    assert list(own_tasks()) == ['{"push_interval_minutes": 10}']
    assert "push_interval_minutes" in send(push_interval_minutes=True)["errors"]
    assert send(push_interval_minutes=None)["outlet"]["push_interval_minutes"] is None
    assert own_tasks() == {}


def test_an_outlet_removed_in_the_admin_takes_its_interval_along() -> None:
    outlet, client = make_outlet(push_interval_minutes=5), signed_in("administrator")
    keep_intervals()
    client.post(f"/admin/integration/outlet/{outlet.pk}/delete/", {"post": "yes"})
    assert (Outlet.objects.count(), own_tasks()) == (0, {})


def test_the_page_of_the_schedule_says_them_in_words_with_the_next_run() -> None:
    outlets()
    make_outlet("6", push_interval_minutes=5)
    keep_intervals()
    text = signed_in("Viewer").get("/schedule/").content.decode()
    assert "Outlets with an interval of their own" in text
    assert "Every 5 minutes: <strong>2 outlets</strong>" in text
    assert "Every 60 minutes: <strong>1 outlet</strong>" in text
    assert "Every 30 minutes" in text  # of all others


def test_the_schedule_of_all_is_changed_beside_them() -> None:
    outlets()
    keep_intervals()
    pushes_of_some().update(enabled=False)
    values = {"enabled": "on", "kind": "interval", "every": "20", "unit": "minutes", "times": "", "days": []}
    signed_in("Manager").post("/schedule/change/", values)
    assert len(own_tasks()) == 2
    assert str(PeriodicTask.objects.get(name="Partial push of all outlets").interval) == "every 20 minutes"


def test_a_switched_off_interval_is_switched_on_again() -> None:
    outlets()
    keep_intervals()
    task = pushes_of_some().get(headers__contains=": 5}")
    pushes_of_some().filter(pk=task.pk).update(enabled=False)
    manager = signed_in("Manager")
    assert f"/schedule/{task.pk}/switch-on/" in manager.get("/schedule/").content.decode()
    manager.post(f"/schedule/{task.pk}/switch-on/")
    assert pushes_of_some().filter(enabled=True).count() == 2


def test_the_list_of_outlets_says_each_one_s_next_push() -> None:
    PeriodicTask.objects.all().delete()
    for outlet in outlets():
        Outlet.objects.filter(pk=outlet.pk).update(api_endpoint="https://shop.example/")
    keep_intervals()
    PeriodicTask.objects.update(last_run_at=timezone.now() + timedelta(seconds=30))
    page = signed_in("Viewer").get("/").content.decode()
    assert "in 5 min" in page
    assert "in 60 min" in page or "in 1 h" in page
    assert "only by hand" in page  # without the schedule of all


def test_an_interval_in_use_is_shared_with_others_of_the_same_length() -> None:
    IntervalSchedule.objects.get_or_create(every=5, period="minutes")
    outlets()
    keep_intervals()
    assert IntervalSchedule.objects.filter(every=5, period="minutes").count() == 1
