"""The pause of everything: nothing is sent while it holds, and nothing is forgotten."""

import pytest
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from integration.delivery import send_chunk
from integration.models import Outlet, PushHistory, PushPause
from integration.obstacles import CannotPush
from integration.platforms.memory import Memory
from integration.push_queue import plan_push, start_push
from integration.push_service import PushService
from integration.sweep import sweep
from tasks.push import push_all_outlets
from tests.conftest import dashboard_state, memory_state, stock

pytestmark = pytest.mark.django_db


def pause() -> PushPause:
    return PushPause.objects.create(reason="wrong prices", paused_at=timezone.now())


def test_no_push_starts(outlet: Outlet) -> None:
    stock(outlet, 1)
    pause()
    with pytest.raises(CannotPush, match=r"every push is paused since .* by somebody: wrong prices"):
        start_push(outlet, "partial", "manual", timezone.now())
    push_all_outlets()
    assert not PushHistory.objects.exists()
    assert Memory.shops == {}


def pause_under_way(outlet: Outlet, push_type: str) -> PushPause:
    """After the first of two requests."""
    stock(outlet, 1000)
    push = start_push(outlet, push_type, "manual", timezone.now()).push
    assert push is not None
    first = plan_push(push.pk, timezone.now())[0].id
    second = send_chunk(first, timezone.now())[0].id
    held = pause()
    assert send_chunk(second, timezone.now()) == []
    return held


def test_a_push_under_way_stops_before_its_next_request_and_goes_on_afterwards(outlet: Outlet) -> None:
    held = pause_under_way(outlet, "partial")
    ended = PushHistory.objects.get()
    assert (ended.status, ended.accepted_count, len(memory_state())) == ("cancelled", 500, 500)
    assert "stopped meanwhile: every push is paused" in ended.error_details
    PushPause.objects.filter(pk=held.pk).update(ended_at=timezone.now())
    assert PushService(outlet).push()[0]
    assert memory_state() == dashboard_state(outlet)


def test_a_full_push_that_a_pause_has_ended_starts_anew_after_it(outlet: Outlet) -> None:
    held = pause_under_way(outlet, "full")
    assert sweep(timezone.now()) == []
    PushPause.objects.filter(pk=held.pk).update(ended_at=timezone.now())
    assert len(sweep(timezone.now())) == 1
    assert list(PushHistory.objects.order_by("pk").values_list("push_type", "status")) == [
        ("full", "cancelled"),
        ("full", "queued"),
    ]


def test_there_is_one_pause_at_a_time() -> None:
    PushPause.objects.filter(pk=pause().pk).update(ended_at=timezone.now())
    pause()
    with pytest.raises(IntegrityError):
        pause()


def test_a_tick_with_nothing_changed_does_not_ask_for_it(outlet: Outlet) -> None:
    with CaptureQueriesContext(connection) as queries:
        push_all_outlets()
    assert not [query for query in queries if "pushpause" in query["sql"]]
