"""Pushes as rows: one open push for each outlet, and what is asked for meanwhile."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import IntegrityError
from django.utils import timezone

from integration import push_queue
from integration.delivery import send_chunk
from integration.models import Outlet, PushChunk, PushHistory
from integration.platforms.base import Outcome, SendResult
from integration.platforms.memory import Memory
from integration.push_queue import CannotPush, Ring, Started, plan_push, start_push
from integration.push_service import PushService, run_push, run_started
from tests.conftest import make_outlet, memory_state, set_price, stock

pytestmark = pytest.mark.django_db


def start(outlet: Outlet, push_type: str = "partial", trigger: str = "manual", user: int | None = None) -> Started:
    return start_push(outlet, push_type, trigger, timezone.now(), user)


def run(started: Started) -> PushHistory:
    assert started.push is not None
    return run_push(started.push.pk, lambda chunk_id: None)


def test_a_push_says_who_asked_for_what(outlet: Outlet) -> None:
    stock(outlet, 1)
    user = get_user_model().objects.create(username="asha")
    push = start(outlet, "full", "manual", user.pk).push
    assert push is not None
    assert (push.platform, push.push_type, push.trigger, push.created_by) == ("memory", "full", "manual", user)
    assert (push.status, push.is_open, push.finished_at) == ("queued", True, None)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"is_active": False}, "is not active"),
        ({"push_enabled": False}, "set push_enabled"),
        ({"platform": "pasons"}, "set api_endpoint"),
        ({"platform": "nowhere", "api_endpoint": "http://x"}, "unknown platform 'nowhere'; known: memory, pasons"),
    ],
)
def test_an_outlet_that_is_not_ready_writes_no_history(outlet: Outlet, change: dict[str, Any], reason: str) -> None:
    stock(outlet, 1)
    for name, value in change.items():
        setattr(outlet, name, value)
    with pytest.raises(CannotPush, match=reason):
        start(outlet)
    assert not PushHistory.objects.exists()


def test_the_second_to_press_the_button_joins_the_first(outlet: Outlet) -> None:
    stock(outlet, 1)
    first, second = start(outlet), start(outlet)
    assert (first.joined, second.joined, second.push) == (False, True, first.push)
    assert (first.rings, second.rings) == ([Ring("push", first.push.pk)], [])  # type: ignore[union-attr]
    assert PushHistory.objects.count() == 1


def test_the_database_allows_one_open_push_for_each_outlet(outlet: Outlet) -> None:
    stock(outlet, 1)
    start(outlet)
    with pytest.raises(IntegrityError):
        PushHistory.objects.create(outlet=outlet, platform="memory", push_type="full", push_timestamp=timezone.now())


def test_what_is_asked_meanwhile_starts_when_the_push_ends(outlet: Outlet) -> None:
    skus = stock(outlet, 2)
    started = start(outlet)
    start(outlet, trigger="product_update")
    plan_push(started.push.pk, timezone.now())  # type: ignore[union-attr]
    run(started)
    assert PushHistory.objects.count() == 1  # nothing was left to send

    set_price(outlet, skus[0], "11")
    started = start(outlet)
    start(outlet, "full")
    start(outlet, trigger="product_update")
    run(started)
    follow_up = PushHistory.objects.first()
    assert follow_up is not None
    assert (follow_up.status, follow_up.push_type, follow_up.trigger) == ("queued", "full", "manual")


def test_whoever_joins_and_waits_sees_what_was_asked_for(outlet: Outlet) -> None:
    stock(outlet, 2)
    start(outlet)
    push = run_started(start(outlet, "full"))
    assert push is not None
    assert (push.push_type, push.status) == ("full", "success")
    assert list(PushHistory.objects.values_list("push_type", "status").order_by("pk")) == [
        ("partial", "success"),
        ("full", "success"),
    ]


def test_planning_twice_is_planning_once(outlet: Outlet) -> None:
    stock(outlet, 1100)
    push = start(outlet).push
    assert push is not None
    rings = plan_push(push.pk, timezone.now())
    assert plan_push(push.pk, timezone.now()) == []
    assert [ring.id for ring in rings] == list(PushChunk.objects.values_list("pk", flat=True)[:1])
    assert PushChunk.objects.count() == 3


def test_one_chunk_goes_alone_and_then_a_window_of_them(outlet: Outlet, settings: Any) -> None:
    settings.PUSH_WINDOW = 3
    settings.CONTRACTS = {"memory": {"batch_size": 1}}
    stock(outlet, 6)
    push = start(outlet).push
    assert push is not None
    (first,) = plan_push(push.pk, timezone.now())
    window = send_chunk(first.id, timezone.now())
    assert len(window) == 3
    assert [len(send_chunk(ring.id, timezone.now())) for ring in window] == [1, 1, 0]


def test_a_shop_that_does_not_answer_gets_one_chunk_at_a_time(outlet: Outlet, settings: Any) -> None:
    settings.CONTRACTS = {"memory": {"batch_size": 1, "attempts": 1}}
    stock(outlet, 3)
    Memory.script += [SendResult(Outcome.RETRY)] * 2
    push = start(outlet).push
    assert push is not None
    rings = plan_push(push.pk, timezone.now())
    counts = []
    while rings:
        counts.append(len(rings))
        rings = send_chunk(rings[0].id, timezone.now())
    assert counts == [1, 1, 1]


def test_a_push_whose_items_have_gone_ends_at_once(outlet: Outlet) -> None:
    stock(outlet, 1)
    push = start(outlet).push
    outlet.products.all().delete()
    assert plan_push(push.pk, timezone.now()) == []  # type: ignore[union-attr]
    assert PushHistory.objects.get().status == "success"


def test_a_contract_that_became_invalid_ends_a_push_that_was_never_planned(outlet: Outlet, settings: Any) -> None:
    stock(outlet, 1)
    push = start(outlet).push
    settings.CONTRACTS = {"memory": {"surprise": 1}}
    plan_push(push.pk, timezone.now())  # type: ignore[union-attr]
    ended = PushHistory.objects.get()
    assert (ended.status, ended.finished_at is not None) == ("failed", True)
    assert "surprise" in ended.error_details


def test_the_trouble_of_one_outlet_stays_its_own(outlet: Outlet) -> None:
    other = make_outlet("8")
    stock(outlet, 1)
    stock(other, 1)
    start(outlet)
    assert run(start(other)).status == "success"
    assert (memory_state("007"), len(memory_state("8"))) == ({}, 1)


def test_a_push_that_is_over_is_no_longer_open(outlet: Outlet) -> None:
    stock(outlet, 1)
    ended = run(start(outlet))
    assert (ended.is_open, ended.finished_at is not None) == (False, True)
    assert ended.finished_at - ended.push_timestamp < timedelta(seconds=60)  # type: ignore[operator]


def test_a_push_that_had_to_wait_until_another_had_brought_everything_is_none(
    outlet: Outlet, monkeypatch: pytest.MonkeyPatch
) -> None:
    stock(outlet, 1)
    check = push_queue.check_ready

    def push_meanwhile(outlet: Outlet) -> None:
        monkeypatch.setattr(push_queue, "check_ready", check)
        PushService(outlet).push()

    monkeypatch.setattr(push_queue, "check_ready", push_meanwhile)
    assert start_push(outlet, "partial", "schedule", timezone.now()).push is None
    assert PushHistory.objects.count() == 1
