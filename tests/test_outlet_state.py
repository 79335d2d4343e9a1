"""How an outlet is: each state, and which of two comes first."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from integration.changes import count_quarantined, items_to_push
from integration.models import EndpointHealth, Outlet, OutletProduct, PushChunk, PushHistory, PushPause, RejectedItem
from integration.outlet_state import (
    LATE_LIMIT,
    STRIP_LENGTH,
    Bar,
    State,
    count_items,
    in_order,
    read_facts,
    summarize,
    with_states,
)
from tests.conftest import NOW, make_outlet, stock

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def state_of(outlet: Outlet) -> State:
    return State(with_states(NOW).get(pk=outlet.pk).state)


def synced(outlet: Outlet, count: int = 3) -> Outlet:
    stock(outlet, count)
    OutletProduct.objects.filter(outlet=outlet).update(
        pushed_price=Decimal("10.00"), pushed_stock_status=1, pushed_at=NOW
    )
    return outlet


def change(outlet: Outlet, count: int = 1, minutes: int = 14) -> None:
    ids = list(OutletProduct.objects.filter(outlet=outlet).order_by("product_id").values_list("pk", flat=True)[:count])
    since = NOW - timedelta(minutes=minutes)
    OutletProduct.objects.filter(pk__in=ids).update(selling_price=Decimal("11.00"), waiting_since=since)


def push(outlet: Outlet, status: str = "success", ago: timedelta = HOUR, **more: Any) -> PushHistory:
    ended = {} if status in PushHistory.OPEN else {"finished_at": NOW - ago + timedelta(seconds=5)}
    values = {"platform": outlet.platform, "push_type": "partial", "trigger": "schedule", **ended, **more}
    return PushHistory.objects.create(outlet=outlet, status=status, push_timestamp=NOW - ago, **values)


def refuse(outlet: Outlet, *, is_quarantined: bool = True, price: str = "11.00") -> RejectedItem:
    item = OutletProduct.objects.filter(outlet=outlet).order_by("product_id").first()
    times = {"first_rejected_at": NOW, "last_rejected_at": NOW, "quarantined_at": NOW if is_quarantined else None}
    values = {"rejected_price": Decimal(price), "rejected_stock_status": 1, "reason": "too cheap", **times}
    return RejectedItem.objects.create(outlet_product=item, **values)


def open_breaker(outlet: Outlet, until: timedelta = HOUR) -> None:
    EndpointHealth.objects.create(outlet=outlet, failure_count=5, open_until=NOW + until, reason="no answer")


@pytest.fixture
def outlet(db: None) -> Outlet:
    return synced(make_outlet())


class TestEachState:
    def test_in_sync_when_the_shop_has_it_all(self, outlet: Outlet) -> None:
        assert state_of(outlet) == State.IN_SYNC

    def test_waiting_when_a_value_differs(self, outlet: Outlet) -> None:
        change(outlet)
        assert state_of(outlet) == State.WAITING

    def test_waiting_when_an_unknown_outcome_is_due_again(self, outlet: Outlet) -> None:
        OutletProduct.objects.filter(outlet=outlet).update(confirm_at=NOW)
        assert state_of(outlet) == State.WAITING

    def test_in_sync_while_an_unknown_outcome_is_not_due(self, outlet: Outlet) -> None:
        OutletProduct.objects.filter(outlet=outlet).update(confirm_at=NOW + HOUR)
        assert state_of(outlet) == State.IN_SYNC

    @pytest.mark.parametrize("status", ["queued", "running"])
    def test_pushing_while_a_push_is_open(self, outlet: Outlet, status: str) -> None:
        push(outlet, status)
        assert state_of(outlet) == State.PUSHING

    def test_trouble_when_the_last_push_failed(self, outlet: Outlet) -> None:
        push(outlet, "success", 2 * HOUR)
        push(outlet, "failed")
        assert state_of(outlet) == State.TROUBLE

    def test_no_trouble_when_a_later_push_went_well(self, outlet: Outlet) -> None:
        push(outlet, "failed", 2 * HOUR)
        push(outlet, "partial")
        assert state_of(outlet) == State.IN_SYNC

    def test_trouble_when_items_are_in_quarantine(self, outlet: Outlet) -> None:
        change(outlet)
        refuse(outlet)
        assert count_quarantined(outlet.pk) == 1
        assert state_of(outlet) == State.TROUBLE

    def test_trouble_while_the_breaker_is_open(self, outlet: Outlet) -> None:
        open_breaker(outlet)
        assert state_of(outlet) == State.TROUBLE

    def test_trouble_until_the_half_open_breaker_s_probe_has_succeeded(self, outlet: Outlet) -> None:
        open_breaker(outlet, -HOUR)
        assert state_of(outlet) == State.TROUBLE

    def test_no_trouble_by_failures_that_have_not_opened_the_breaker(self, outlet: Outlet) -> None:
        EndpointHealth.objects.create(outlet=outlet, failure_count=2, reason="no answer")
        assert state_of(outlet) == State.IN_SYNC

    def test_paused_when_pushing_is_off(self) -> None:
        assert state_of(make_outlet(push_enabled=False)) == State.PAUSED

    def test_paused_when_not_active(self) -> None:
        assert state_of(make_outlet(is_active=False)) == State.PAUSED

    def test_paused_while_everything_is(self, outlet: Outlet) -> None:
        pause = PushPause.objects.create(paused_at=NOW)
        assert state_of(outlet) == State.PAUSED
        PushPause.objects.filter(pk=pause.pk).update(ended_at=NOW)
        assert state_of(outlet) == State.IN_SYNC

    def test_not_set_up_without_an_address(self) -> None:
        assert state_of(make_outlet("1", "pasons")) == State.NOT_SET_UP

    def test_the_memory_platform_needs_no_address(self) -> None:
        assert state_of(make_outlet("1", "memory")) == State.IN_SYNC


class TestWhichComesFirst:
    def test_not_set_up_before_paused_for_the_address_is_missing_in_any_case(self) -> None:
        assert state_of(make_outlet("1", "pasons", push_enabled=False)) == State.NOT_SET_UP

    def test_paused_before_the_breaker_for_nobody_tries(self, outlet: Outlet) -> None:
        open_breaker(outlet)
        Outlet.objects.update(push_enabled=False)
        assert state_of(outlet) == State.PAUSED

    def test_paused_before_a_push_that_still_ends(self, outlet: Outlet) -> None:
        push(outlet, "running")
        Outlet.objects.update(push_enabled=False)
        assert state_of(outlet) == State.PAUSED

    def test_the_breaker_before_a_push_for_it_may_be_the_probe(self, outlet: Outlet) -> None:
        open_breaker(outlet, -HOUR)
        push(outlet, "running")
        assert state_of(outlet) == State.TROUBLE

    def test_a_push_before_the_failure_that_it_may_mend(self, outlet: Outlet) -> None:
        push(outlet, "failed")
        push(outlet, "running", timedelta())
        assert state_of(outlet) == State.PUSHING

    def test_a_push_before_the_quarantine(self, outlet: Outlet) -> None:
        change(outlet)
        refuse(outlet)
        push(outlet, "running")
        assert state_of(outlet) == State.PUSHING

    def test_a_failed_push_before_the_changes_that_wait_because_of_it(self, outlet: Outlet) -> None:
        change(outlet)
        push(outlet, "failed")
        assert state_of(outlet) == State.TROUBLE

    def test_a_push_that_somebody_cancelled_says_nothing(self, outlet: Outlet) -> None:
        push(outlet, "failed", 2 * HOUR)
        push(outlet, "cancelled")
        assert state_of(outlet) == State.TROUBLE
        push(outlet, "success", timedelta(minutes=5))
        push(outlet, "cancelled", timedelta(minutes=1))
        assert state_of(outlet) == State.IN_SYNC

    def test_quarantine_of_other_values_does_not_count(self, outlet: Outlet) -> None:
        change(outlet)
        refuse(outlet, price="9.00")
        assert count_quarantined(outlet.pk) == 0
        assert state_of(outlet) == State.WAITING

    def test_refusals_that_are_tried_again_are_changes_that_wait(self, outlet: Outlet) -> None:
        change(outlet)
        refuse(outlet, is_quarantined=False)
        assert state_of(outlet) == State.WAITING

    def test_the_neighbour_s_trouble_is_not_ours(self, outlet: Outlet) -> None:
        neighbour = synced(make_outlet("8"))
        change(neighbour)
        refuse(neighbour)
        push(neighbour, "failed")
        open_breaker(neighbour)
        assert state_of(outlet) == State.IN_SYNC


def test_who_needs_somebody_comes_first_and_who_is_not_active_last() -> None:
    make_outlet("1", name="A gone", is_active=False)
    synced(make_outlet("2", name="B fine"))
    change(synced(make_outlet("3", name="C waits")))
    push(make_outlet("4", name="D failed"), "failed")
    push(make_outlet("5", name="A failed"), "failed")
    push(make_outlet("6", name="A pushes"), "running")
    make_outlet("7", name="A paused", push_enabled=False)
    make_outlet("8", "pasons", name="A new")
    names = [outlet.name for outlet in in_order(with_states(NOW))]
    assert names == ["A failed", "D failed", "C waits", "A pushes", "A new", "A paused", "B fine", "A gone"]


class TestSummary:
    def test_inactive_outlets_are_not_counted(self, outlet: Outlet) -> None:
        make_outlet("8", is_active=False)
        assert summarize(NOW) == ({State.IN_SYNC: 1}, 1, None)

    def test_the_oldest_change_of_those_that_should_be_through(self, outlet: Outlet) -> None:
        change(outlet, minutes=14)
        paused = synced(make_outlet("8", push_enabled=False))
        change(paused, minutes=90)
        summary = summarize(NOW)
        assert summary.counts == {State.WAITING: 1, State.PAUSED: 1}
        assert summary.oldest_at == NOW - timedelta(minutes=14)

    def test_what_is_in_quarantine_does_not_wait(self, outlet: Outlet) -> None:
        change(outlet, minutes=90)
        refuse(outlet)
        assert summarize(NOW) == ({State.TROUBLE: 1}, 0, None)

    def test_where_many_are_late_the_oldest_is_not_looked_for(self) -> None:
        for number in range(LATE_LIMIT + 1):
            change(synced(make_outlet(str(number)), 1))
        assert summarize(NOW) == ({State.WAITING: LATE_LIMIT + 1}, 0, None)


class TestFacts:
    def test_of_an_outlet_with_nothing(self) -> None:
        outlet = make_outlet()
        facts = read_facts([outlet.pk], NOW)[outlet.pk]
        assert (facts.has_products, facts.waiting_count, facts.oldest_at, facts.bars) == (False, 0, None, [])
        assert (facts.last_good_at, facts.last_push, facts.open_push) == (None, None, None)

    def test_what_waits_is_what_the_next_push_takes(self, outlet: Outlet) -> None:
        change(outlet, 2)
        refuse(outlet)
        facts = read_facts([outlet.pk], NOW)[outlet.pk]
        assert facts.waiting_count == items_to_push(outlet.pk, "partial", NOW).count() == 1
        assert facts.oldest_at == NOW - timedelta(minutes=14)
        assert (facts.rejected_count, facts.quarantined_count) == (1, 1)

    def test_an_unknown_outcome_that_is_due_waits_but_says_no_since(self, outlet: Outlet) -> None:
        OutletProduct.objects.filter(outlet=outlet).update(confirm_at=NOW)
        facts = read_facts([outlet.pk], NOW)[outlet.pk]
        assert (facts.waiting_count, facts.oldest_at) == (3, None)

    def test_the_last_good_push_and_the_last_one(self, outlet: Outlet) -> None:
        good, failed = push(outlet, "success", 3 * HOUR), push(outlet, "failed", 2 * HOUR)
        push(outlet, "cancelled")
        facts = read_facts([outlet.pk], NOW)[outlet.pk]
        assert (facts.last_good_at, facts.last_push, facts.open_push) == (good.finished_at, failed, None)

    def test_how_far_the_open_push_is(self, outlet: Outlet) -> None:
        running = push(outlet, "running", item_count=6)
        for number, status in enumerate(("done", "failed", "waiting", "split")):
            PushChunk.objects.create(push=running, first_id=number, last_id=number, status=status, item_count=2)
        facts = read_facts([outlet.pk], NOW)[outlet.pk]
        assert (facts.open_push, facts.done_count) == (running, 4)

    def test_the_strip_holds_the_last_pushes_the_latest_at_its_end(self, outlet: Outlet) -> None:
        made = [push(outlet, "success", (40 - n) * HOUR) for n in range(STRIP_LENGTH + 5)]
        other = make_outlet("8")
        failed = push(other, "failed")
        facts = read_facts([outlet.pk, other.pk], NOW)
        assert facts[outlet.pk].bars == [Bar(one.pk, "success") for one in made[5:]]
        assert facts[other.pk].bars == [Bar(failed.pk, "failed")]

    def test_they_take_as_many_queries_for_many_outlets(self) -> None:
        counts = []
        for numbers in (range(3), range(3, 30)):
            for number in numbers:
                outlet = synced(make_outlet(str(number)))
                change(outlet)
                push(outlet, "failed")
                push(outlet, "running", timedelta())
            ids = list(Outlet.objects.values_list("pk", flat=True))
            with CaptureQueriesContext(connection) as queries:
                read_facts(ids, NOW)
            counts.append(len(queries))
        assert counts == [6, 6]


def test_the_items_of_a_full_push(outlet: Outlet) -> None:
    change(outlet)
    refuse(outlet)
    assert count_items([outlet.pk]) == {outlet.pk: items_to_push(outlet.pk, "full", NOW).count()} == {outlet.pk: 2}


def test_secrets_are_not_read(outlet: Outlet) -> None:
    with CaptureQueriesContext(connection) as queries:
        list(with_states(NOW))
    assert "api_key_set_at" in queries[0]["sql"]
    assert '"api_key"' not in queries[0]["sql"]
    assert '"api_secret"' not in queries[0]["sql"]
