"""Tasks are thin: ids in, one call, ring what it returns."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from integration.delivery import send_chunk
from integration.models import Outlet, PushAttempt, PushHistory, PushPause
from integration.product_update import apply_product_update
from integration.push_queue import Ring, cancel_push
from tasks import push
from tasks.push import LONGEST_COUNTDOWN, push_all_outlets, push_chunk, push_outlet, ring, ring_outlet
from tests.conftest import dashboard_state, make_outlet, memory_state, stock

pytestmark = pytest.mark.django_db


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, int], float]]:
    """The messages, instead of a broker: (task, arguments, seconds to wait)."""
    messages: list[tuple[str, dict[str, int], float]] = []
    for task in (push_outlet, push_chunk):
        monkeypatch.setattr(
            task,
            "apply_async",
            lambda kwargs, countdown, t=task, **labels: messages.append((t.name, kwargs, countdown)),
        )
    return messages


@pytest.fixture
def on_commit(django_capture_on_commit_callbacks: Any) -> Iterator[None]:
    with django_capture_on_commit_callbacks(execute=True):
        yield


def test_a_message_holds_an_id_and_nothing_else(sent: list[Any]) -> None:
    ring([Ring("push", 3), Ring("chunk", 4, 1.5)])
    assert sent == [("tasks.push.push_outlet", {"push_id": 3}, 0), ("tasks.push.push_chunk", {"chunk_id": 4}, 1.5)]


def test_a_long_wait_is_left_to_the_sweep(sent: list[Any]) -> None:
    ring([Ring("chunk", 4, LONGEST_COUNTDOWN + 1), Ring("chunk", 5)])
    assert [kwargs for _, kwargs, _ in sent] == [{"chunk_id": 5}]


def test_a_message_is_sent_after_the_commit_and_not_before(
    outlet: Outlet, sent: list[Any], django_capture_on_commit_callbacks: Any
) -> None:
    stock(outlet, 1)
    with django_capture_on_commit_callbacks(execute=True):
        ring_outlet(outlet.pk)
        assert sent == []
    assert len(sent) == 1


def test_a_broker_that_is_down_leaves_the_push_to_the_sweep(
    outlet: Outlet, django_capture_on_commit_callbacks: Any, caplog: pytest.LogCaptureFixture
) -> None:
    stock(outlet, 1)
    with django_capture_on_commit_callbacks(execute=True):
        started = ring_outlet(outlet.pk)
    assert started.push is not None
    assert PushHistory.objects.get().status == "queued"
    assert "the sweep rings later" in caplog.text


def test_the_tasks_carry_a_push_to_its_end(outlet: Outlet, monkeypatch: pytest.MonkeyPatch) -> None:
    rung: list[Ring] = []
    monkeypatch.setattr(push, "ring", rung.extend)
    stock(outlet, 1500)
    started = ring_outlet(outlet.pk).push
    assert started is not None
    push_outlet(push_id=started.pk)
    while rung:
        push_chunk(chunk_id=rung.pop().id)
    assert PushHistory.objects.get().status == "success"
    assert memory_state() == dashboard_state(outlet)


def begin_quickly(outlet: Outlet, monkeypatch: pytest.MonkeyPatch, seconds: float) -> PushHistory:
    monkeypatch.setattr(push, "AT_ONCE_SECONDS", seconds)
    stock(outlet, 3000)
    started = ring_outlet(outlet.pk).push
    assert started is not None
    return started


def test_a_worker_goes_on_with_the_next_chunk_and_rings_the_others(
    outlet: Outlet, sent: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    started = begin_quickly(outlet, monkeypatch, 60)
    push_outlet(push_id=started.pk)
    assert len(memory_state()) == 500 * (6 - len(sent))
    assert [kwargs for _, kwargs, _ in sent] == [{"chunk_id": pk} for pk in waiting_chunks(started)]


def waiting_chunks(started: PushHistory) -> list[int]:
    return list(started.chunks.filter(status="waiting").order_by("pk").values_list("pk", flat=True))


def test_after_a_while_others_have_their_turn(outlet: Outlet, sent: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    started = begin_quickly(outlet, monkeypatch, 0)
    push_outlet(push_id=started.pk)
    (first, *others) = waiting_chunks(started)
    assert (sent, memory_state()) == ([("tasks.push.push_chunk", {"chunk_id": first}, 0)], {})
    push_chunk(chunk_id=first)
    assert (len(memory_state()), waiting_chunks(started)) == (500, others)


def cancel(started: PushHistory) -> None:
    cancel_push(started.pk, "asha", timezone.now())


def pause(started: PushHistory) -> None:
    PushPause.objects.get_or_create(ended_at=None, defaults={"paused_at": timezone.now()})


def switch_off(started: PushHistory) -> None:
    Outlet.objects.filter(pk=started.outlet_id).update(push_enabled=False)


@pytest.mark.parametrize("stop", [cancel, pause, switch_off])
def test_a_worker_does_not_go_on_with_a_push_that_is_stopped_meanwhile(
    outlet: Outlet, sent: list[Any], monkeypatch: pytest.MonkeyPatch, stop: Callable[[PushHistory], None]
) -> None:
    started = begin_quickly(outlet, monkeypatch, 60)

    def send_and_stop(chunk_id: int, now: datetime) -> list[Ring]:
        following = send_chunk(chunk_id, now)
        stop(started)
        return following

    monkeypatch.setattr(push, "send_chunk", send_and_stop)
    push_outlet(push_id=started.pk)
    started.refresh_from_db()
    assert (started.is_open, len(memory_state()), PushAttempt.objects.count()) == (False, 500, 1)


def test_a_worker_goes_on_with_nothing_that_has_to_wait(
    outlet: Outlet, sent: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    started = begin_quickly(outlet, monkeypatch, 60)
    monkeypatch.setattr("integration.preparation.seconds_to_wait", lambda *arguments: 3.0)
    push_outlet(push_id=started.pk)
    assert [seconds for _, _, seconds in sent] == [3.0]
    assert memory_state() == {}


def test_every_enabled_outlet_with_a_change_is_pushed(sent: list[Any], on_commit: None) -> None:
    first, second, unchanged = (make_outlet(store_id) for store_id in "123")
    for outlet in (first, second, make_outlet("4", is_active=False), make_outlet("5", push_enabled=False)):
        stock(outlet, 1)
    stock(make_outlet("6", "pasons"), 1)  # without an endpoint
    push_all_outlets()
    pushes = PushHistory.objects.order_by("outlet__store_id")
    assert [(one.outlet, one.push_type, one.trigger) for one in pushes] == [
        (first, "partial", "schedule"),
        (second, "partial", "schedule"),
    ]
    assert not unchanged.pushes.exists()


def test_a_key_that_cannot_be_decrypted_keeps_no_other_outlet_back(
    outlet: Outlet, sent: list[Any], settings: Any
) -> None:
    Outlet.objects.filter(pk=outlet.pk).update(api_key=Outlet(api_key="a key").api_key)
    other = make_outlet("8")
    for one in (outlet, other):
        stock(one, 1)
    push_all_outlets(trigger="product_update")
    settings.ENCRYPTION_KEYS = ["A" * 43 + "="]
    PushHistory.objects.filter(outlet=other).delete()
    push_all_outlets(trigger="manual")  # joins what is open
    assert PushHistory.objects.filter(outlet=other, trigger="manual").exists()


def test_what_somebody_asked_for_who_has_gone_is_pushed_all_the_same(outlet: Outlet, sent: list[Any]) -> None:
    stock(outlet, 1)
    push_all_outlets(trigger="manual", user_id=10**6)
    assert list(PushHistory.objects.values_list("trigger", "created_by_id")) == [("manual", None)]


def test_a_tick_without_a_change_costs_one_query_and_one_that_notes_it(sent: list[Any]) -> None:
    for store_id in "12345":
        make_outlet(store_id)
    push_all_outlets()  # makes the row that says when it last ran
    with CaptureQueriesContext(connection) as queries:
        push_all_outlets()
    assert (len(queries), PushHistory.objects.count(), sent) == (2, 0, [])


@pytest.mark.parametrize(("wanted", "pushes"), [(True, 1), (False, 0)])
def test_a_product_update_is_pushed_where_that_is_wanted(
    sent: list[Any], django_capture_on_commit_callbacks: Any, wanted: bool, pushes: int
) -> None:
    outlet = make_outlet(push_after_update=wanted)
    with django_capture_on_commit_callbacks(execute=True):
        apply_product_update(outlet, [{"sku": "a", "selling_price": "1", "stock_status": 1}])
    assert PushHistory.objects.filter(trigger="product_update").count() == len(sent) == pushes


def test_a_product_update_of_an_outlet_that_cannot_push_stands(django_capture_on_commit_callbacks: Any) -> None:
    outlet = make_outlet(push_after_update=True, push_enabled=False)
    with django_capture_on_commit_callbacks(execute=True):
        apply_product_update(outlet, [{"sku": "a", "selling_price": "1", "stock_status": 1}])
    assert outlet.products.count() == 1
    assert not PushHistory.objects.exists()


def test_an_outlet_is_asked_for_without_its_secrets(outlet: Outlet, settings: Any, sent: list[Any]) -> None:
    stock(outlet, 1)
    Outlet.objects.update(api_key="correct-key")
    settings.ENCRYPTION_KEYS = ["x" * 43 + "="]
    assert ring_outlet(outlet.pk).push is not None


def test_the_schedule_is_an_interval_of_30_minutes() -> None:
    task = PeriodicTask.objects.get(task="tasks.push.push_all_outlets")
    assert (task.enabled, str(task.interval), task.crontab) == (True, "every 30 minutes", None)
    assert str(PeriodicTask.objects.get(task="tasks.maintenance.sweep").interval) == "every minute"


def test_an_administrator_s_change_of_the_schedule_outlives_a_restart() -> None:
    PeriodicTask.objects.filter(task="tasks.push.push_all_outlets").update(enabled=False, name="renamed")
    call_command("migrate", verbosity=0)
    assert PeriodicTask.objects.get(task="tasks.push.push_all_outlets").enabled is False
