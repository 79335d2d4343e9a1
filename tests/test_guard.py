"""A push that would do what nobody means is held until somebody says so."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from integration import guard, held_items
from integration.claims import claim_chunk
from integration.contracts import contract_of, store_contract
from integration.delivery import send_chunk
from integration.holds import Moved, attend, discard_push, release_push
from integration.models import Outlet, OutletProduct, PushAttempt, PushChunk, PushHistory, PushPause, RejectedItem
from integration.obstacles import CannotPush
from integration.platforms.base import Outcome, SendResult
from integration.platforms.memory import Memory
from integration.product_update import apply_product_update
from integration.push_queue import Ring, Started, cancel_push, start_push
from integration.push_service import PushService, run_push
from integration.rejections import release_items
from integration.sweep import sweep
from tests.conftest import make_outlet, memory_state, stock

pytestmark = pytest.mark.django_db


def start(outlet: Outlet, push_type: str = "partial", trigger: str = "manual") -> Started:
    return start_push(outlet, push_type, trigger, timezone.now())


def known(outlet: Outlet, count: int, price: str = "10.00") -> list[str]:
    """So many items that the shop has acknowledged."""
    skus = stock(outlet, count, price)
    ok, _facts = PushService(outlet).push()
    assert ok
    return skus


def update(outlet: Outlet, skus: list[str], price: str = "10.00", stock_status: int = 1) -> None:
    rows = [{"sku": sku, "selling_price": price, "stock_status": stock_status} for sku in skus]
    assert apply_product_update(outlet, rows).bad_count == 0


def planned(outlet: Outlet, push_type: str = "partial") -> PushHistory:
    """A push after it has been planned."""
    push = start(outlet, push_type).push
    assert push is not None
    attend(push.pk, timezone.now())
    push.refresh_from_db()
    return push


def run(push: PushHistory) -> PushHistory:
    return run_push(push.pk, lambda chunk_id: None)


# --- what is too much -----------------------------------------------------------------------------------


@pytest.mark.parametrize("push_type", ["partial", "full"])
@pytest.mark.parametrize(("count", "status"), [(30, "running"), (31, "held")])
def test_more_than_thirty_percent_out_of_stock_are_held(
    outlet: Outlet, push_type: str, count: int, status: str
) -> None:
    skus = known(outlet, 100)
    update(outlet, skus[:count], stock_status=0)
    push = planned(outlet, push_type)
    assert push.status == status
    assert push.chunks.exists() is (status == "running")


@pytest.mark.parametrize(
    ("price", "count", "status"),
    [
        ("16.00", 100, "running"),  # 60 % is not more than 60 %
        ("16.01", 10, "held"),
        ("4.00", 100, "running"),
        ("3.99", 10, "held"),
        ("16.01", 9, "running"),  # of too few
    ],
)
def test_prices_that_leap_are_held(outlet: Outlet, price: str, count: int, status: str) -> None:
    skus = known(outlet, 100)
    update(outlet, skus[:count], price)
    assert planned(outlet).status == status


@pytest.mark.parametrize(("count", "status"), [(10, "running"), (11, "held")])
def test_five_percent_of_the_items_that_are_sent_may_leap(outlet: Outlet, count: int, status: str) -> None:
    skus = known(outlet, 300)
    update(outlet, skus[:200], "11.00")
    update(outlet, skus[:count], "99.00")
    assert planned(outlet).status == status


def test_of_a_full_push_all_items_are_sent(outlet: Outlet) -> None:
    skus = known(outlet, 300)
    update(outlet, skus[:15], "99.00")
    assert planned(outlet, "full").status == "running"


@pytest.mark.parametrize(
    ("before", "after"), [("0.05", "0.08"), ("0.10", "0.16"), ("1.15", "1.84"), ("29.95", "47.92")]
)
def test_prices_are_compared_exactly(outlet: Outlet, before: str, after: str) -> None:
    skus = known(outlet, 20, before)
    update(outlet, skus, after)
    assert planned(outlet).status == "running"
    further = str(Decimal(after) + Decimal("0.01"))
    update(outlet, skus, further)
    push = PushHistory.objects.get(status="running")
    look = guard.look(push, contract_of("memory"), timezone.now())
    assert look.findings.leap_count == 20


def test_any_price_is_a_leap_from_nothing(outlet: Outlet) -> None:
    known(outlet, 20)
    OutletProduct.objects.update(pushed_price=0)
    push = planned(outlet)
    assert (push.status, push.findings["leap_count"]) == ("held", 20)
    assert [item.pushed_price for item in held_items.largest_leaps(outlet.pk, guard.Limits(), 20, 1)] == [0]


def test_the_furthest_leaps_and_the_dearest_items_come_first(outlet: Outlet, monkeypatch: pytest.MonkeyPatch) -> None:
    skus = known(outlet, 20)
    update(outlet, skus[:18], "20.00", 0)
    update(outlet, skus[18:], "0.50")
    update(outlet, skus[5:6], "900.00")
    leaps = held_items.largest_leaps(outlet.pk, guard.Limits(), 20, 3)
    assert [item.product.sku for item in leaps] == ["s00005", "s00000", "s00001"]
    OutletProduct.objects.filter(product__sku="s00007").update(pushed_price=50)
    assert held_items.items_leaving(outlet.pk, 18, 1)[0].product.sku == "s00007"
    monkeypatch.setattr(held_items, "SORTED", 10)
    assert held_items.items_leaving(outlet.pk, 18, 1)[0].product.sku == "s00000"
    assert held_items.largest_leaps(outlet.pk, guard.Limits(), 20, 1)[0].product.sku == "s00000"


def test_a_first_push_is_never_held(outlet: Outlet) -> None:
    stock(outlet, 50)
    OutletProduct.objects.update(stock_status=0)
    assert planned(outlet).status == "running"


def test_few_items_are_no_reason(outlet: Outlet) -> None:
    skus = known(outlet, 9)
    update(outlet, skus, "99.00", 0)
    assert planned(outlet).status == "running"


def test_a_shop_that_is_emptied_in_several_updates_is_held(outlet: Outlet, small: None) -> None:
    skus = known(outlet, 100)
    for start_at in (0, 15):
        update(outlet, skus[start_at : start_at + 15], stock_status=0)
        assert run(planned(outlet)).status == "success"
    update(outlet, skus[30:31], stock_status=0)
    push = planned(outlet)
    assert push.status == "held"
    assert (push.findings["stock_count"], push.findings["gone_count"], push.findings["trips"]) == (1, 30, ["stock"])
    assert sum(stock for _, stock in memory_state().values()) == 70


def test_what_is_in_stock_again_went_nowhere(outlet: Outlet) -> None:
    skus = known(outlet, 100)
    for status in (0, 1):
        update(outlet, skus[:25], stock_status=status)
        assert run(planned(outlet)).status == "success"
    update(outlet, skus[25:50], stock_status=0)
    assert run(planned(outlet)).status == "success"


def test_what_went_longer_ago_or_was_agreed_to_does_not_count(outlet: Outlet) -> None:
    skus = known(outlet, 100)
    update(outlet, skus[:25], stock_status=0)
    assert run(planned(outlet)).status == "success"
    OutletProduct.objects.update(sold_out_at=timezone.now() - timedelta(minutes=61))
    update(outlet, skus[25:65], stock_status=0)
    push = planned(outlet)
    assert (push.status, push.findings["gone_count"]) == ("held", 0)
    release_push(push.pk, timezone.now())
    assert run(push).status == "success"
    update(outlet, skus[65:85], stock_status=0)
    assert run(planned(outlet)).status == "success"


def test_answers_whose_times_overtake_each_other_do_not_undo_an_agreement(outlet: Outlet) -> None:
    skus = known(outlet, 100)
    update(outlet, skus[:40], stock_status=0)
    push = planned(outlet)
    release_push(push.pk, timezone.now())
    assert run(push).status == "success"
    PushHistory.objects.filter(pk=push.pk).update(finished_at=timezone.now() - timedelta(seconds=20))
    update(outlet, skus[40:55], stock_status=0)
    assert run(planned(outlet)).status == "success"


def test_a_full_push_takes_nothing_out_of_stock_that_was_out(outlet: Outlet) -> None:
    skus = known(outlet, 100)
    update(outlet, skus[:25], stock_status=0)
    run(planned(outlet))
    OutletProduct.objects.update(sold_out_at=timezone.now() - timedelta(minutes=61))
    assert run(planned(outlet, "full")).status == "success"
    update(outlet, skus[25:50], stock_status=0)
    assert run(planned(outlet)).status == "success"


def test_other_changes_do_not_set_a_held_push_free(outlet: Outlet) -> None:
    skus = known(outlet, 1100)
    update(outlet, skus[:50], price="100.00")
    push = planned(outlet)
    update(outlet, skus[50:], price="10.10")
    assert attend(push.pk, timezone.now()) == []
    push.refresh_from_db()
    assert (push.status, push.findings["leap_count"], push.findings["item_count"]) == ("held", 50, 50)
    assert set(memory_state().values()) == {("10.00", 1)}
    update(outlet, skus[:45])  # corrected
    assert attend(push.pk, timezone.now()) != []


def chunks_of(push: PushHistory) -> list[int]:
    return list(PushChunk.objects.filter(push=push).order_by("first_id").values_list("pk", flat=True))


def test_what_an_agreed_push_has_sent_is_no_reason_to_hold_it_again(outlet: Outlet, small: None) -> None:
    skus = known(outlet, 100)
    update(outlet, skus[:40], stock_status=0)
    push = planned(outlet)
    release_push(push.pk, timezone.now())
    attend(push.pk, timezone.now())
    *first, _last = chunks_of(push)
    for chunk_id in first:
        send_chunk(chunk_id, timezone.now())
    update(outlet, skus[45:46], stock_status=0)
    update(outlet, skus[35:36], stock_status=1)
    update(outlet, skus[35:36], stock_status=0)
    assert run(push).status == "success"


def test_an_agreement_outlives_a_pause_and_not_a_cancel(outlet: Outlet, small: None) -> None:
    skus = known(outlet, 100)
    update(outlet, skus[:40], stock_status=0)
    push = planned(outlet)
    release_push(push.pk, timezone.now())
    attend(push.pk, timezone.now())
    pause = PushPause.objects.create(reason="", paused_at=timezone.now())
    assert send_chunk(chunks_of(push)[0], timezone.now()) == []
    PushPause.objects.filter(pk=pause.pk).update(ended_at=timezone.now())
    again = planned(outlet)
    push.refresh_from_db()
    assert (push.status, again.status) == ("cancelled", "running")
    cancel_push(again.pk, "asha", timezone.now())
    assert planned(outlet).status == "held"


def test_waiting_does_not_set_a_held_push_free(outlet: Outlet) -> None:
    skus = known(outlet, 100)
    update(outlet, skus[:25], stock_status=0)
    run(planned(outlet))
    update(outlet, skus[25:50], stock_status=0)
    push = planned(outlet)
    assert attend(push.pk, timezone.now() + timedelta(minutes=61)) == []
    push.refresh_from_db()
    assert (push.status, push.findings["gone_count"]) == ("held", 25)


def test_what_is_held_for_its_stock_is_judged_anew_for_its_prices(outlet: Outlet) -> None:
    skus = known(outlet, 1000)
    update(outlet, skus[:310], stock_status=0)
    update(outlet, skus[:10], price="100.00", stock_status=0)
    update(outlet, skus[310:], price="10.10")
    push = planned(outlet)
    assert push.findings["trips"] == ["stock"]
    update(outlet, skus[:30], price="100.00")  # 3 % of 1,000
    update(outlet, skus[30:310], price="10.10")
    assert attend(push.pk, timezone.now()) != []


def test_an_agreement_about_prices_says_nothing_of_stock(outlet: Outlet) -> None:
    skus = known(outlet, 100)
    update(outlet, skus[:25], stock_status=0)
    run(planned(outlet))
    update(outlet, skus[50:70], price="100.00")
    push = planned(outlet)
    release_push(push.pk, timezone.now())
    assert (push.findings["trips"], run(push).status) == (["price"], "success")
    update(outlet, skus[25:50], stock_status=0)
    assert planned(outlet).status == "held"


def test_other_changes_do_not_hide_what_was_discarded(outlet: Outlet) -> None:
    skus = known(outlet, 1100)
    update(outlet, skus[:50], price="100.00")
    push = planned(outlet)
    update(outlet, skus[50:], price="10.10")
    discard_push(push.pk, "asha", timezone.now())
    assert planned(outlet).status == "held"


def test_what_comes_back_into_stock_is_no_reason(outlet: Outlet) -> None:
    stock(outlet, 50)
    OutletProduct.objects.update(stock_status=0)
    run(planned(outlet))
    OutletProduct.objects.update(stock_status=1)
    assert planned(outlet).status == "running"


def test_a_platform_has_limits_of_its_own(outlet: Outlet, quick: Any) -> None:
    quick(guard={"stock_percent": 10})
    skus = known(outlet, 100)
    update(outlet, skus[:11], stock_status=0)
    assert planned(outlet).status == "held"


def test_an_outlet_has_limits_of_its_own(quick: Any) -> None:
    quick(guard={"stock_percent": 10})
    outlet = make_outlet(guard_stock_percent=0, guard_price_percent=100, guard_items_percent=50)
    assert guard.limits_of(outlet, contract_of("memory")) == guard.Limits(True, 0, 100, 50, 10)


def test_a_platform_without_a_guard_holds_nothing(outlet: Outlet, quick: Any) -> None:
    quick(guard={"enabled": False})
    skus = known(outlet, 50)
    update(outlet, skus, "99.00", 0)
    assert planned(outlet).status == "running"


# --- held -----------------------------------------------------------------------------------------------


def hold(outlet: Outlet, count: int = 40) -> tuple[PushHistory, list[str]]:
    skus = known(outlet, count)
    update(outlet, skus, stock_status=0)
    push = planned(outlet)
    assert push.status == "held"
    return push, skus


def test_a_held_push_sends_nothing_and_says_what_it_would_do(outlet: Outlet) -> None:
    push, _skus = hold(outlet)
    assert set(memory_state().values()) == {("10.00", 1)}
    assert push.findings == {
        "stock_count": 40,
        "known_count": 40,
        "gone_count": 0,
        "leap_count": 0,
        "item_count": None,
        "trips": ["stock"],
    }
    assert push.held_at is not None


def test_ticks_wait_behind_a_held_push(outlet: Outlet) -> None:
    push, _skus = hold(outlet)
    for _tick in range(3):
        started = start(outlet, trigger="schedule")
        assert (started.push, started.joined, started.rings) == (push, True, [Ring("push", push.pk)])
        assert attend(push.pk, timezone.now()) == []
        assert sweep(timezone.now()) == []
    assert PushHistory.objects.filter(outlet=outlet, push_timestamp__gte=push.push_timestamp).count() == 1
    assert PushHistory.objects.get(pk=push.pk).status == "held"


def test_a_held_push_does_not_grow_too_old(outlet: Outlet, settings: Any) -> None:
    push, _skus = hold(outlet)
    settings.PUSH_DEADLINE_SECONDS = -5
    sweep(timezone.now())
    push.refresh_from_db()
    assert (push.status, push.stopped_at) == ("held", None)
    settings.PUSH_DEADLINE_SECONDS = 3600
    PushHistory.objects.update(push_timestamp=timezone.now() - timedelta(days=2))
    release_push(push.pk, timezone.now())
    sweep(timezone.now())
    push.refresh_from_db()
    assert (push.status, push.stopped_at) == ("queued", None)


def test_pushing_by_hand_says_that_it_is_held(outlet: Outlet) -> None:
    skus = known(outlet, 40)
    update(outlet, skus, stock_status=0)
    ok, facts = PushService(outlet).push()
    assert (ok, facts["status"]) == (False, "held")
    ok, facts = PushService(outlet).push()
    assert (ok, facts["status"]) == (False, "held")


def test_a_released_push_is_sent(outlet: Outlet) -> None:
    push, _skus = hold(outlet)
    asha = get_user_model().objects.create(username="asha")
    assert release_push(push.pk, timezone.now(), asha.pk) == [Ring("push", push.pk)]
    assert release_push(push.pk, timezone.now(), asha.pk) == []
    assert run(push).status == "success"
    assert set(memory_state().values()) == {("10.00", 0)}
    push.refresh_from_db()
    assert (push.released_by, counts_of(push.agreed)) == (asha, {"stock_count": 40, "leap_count": 0})
    assert push.let_go_at is not None


def test_what_was_agreed_to_is_not_held_again_and_more_is(outlet: Outlet) -> None:
    skus = known(outlet, 100)
    update(outlet, skus[:40], stock_status=0)
    push = planned(outlet)
    release_push(push.pk, timezone.now())
    update(outlet, skus[:1], "11.00", 0)
    attend(push.pk, timezone.now())
    push.refresh_from_db()
    assert push.status == "running"
    update(outlet, skus[40:42], stock_status=0)
    assert run(push).status == "held"
    assert set(memory_state().values()) == {("10.00", 1)}


def counts_of(agreed: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in agreed.items() if name != "at"}


def test_an_agreement_is_for_the_items_that_were_seen(outlet: Outlet, small: None) -> None:
    skus = known(outlet, 100)
    update(outlet, skus[:50], stock_status=0)
    push = planned(outlet)
    release_push(push.pk, timezone.now())
    attend(push.pk, timezone.now())
    for _ in range(4):
        send_next(push)
    update(outlet, skus[50:90], stock_status=0)  # as many as are left of what was agreed to, and as have been sent
    assert run(push).status == "held"
    assert list(memory_state().values()).count(("10.00", 0)) == 40


def test_a_look_from_before_a_release_does_not_undo_it(
    outlet: Outlet, small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    push, skus = under_way(outlet)
    update(outlet, skus, "11.00", 0)
    send_next(push)
    judge = guard.judge

    def release_meanwhile(*args: Any) -> guard.Findings:
        found = judge(*args)
        monkeypatch.setattr(guard, "judge", judge)
        release_push(push.pk, timezone.now())
        return found

    monkeypatch.setattr(guard, "judge", release_meanwhile)
    attend(push.pk, timezone.now())
    push.refresh_from_db()
    assert push.status == "running"


def test_what_comes_out_of_quarantine_is_judged(outlet: Outlet, small: None) -> None:
    skus = known(outlet, 100)
    update(outlet, skus[20:80], stock_status=0)
    for item in OutletProduct.objects.filter(product__sku__in=skus[20:80]):
        values = {"rejected_price": item.selling_price, "rejected_stock_status": 0, "quarantined_at": timezone.now()}
        at = {"first_rejected_at": timezone.now(), "last_rejected_at": timezone.now()}
        RejectedItem.objects.create(outlet_product=item, reason="no", **values, **at)
    update(outlet, skus[90:], "11.00")
    push = planned(outlet, "full")
    assert push.status == "running"
    assert release_items(RejectedItem.objects.all()) == (60, [outlet.pk])
    assert run(push).status == "held"
    assert ("10.00", 0) not in memory_state().values()


def test_a_held_push_goes_on_where_the_limits_are_loosened(outlet: Outlet) -> None:
    push, _skus = hold(outlet)
    store_contract("memory", "", {"guard": {"stock_percent": 100}}, timezone.now())
    assert sweep(timezone.now()) == [Ring("push", push.pk)]
    attend(push.pk, timezone.now())
    push.refresh_from_db()
    assert push.status == "running"


def test_what_was_agreed_to_holds_until_a_push_gets_it_through(outlet: Outlet) -> None:
    push, skus = hold(outlet)
    release_push(push.pk, timezone.now())
    refused = SendResult(Outcome.REFUSED, status_code=400, error_kind="refused", message="closed")
    Memory.script[:] = [refused] * 200
    assert run(push).status == "failed"
    Memory.script.clear()
    RejectedItem.objects.all().delete()
    again = planned(outlet)
    assert (again.status, counts_of(again.agreed)) == ("running", {"stock_count": 40, "leap_count": 0})
    assert run(again).status == "success"
    update(outlet, skus)
    run(planned(outlet))
    update(outlet, skus, stock_status=0)
    assert planned(outlet).status == "held"


def test_a_chunk_of_a_dead_worker_stays_with_its_held_push(outlet: Outlet, small: None) -> None:
    push, skus = under_way(outlet)
    claim = claim_chunk(PushChunk.objects.filter(push=push, status="waiting")[0])
    assert claim is not None
    update(outlet, skus, "11.00", 0)
    send_next(push)
    PushChunk.objects.filter(pk=claim.chunk.pk).update(claimed_until=timezone.now() - timedelta(hours=1))
    rings = sweep(timezone.now())
    assert rings == [Ring("chunk", claim.chunk.pk)]
    assert send_chunk(claim.chunk.pk, timezone.now()) == []
    push.refresh_from_db()
    assert (push.status, statuses(push)) == ("held", {"done": 1, "held": 9})


def test_who_looked_before_the_values_changed_is_asked_again(outlet: Outlet) -> None:
    push, skus = hold(outlet)
    seen = push.guard_revision
    update(outlet, skus[:1], "11.00", 0)
    with pytest.raises(Moved):
        release_push(push.pk, timezone.now(), revision=seen)
    push.refresh_from_db()
    assert push.status == "held"
    release_push(push.pk, timezone.now(), revision=seen + 1)
    push.refresh_from_db()
    assert push.status == "queued"


def test_nothing_is_released_into_an_outlet_that_is_switched_off(outlet: Outlet) -> None:
    push, _skus = hold(outlet)
    Outlet.objects.update(push_enabled=False)
    with pytest.raises(CannotPush):
        release_push(push.pk, timezone.now())
    push.refresh_from_db()
    assert push.status == "held"


def test_a_discarded_push_ends_and_the_next_is_judged_anew(outlet: Outlet) -> None:
    push, _skus = hold(outlet)
    start(outlet, trigger="schedule")
    assert discard_push(push.pk, "asha", timezone.now()) == []
    push.refresh_from_db()
    assert (push.status, push.error_details, push.next_push_type) == ("cancelled", "discarded by asha", "")
    assert planned(outlet).status == "held"
    assert set(memory_state().values()) == {("10.00", 1)}


def test_a_held_push_can_be_cancelled(outlet: Outlet) -> None:
    push, _skus = hold(outlet)
    cancel_push(push.pk, "asha", timezone.now())
    push.refresh_from_db()
    assert push.status == "cancelled"


def test_a_push_whose_values_are_corrected_goes_on_by_itself(outlet: Outlet) -> None:
    push, skus = hold(outlet)
    update(outlet, skus[:35])
    assert sweep(timezone.now()) == [Ring("push", push.pk)]
    assert run(push).status == "success"
    assert list(memory_state().values()).count(("10.00", 0)) == 5
    push.refresh_from_db()
    assert (push.agreed, push.released_by) == (None, None)


def test_a_push_with_nothing_left_to_send_ends(outlet: Outlet) -> None:
    push, skus = hold(outlet)
    update(outlet, skus)
    assert start(outlet, trigger="schedule").push is None
    assert sweep(timezone.now()) == [Ring("push", push.pk)]
    run(push)
    push.refresh_from_db()
    assert (push.status, push.item_count) == ("success", 0)


def test_a_held_push_is_looked_at_again_only_after_a_change(outlet: Outlet) -> None:
    push, skus = hold(outlet)
    assert sweep(timezone.now()) == []
    update(outlet, skus[:2])
    assert sweep(timezone.now()) == [Ring("push", push.pk)]
    assert attend(push.pk, timezone.now()) == []
    assert sweep(timezone.now()) == []
    push.refresh_from_db()
    assert push.findings["stock_count"] == 38


# --- while it runs --------------------------------------------------------------------------------------


@pytest.fixture
def small(quick: Any) -> None:
    quick(batch_size=10, backoff_seconds=0.01)


def under_way(outlet: Outlet, count: int = 100) -> tuple[PushHistory, list[str]]:
    """A push of everything, of which the first request has been sent."""
    skus = known(outlet, count)
    update(outlet, skus, "11.00")
    push = planned(outlet)
    send_next(push)
    return push, skus


def send_next(push: PushHistory) -> list[Ring]:
    chunk = PushChunk.objects.filter(push=push, status="waiting").order_by("first_id").first()
    assert chunk is not None
    return send_chunk(chunk.pk, timezone.now())


def statuses(push: PushHistory) -> dict[str, int]:
    found = list(PushChunk.objects.filter(push=push).values_list("status", flat=True))
    return {status: found.count(status) for status in set(found)}


def test_a_bad_update_does_not_go_around_the_guard(outlet: Outlet, small: None) -> None:
    push, skus = under_way(outlet)
    update(outlet, skus, "11.00", 0)
    send_next(push)
    push.refresh_from_db()
    assert (push.status, statuses(push)) == ("held", {"done": 1, "held": 9})
    assert ("11.00", 0) not in memory_state().values()
    assert PushAttempt.objects.filter(chunk__push=push).count() == 1
    assert sweep(timezone.now()) == []


def test_a_push_that_was_held_under_way_goes_on_where_it_was(outlet: Outlet, small: None) -> None:
    push, skus = under_way(outlet)
    update(outlet, skus, "11.00", 0)
    send_next(push)
    rings = release_push(push.pk, timezone.now())
    assert {ring.kind for ring in rings} == {"chunk"}
    assert run(push).status == "success"
    assert list(memory_state().values()).count(("11.00", 0)) == 90
    assert run(planned(outlet)).status == "success"  # the first ten, in a push of their own
    assert set(memory_state().values()) == {("11.00", 0)}


def test_an_ordinary_update_under_way_is_sent_without_another_look(
    outlet: Outlet, small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    push, skus = under_way(outlet)
    update(outlet, skus, "12.00", 1)
    monkeypatch.setattr("integration.delivery.look_again", None)
    assert run(push).status == "success"
    assert ("12.00", 1) in memory_state().values()


def test_a_few_items_out_of_stock_are_looked_at_once(
    outlet: Outlet, small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    push, skus = under_way(outlet)
    update(outlet, skus[10::10], "11.00", 0)
    looks = []
    judge = guard.judge
    monkeypatch.setattr(guard, "judge", lambda *args: looks.append(args) or judge(*args))
    assert run(push).status == "success"
    assert len(looks) == 1


def test_a_chunk_that_comes_back_while_its_push_is_held_stays(outlet: Outlet, small: None) -> None:
    push, skus = under_way(outlet)
    update(outlet, skus, "11.00", 0)
    send_next(push)
    chunk = PushChunk.objects.filter(push=push, status="held").first()
    assert chunk is not None
    PushChunk.objects.filter(pk=chunk.pk).update(status="waiting", rung_at=timezone.now())  # a try that did not work
    assert send_chunk(chunk.pk, timezone.now()) == []
    chunk.refresh_from_db()
    assert (chunk.status, chunk.attempt_count) == ("held", 0)


def test_a_held_push_under_way_can_be_discarded(outlet: Outlet, small: None) -> None:
    push, skus = under_way(outlet)
    update(outlet, skus, "11.00", 0)
    send_next(push)
    discard_push(push.pk, "asha", timezone.now())
    push.refresh_from_db()
    assert (push.status, push.accepted_count, statuses(push)) == ("cancelled", 10, {"done": 1, "failed": 9})


def test_towards_the_end_of_a_push_the_rest_is_not_the_whole(outlet: Outlet, small: None) -> None:
    skus = known(outlet, 400)
    update(outlet, skus, "11.00")
    update(outlet, skus[-15:], "99.00")
    push = planned(outlet)
    for _chunk in range(38):
        send_next(push)
    update(outlet, skus[-1:], "98.00")
    assert run(push).status == "success"
