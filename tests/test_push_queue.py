"""Pushes as rows: one open push for each outlet, and what is asked for meanwhile."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import IntegrityError
from django.utils import timezone

from integration import changes, obstacles, push_queue
from integration.delivery import record, send_chunk
from integration.models import Outlet, PushChunk, PushHistory, RejectedItem
from integration.obstacles import CannotPush
from integration.platforms.base import Outcome, SendResult, skus
from integration.platforms.memory import Memory
from integration.preparation import prepare
from integration.product_update import apply_product_update
from integration.push_queue import Ring, Started, plan_push, start_push
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


@pytest.mark.django_db(transaction=True)
def test_a_push_for_somebody_who_has_gone_is_refused_at_last(outlet: Outlet) -> None:
    stock(outlet, 1)
    with pytest.raises(IntegrityError):
        start_push(outlet, "full", "manual", timezone.now(), created_by_id=10**6)
    assert not PushHistory.objects.exists()


def test_updates_that_come_soon_after_one_gather_in_the_next_push(outlet: Outlet) -> None:
    now = timezone.now()
    set_price(outlet, stock(outlet, 1)[0], "11")

    def update(seconds: float, price: str = "") -> Started:
        if price:
            set_price(outlet, "s00000", price)
        return start_push(outlet, "partial", "product_update", now + timedelta(seconds=seconds))

    first = update(0)
    assert first.rings == [Ring("push", first.push.pk)]  # type: ignore[union-attr]
    run(first)
    second, third = update(1, "12"), update(2, "13")
    assert second.push != first.push
    (ring,) = second.rings
    assert 4 <= ring.delay <= 5  # since the first one's end
    assert (third.push, third.rings) == (second.push, [])
    run(second)
    assert memory_state() == {"s00000": ("13.00", 1)}
    later = update(8, "14")
    assert later.rings == [Ring("push", later.push.pk)]  # type: ignore[union-attr]


def test_an_update_that_comes_while_the_last_push_ends_gathers_too(
    outlet: Outlet, monkeypatch: pytest.MonkeyPatch
) -> None:
    (sku,) = stock(outlet, 1)
    PushService(outlet).push()
    last = PushHistory.objects.filter(pk=run(start_after_update(outlet, sku, "11")).pk)
    last.update(finished_at=None, status="running")
    PushHistory.objects.update(push_timestamp=timezone.now() - timedelta(minutes=1))
    open_push = push_queue.open_push

    def end_and_open(*args: Any) -> PushHistory:
        last.update(status="success", finished_at=timezone.now())
        return open_push(*args)

    monkeypatch.setattr(push_queue, "open_push", end_and_open)
    (ring,) = start_after_update(outlet, sku, "12").rings
    assert 4 < ring.delay <= 5


def test_an_update_that_joins_the_push_that_gathers_does_not_hurry_it(outlet: Outlet) -> None:
    long_ago = timezone.now() - timedelta(minutes=1)
    (sku,) = stock(outlet, 1)
    PushService(outlet).push()
    run(start_after_update(outlet, sku, "11"))
    gathering = start_after_update(outlet, sku, "12").push
    PushHistory.objects.update(push_timestamp=long_ago)
    joined = start_after_update(outlet, sku, "13")
    assert (joined.push, joined.rings) == (gathering, [])


def test_a_push_that_somebody_opens_soon_after_an_update_goes_at_once(outlet: Outlet) -> None:
    (sku,) = stock(outlet, 1)
    PushService(outlet).push()
    run(start_after_update(outlet, sku, "11"))
    set_price(outlet, sku, "12")
    asked = start_push(outlet, "partial", "manual", timezone.now())
    assert asked.rings == [Ring("push", asked.push.pk)]  # type: ignore[union-attr]


def test_somebody_who_asks_does_not_wait_for_updates_to_gather(outlet: Outlet) -> None:
    now = timezone.now()
    stock(outlet, 1)
    run(start_push(outlet, "partial", "product_update", now))
    set_price(outlet, "s00000", "12")
    gathering = start_push(outlet, "partial", "product_update", now)
    asked = start_push(outlet, "partial", "manual", now)
    assert (gathering.delay, asked.push) == (5, gathering.push)
    assert asked.rings == [Ring("push", asked.push.pk)]  # type: ignore[union-attr]


def test_an_update_that_joined_before_the_push_was_cut_needs_no_other_push(outlet: Outlet) -> None:
    refused, other = stock(outlet, 2)
    PushService(outlet).push()
    run(start_after_update(outlet, refused, "11"))
    gathering = start_after_update(outlet, refused, "12")
    assert start_after_update(outlet, other, "12").push == gathering.push
    Memory.script[:] = [SendResult(Outcome.DONE, accepted=frozenset({other}), rejected={refused: "too dear"})]
    run(gathering)
    assert not PushHistory.objects.filter(status__in=PushHistory.OPEN).exists()
    assert RejectedItem.objects.get().identical_count == 1


def test_an_update_that_came_while_the_push_was_cut_has_a_push_of_its_own(
    outlet: Outlet, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, other = stock(outlet, 2)
    PushService(outlet).push()
    run(start_after_update(outlet, first, "11"))
    gathering = start_after_update(outlet, first, "12")
    cut = changes.cut

    def cut_and_update(items: Any, size: int) -> Any:
        slices = cut(items, size)
        start_after_update(outlet, other, "12")
        return slices

    monkeypatch.setattr(changes, "cut", cut_and_update)
    run(gathering)
    monkeypatch.undo()
    assert memory_state()[other] == ("10.00", 1)
    run(Started(PushHistory.objects.get(status="queued")))
    assert memory_state()[other] == ("12.00", 1)


def start_after_update(outlet: Outlet, sku: str, price: str) -> Started:
    rows = [{"sku": sku, "selling_price": price, "stock_status": 1}]
    assert apply_product_update(outlet, rows).changed_count == 1
    return start_push(outlet, "partial", "product_update", timezone.now())


def test_what_is_updated_while_its_push_runs_gathers_too(outlet: Outlet) -> None:
    now = timezone.now()
    stock(outlet, 1)
    first = start_push(outlet, "partial", "product_update", now).push
    assert first is not None
    (ring,) = plan_push(first.pk, now)
    sending, _ = prepare(ring.id, now)
    assert sending is not None
    set_price(outlet, "s00000", "12")
    assert start_push(outlet, "partial", "product_update", now).rings == []
    rings = record(sending, SendResult(Outcome.DONE, accepted=skus(sending.items)), now)
    assert rings == [Ring("push", PushHistory.objects.get(status="queued").pk, 5.0)]


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
    check = obstacles.check_ready

    def push_meanwhile(outlet: Outlet) -> None:
        monkeypatch.setattr(obstacles, "check_ready", check)
        PushService(outlet).push()

    monkeypatch.setattr(obstacles, "check_ready", push_meanwhile)
    assert start_push(outlet, "partial", "schedule", timezone.now()).push is None
    assert PushHistory.objects.count() == 1
