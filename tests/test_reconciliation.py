"""What the shop really has is compared with what it has acknowledged, and what differs is sent again."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from integration import reconciliation
from integration.models import (
    Difference,
    EndpointHealth,
    Outlet,
    OutletProduct,
    PushChunk,
    PushHistory,
    PushPause,
    Reconciliation,
    RejectedItem,
)
from integration.platforms.base import Outcome, ShopItem, ShopPage
from integration.platforms.memory import Memory
from integration.proof import read_proof
from integration.pruning import prune_reconciliations
from integration.push_queue import Started
from integration.push_service import PushService, run_started
from integration.reconciliation import run_reconciliation
from integration.reconciliation_queue import claim_one, next_waiting, sweep_reconciliations, want_all, want_one
from integration.sweep import sweep
from tests.conftest import acknowledged_state, make_outlet, memory_state, set_price, stock

pytestmark = pytest.mark.django_db


def compare(outlet: Outlet, sends: str = "usual") -> Reconciliation:
    row, _ = want_one(outlet.pk, timezone.now(), sends=sends)
    run_reconciliation(row.pk, timezone.now())
    row.refresh_from_db()
    return row


def counts(row: Reconciliation) -> dict[str, int]:
    """Those that are not 0."""
    names = ("item", "compared", "differing", "missing", "extra", "malformed", "unreadable", "skipped", "sent")
    return {name: value for name in names if (value := getattr(row, f"{name}_count"))}


def listed(row: Reconciliation) -> list[tuple[Any, ...]]:
    columns = ("kind", "sku", "shop_price", "shop_stock_status", "pushed_price", "pushed_stock_status", "is_sent")
    return list(row.differences.values_list(*columns))


def finish_push(outlet: Outlet) -> PushHistory:
    """Drive what the comparison has started."""
    push = PushHistory.objects.get(outlet=outlet, status__in=PushHistory.OPEN)
    run_started(Started(push))
    push.refresh_from_db()
    return push


@pytest.fixture
def synced(outlet: Outlet) -> Outlet:
    """Ten items that the shop has."""
    stock(outlet, 10)
    PushService(outlet).push()
    return outlet


def shop_of(outlet: Outlet) -> dict[str, tuple[Decimal, int]]:
    return Memory.shops[outlet.store_id]


# --- what is found --------------------------------------------------------------------------------------


def test_a_shop_that_agrees_is_proved_equal(synced: Outlet) -> None:
    row = compare(synced)
    assert (row.status, row.error, row.read_count, row.is_second_reading) == ("equal", "", 10, False)
    assert counts(row) == {"item": 10, "compared": 10}
    assert (row.equal_count, listed(row), PushHistory.objects.count()) == (10, [], 1)


def test_what_the_shop_has_lost_changed_and_added_is_listed_and_sent_again(synced: Outlet) -> None:
    shop, before = shop_of(synced), acknowledged_state(synced)
    del shop["s00003"]
    shop["s00005"] = (Decimal("9.99"), 0)
    shop["stranger"] = (Decimal("5"), 1)
    row = compare(synced)
    assert (row.status, row.is_second_reading, row.is_held) == ("different", True, False)
    assert counts(row) == {"item": 10, "compared": 10, "differing": 1, "missing": 1, "extra": 1, "sent": 2}
    ten = Decimal("10.00")
    assert listed(row) == [
        ("missing", "s00003", "", None, ten, 1, True),
        ("differs", "s00005", "9.99", 0, ten, 1, True),
        ("extra", "stranger", "5.00", 1, None, None, False),
    ]
    assert acknowledged_state(synced) == before  # only the shop's acknowledgement changes it
    push = finish_push(synced)
    assert (push.trigger, push.push_type, push.status, push.item_count) == ("reconcile", "partial", "success", 2)
    assert (row.push_id, OutletProduct.objects.filter(confirm_at__isnull=False).count()) == (push.pk, 0)
    shop.pop("stranger")
    assert compare(synced).status == "equal"


def test_only_a_stranger_in_the_shop_makes_a_difference_and_nothing_is_sent(synced: Outlet) -> None:
    shop_of(synced)["stranger"] = (Decimal("5"), 1)
    row = compare(synced)
    assert (row.status, counts(row)) == ("different", {"item": 10, "compared": 10, "extra": 1})
    assert PushHistory.objects.count() == 1


def test_a_price_is_compared_to_the_last_digit(synced: Outlet) -> None:
    shop_of(synced)["s00000"] = (Decimal("10.001"), 1)
    assert [one[:3] for one in listed(compare(synced))] == [("differs", "s00000", "10.001")]
    shop_of(synced)["s00000"] = (Decimal("10"), 1)
    OutletProduct.objects.update(confirm_at=None)
    PushHistory.objects.filter(status="queued").delete()
    assert compare(synced).status == "equal"


def test_nothing_is_sent_where_it_is_not_wanted(synced: Outlet) -> None:
    shop_of(synced).clear()
    row = compare(synced, "nothing")
    assert (row.status, row.missing_count, row.sent_count) == ("different", 10, 0)
    assert not OutletProduct.objects.filter(confirm_at__isnull=False).exists()
    assert PushHistory.objects.count() == 1


def test_far_too_many_differences_are_not_sent_until_somebody_says_so(outlet: Outlet) -> None:
    stock(outlet, 100)
    PushService(outlet).push()
    shop = shop_of(outlet)
    for sku in list(shop)[:51]:
        shop[sku] = (Decimal("1000"), 1)
    row = compare(outlet)
    assert (row.is_held, row.differing_count, row.sent_count, row.push) == (True, 51, 0, None)
    assert not any(one[-1] for one in listed(row))
    assert not OutletProduct.objects.filter(confirm_at__isnull=False).exists()
    row = compare(outlet, "all")
    assert (row.is_held, row.sent_count) == (False, 51)
    assert finish_push(outlet).accepted_count == 51
    assert compare(outlet).status == "equal"


def test_who_asks_for_all_of_it_while_it_is_compared_gets_all_of_it(
    outlet: Outlet, monkeypatch: pytest.MonkeyPatch
) -> None:
    stock(outlet, 60)
    PushService(outlet).push()
    shop_of(outlet).clear()
    user = get_user_model().objects.create(username="asha")
    read_shelf = Memory.read_shelf

    def ask_meanwhile(self: Memory, *args: Any) -> ShopPage:
        assert want_one(outlet.pk, timezone.now(), user.pk, "all")[1] is False
        return read_shelf(self, *args)

    monkeypatch.setattr(Memory, "read_shelf", ask_meanwhile)
    row = compare(outlet)
    assert (row.is_held, row.sent_count, row.created_by) == (False, 60, user)
    assert row.push is not None
    assert row.push.created_by == user


def test_an_outlet_that_goes_while_it_is_compared_ends_the_comparison(
    outlet: Outlet, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    conclude = reconciliation.conclude

    def delete_and_conclude(*args: Any) -> Any:
        Reconciliation.objects.all().delete()
        return conclude(*args)

    monkeypatch.setattr(reconciliation, "conclude", delete_and_conclude)
    row, _ = want_one(outlet.pk, timezone.now())
    assert run_reconciliation(row.pk, timezone.now()) == []
    assert "Traceback" not in caplog.text


def test_a_comparison_that_was_to_send_nothing_sends_nothing_whoever_asks(synced: Outlet) -> None:
    row, _ = want_one(synced.pk, timezone.now(), sends="nothing")
    assert want_one(synced.pk, timezone.now(), sends="all") == (row, False)
    row.refresh_from_db()
    assert row.sends == "nothing"


@pytest.mark.parametrize("changed", [50, 51])
def test_up_to_50_differences_or_a_fifth_are_sent(outlet: Outlet, changed: int) -> None:
    stock(outlet, 260)
    PushService(outlet).push()
    for sku in list(shop_of(outlet))[:changed]:
        shop_of(outlet)[sku] = (Decimal("1000"), 1)
    assert compare(outlet).sent_count == changed


def test_a_thousand_differences_are_listed_and_all_are_counted(outlet: Outlet) -> None:
    stock(outlet, 1200)
    PushService(outlet).push()
    shop_of(outlet).clear()
    row = compare(outlet, "all")
    assert (row.missing_count, row.sent_count, row.differences.count()) == (1200, 1200, 1000)


# --- what only looks like a difference ------------------------------------------------------------------


class WhileReading:
    """Calls a hook when a reading begins, before or after the shop lists."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *hooks: Callable[[], None]) -> None:
        self.hooks, self.readings = list(hooks), 0
        read = Memory.read_shelf

        def listed(adapter: Memory, place: str = "") -> ShopPage:
            page = read(adapter, place)
            self.readings += place == ""
            if place == "" and self.hooks:
                self.hooks.pop(0)()
            return page

        monkeypatch.setattr(Memory, "read_shelf", listed)


def test_an_item_that_is_changed_and_pushed_during_the_reading_is_no_difference(
    synced: Outlet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change() -> None:
        set_price(synced, "s00004", "12.00")
        PushService(synced).push()

    reading = WhileReading(monkeypatch, change)
    row = compare(synced)
    assert (row.status, counts(row)) == ("equal", {"item": 10, "compared": 9, "skipped": 1})
    assert reading.readings == 1


def test_what_waits_or_is_to_be_confirmed_is_not_compared(synced: Outlet) -> None:
    set_price(synced, "s00001", "11.00")
    OutletProduct.objects.filter(product__sku="s00002").update(confirm_at=timezone.now() + timedelta(minutes=5))
    shop_of(synced).clear()
    row = compare(synced, "nothing")
    assert counts(row) == {"item": 10, "compared": 8, "missing": 8, "skipped": 2}
    assert {"s00001", "s00002"} & set(row.differences.values_list("sku", flat=True)) == set()


def test_what_a_request_is_under_way_for_is_not_compared(synced: Outlet) -> None:
    ids = list(OutletProduct.objects.order_by("product_id").values_list("product_id", flat=True))
    push = PushHistory.objects.create(
        outlet=synced, platform="memory", push_type="full", push_timestamp=timezone.now(), status="running"
    )
    PushChunk.objects.create(push=push, first_id=ids[0], last_id=ids[3], status="sending")
    PushChunk.objects.create(push=push, first_id=ids[4], last_id=ids[4], status="waiting", job={"id": "j"})
    PushChunk.objects.create(push=push, first_id=ids[5], last_id=ids[9], status="waiting")
    shop_of(synced).clear()
    assert counts(compare(synced, "nothing")) == {"item": 10, "compared": 5, "missing": 5, "skipped": 5}


def test_what_was_acknowledged_just_now_may_not_be_listed_yet(synced: Outlet, settings: Any) -> None:
    settings.CONTRACTS = {"memory": {"read_back": {"settle_seconds": 60}}}
    shop_of(synced).clear()
    assert counts(compare(synced)) == {"item": 10, "skipped": 10}
    OutletProduct.objects.update(pushed_at=timezone.now() - timedelta(seconds=61))
    assert compare(synced).missing_count == 10


def test_a_difference_that_the_second_reading_does_not_see_is_none(
    synced: Outlet, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = shop_of(synced)
    kept = shop.pop("s00007")
    reading = WhileReading(monkeypatch, lambda: shop.update(s00007=kept))
    row = compare(synced)
    assert (row.status, counts(row), reading.readings) == ("equal", {"item": 10, "compared": 10}, 2)


def test_an_item_that_is_pushed_between_the_readings_is_no_difference(
    synced: Outlet, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop_of(synced)["s00007"] = (Decimal("1"), 1)

    def change() -> None:
        set_price(synced, "s00007", "12.00")
        PushService(synced).push()

    WhileReading(monkeypatch, lambda: None, change)
    row = compare(synced)
    assert (row.status, counts(row)) == ("equal", {"item": 10, "compared": 9, "skipped": 1})


def test_what_the_shop_refuses_is_listed_and_not_sent_again(synced: Outlet) -> None:
    """Once in quarantine with new values, once with the values that the shop has."""
    now, refused = timezone.now(), OutletProduct.objects.filter(product__sku__in=["s00001", "s00002"])
    for item in refused:
        RejectedItem.objects.create(
            outlet_product=item,
            reason="no",
            rejected_price=item.selling_price,
            rejected_stock_status=1,
            first_rejected_at=now,
            last_rejected_at=now,
            quarantined_at=now,
        )
    set_price(synced, "s00001", "11.00")
    shop_of(synced)["s00001"] = shop_of(synced)["s00002"] = (Decimal("3"), 1)
    row = compare(synced)
    assert counts(row) == {"item": 10, "compared": 10, "differing": 2}
    assert list(row.differences.values_list("sku", "is_refused", "is_sent")) == [
        ("s00001", True, False),
        ("s00002", True, False),
    ]
    assert (PushHistory.objects.count(), OutletProduct.objects.filter(confirm_at__isnull=False).count()) == (1, 0)
    shop_of(synced)["s00001"] = shop_of(synced)["s00002"] = (Decimal("10"), 1)
    assert counts(compare(synced)) == {"item": 10, "compared": 9, "skipped": 1}  # the dashboard says 11


def test_nothing_can_be_said_of_what_was_never_sent(outlet: Outlet) -> None:
    stock(outlet, 3)
    Memory.shops["007"] = {"s00000": (Decimal("1"), 1)}
    assert counts(compare(outlet)) == {"item": 3, "skipped": 3}


# --- what cannot be read --------------------------------------------------------------------------------


def answer(monkeypatch: pytest.MonkeyPatch, *pages: ShopPage) -> None:
    """The shop's pages; the last one again and again."""
    left = list(pages)
    monkeypatch.setattr(Memory, "read_shelf", lambda adapter, place="": left.pop(0) if len(left) > 1 else left[0])


def good(*skus: str, more: str | None = None, total: int | None = None) -> ShopPage:
    return ShopPage(Outcome.DONE, tuple(ShopItem(sku, Decimal(10), 1) for sku in skus), more, total)


def fails(outlet: Outlet) -> str:
    """The comparison fails, and nothing comes of it; why."""
    before = PushHistory.objects.count()
    row = compare(outlet)
    assert (row.status, Difference.objects.count(), PushHistory.objects.count()) == ("failed", 0, before)
    assert (row.claim_token, row.finished_at is None) == (None, False)
    return row.error


def test_items_that_cannot_be_read_are_counted_and_shown(synced: Outlet, monkeypatch: pytest.MonkeyPatch) -> None:
    skus = sorted(shop_of(synced))
    bad = (ShopItem(skus[0], problem="the price is ten"), ShopItem("", problem="the SKU is missing"))
    answer(monkeypatch, ShopPage(Outcome.DONE, (*good(*skus[1:]).items, *bad)))
    row = compare(synced)
    assert (row.status, counts(row)) == ("different", {"item": 10, "compared": 9, "malformed": 2, "unreadable": 1})
    assert list(row.differences.values_list("kind", "sku", "reason")) == [
        ("malformed", "s00000", "the price is ten"),
        ("malformed", "", "the SKU is missing"),
    ]
    assert PushHistory.objects.count() == 1


def test_a_page_that_comes_twice_does_no_harm(synced: Outlet, monkeypatch: pytest.MonkeyPatch) -> None:
    skus = sorted(shop_of(synced))
    answer(monkeypatch, good(*skus[:5], more="1"), good(*skus[:5], more="2"), good(*skus[5:]))
    row = compare(synced)
    assert (row.status, counts(row), row.read_count) == ("equal", {"item": 10, "compared": 10}, 15)


def test_a_shop_that_always_answers_with_the_first_page_is_found_out(
    synced: Outlet, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = iter(range(1000))
    monkeypatch.setattr(Memory, "read_shelf", lambda adapter, place="": good("s00000", more=str(next(numbers))))
    assert "the same items again and again" in fails(synced)
    assert next(numbers) < 10


def test_pages_that_lead_in_a_circle_are_an_error(synced: Outlet, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, good("a", more="1"), good("b", more="2"), good("c", more="1"))
    assert "in a circle" in fails(synced)


def test_a_list_without_an_end_is_an_error(synced: Outlet, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.CONTRACTS = {"memory": {"read_back": {"page_limit": 5}}}
    numbers = iter(range(1000))
    monkeypatch.setattr(Memory, "read_shelf", lambda adapter, place="": good(f"x{place}", more=str(next(numbers))))
    assert "does not end after 5 pages" in fails(synced)


def test_a_list_that_is_shorter_than_the_shop_says_is_no_proof(synced: Outlet, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, good("s00000", total=10))
    assert fails(synced) == "the shop says that it has 10 items, and has listed 1"


def test_what_fails_for_a_moment_is_tried_again(
    synced: Outlet, monkeypatch: pytest.MonkeyPatch, quick: Callable[..., None]
) -> None:
    quick(backoff_seconds=0.01, attempts=3)
    answer(monkeypatch, ShopPage(Outcome.RETRY, message="HTTP 503"), good(*sorted(shop_of(synced))))
    assert compare(synced).status == "equal"
    answer(monkeypatch, ShopPage(Outcome.RETRY, error_kind="http_503", message="HTTP 503"))
    assert fails(synced) == "HTTP 503"
    assert not EndpointHealth.objects.exists()  # that it lists badly says nothing of pushes


def test_retry_after_holds_pushes_as_well(
    synced: Outlet, monkeypatch: pytest.MonkeyPatch, quick: Callable[..., None]
) -> None:
    quick(backoff_seconds=0.01, attempts=2)
    waited: list[float] = []
    monkeypatch.setattr("integration.reconciliation_queue.Claim.wait", lambda claim, seconds: waited.append(seconds))
    monkeypatch.setattr("integration.reading.health.leave_alone", lambda pk, seconds, now: waited.append(-seconds))
    answer(monkeypatch, ShopPage(Outcome.RETRY, message="busy", retry_after=7), good(*sorted(shop_of(synced))))
    assert compare(synced).status == "equal"
    assert [seconds for seconds in waited if seconds] == [-7, 7]


@pytest.mark.parametrize("outcome", [Outcome.CREDENTIALS, Outcome.BROKEN, Outcome.FORBIDDEN, Outcome.REFUSED])
def test_what_will_not_get_better_is_not_tried_again(
    synced: Outlet, monkeypatch: pytest.MonkeyPatch, outcome: Outcome
) -> None:
    answer(monkeypatch, ShopPage(outcome, message="no"), good(*sorted(shop_of(synced))))
    assert fails(synced) == "no"


def test_a_mistake_of_ours_ends_it_too(synced: Outlet, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any) -> None:
        raise ZeroDivisionError("secret-in-an-exception")

    monkeypatch.setattr(Memory, "read_shelf", fail)
    assert fails(synced) == "the adapter failed: ZeroDivisionError"
    monkeypatch.setattr("integration.reconciliation.list_strangers", fail)
    answer(monkeypatch, good(*sorted(shop_of(synced))))
    assert fails(synced) == "something went wrong in the service: ZeroDivisionError"


# --- whether, and when ----------------------------------------------------------------------------------


def test_the_night_compares_every_outlet_that_can_be_read(outlet: Outlet, settings: Any) -> None:
    make_outlet("8", "pasons", api_endpoint="https://shop.example/")
    make_outlet("9", is_active=False)
    assert want_all(timezone.now()) == 1
    assert list(Reconciliation.objects.values_list("outlet", "status", "trigger")) == [
        (outlet.pk, "waiting", "schedule")
    ]
    settings.CONTRACTS = {"pasons": {"read_back": {}}}
    assert want_all(timezone.now()) == 1  # that is the other one
    assert Reconciliation.objects.filter(outlet__store_id="8").count() == 1


def test_few_are_under_way_at_a_time(db: None) -> None:
    for number in range(5):
        make_outlet(str(number))
    want_all(timezone.now())
    first = next_waiting(timezone.now())
    assert (len(first), next_waiting(timezone.now())) == (1, [])
    run_reconciliation(first[0], timezone.now())
    assert len(next_waiting(timezone.now())) == 1


def test_an_outlet_is_compared_once_at_a_time(synced: Outlet) -> None:
    first, is_new = want_one(synced.pk, timezone.now())
    assert (is_new, want_one(synced.pk, timezone.now())) == (True, (first, False))
    assert claim_one(first.pk, timezone.now()) is not None
    assert run_reconciliation(first.pk, timezone.now()) == []
    first.refresh_from_db()
    assert (first.status, first.attempt_count) == ("running", 1)


@pytest.mark.parametrize("cause", ["off", "pause", "breaker", "contract"])
def test_what_is_left_alone_is_skipped_with_the_reason(synced: Outlet, cause: str, settings: Any) -> None:
    want_all(timezone.now())
    later = timezone.now() + timedelta(minutes=5)
    match cause:
        case "off":
            Outlet.objects.update(push_enabled=False)
        case "pause":
            PushPause.objects.create(paused_at=timezone.now(), reason="the shop moves")
        case "breaker":
            EndpointHealth.objects.create(outlet=synced, open_until=later, reason="HTTP 503", failure_count=5)
        case "contract":
            settings.CONTRACTS = {"memory": {"read_back": None}}
    [row] = Reconciliation.objects.all()
    run_reconciliation(row.pk, timezone.now())
    row.refresh_from_db()
    reasons = {"off": "switched off", "pause": "the shop moves", "breaker": "HTTP 503", "contract": "read back"}
    assert row.status == "skipped"
    assert reasons[cause] in row.error


def test_a_person_may_compare_what_is_paused_and_it_is_sent_when_that_is_over(synced: Outlet) -> None:
    PushPause.objects.create(paused_at=timezone.now())
    del shop_of(synced)["s00001"]
    row = compare(synced)
    assert (row.status, row.sent_count, row.push) == ("different", 1, None)
    assert "every push is paused" in row.error
    PushPause.objects.update(ended_at=timezone.now())
    sweep(timezone.now())
    assert finish_push(synced).trigger == "confirm"
    assert "s00001" in memory_state()


def test_a_dead_worker_s_comparison_is_tried_once_more_and_then_ended(synced: Outlet) -> None:
    row, _ = want_one(synced.pk, timezone.now())
    for attempt, status in ((1, "waiting"), (2, "failed")):
        assert claim_one(row.pk, timezone.now())
        assert sweep_reconciliations(timezone.now()) == []
        Reconciliation.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
        assert sweep_reconciliations(timezone.now()) == ([row.pk] if attempt == 1 else [])
        row.refresh_from_db()
        assert (row.status, row.attempt_count) == (status, attempt)
    assert row.error == "the worker did not report back"


def test_a_worker_that_has_lost_its_claim_writes_nothing(synced: Outlet, monkeypatch: pytest.MonkeyPatch) -> None:
    shop_of(synced).clear()
    WhileReading(monkeypatch, lambda: None, lambda: Reconciliation.objects.update(claim_token=None) and None)
    row = compare(synced)
    assert (row.status, row.differing_count, Difference.objects.count()) == ("running", 0, 0)
    assert not OutletProduct.objects.filter(confirm_at__isnull=False).exists()


def test_a_worker_that_is_told_to_end_gives_it_back(synced: Outlet, monkeypatch: pytest.MonkeyPatch) -> None:
    def end() -> None:
        raise SystemExit

    WhileReading(monkeypatch, end)
    row, _ = want_one(synced.pk, timezone.now())
    with pytest.raises(SystemExit):
        run_reconciliation(row.pk, timezone.now())
    row.refresh_from_db()
    assert (row.status, row.claim_token) == ("waiting", None)
    run_reconciliation(row.pk, timezone.now())
    row.refresh_from_db()
    assert row.status == "equal"


# --- the proof, and what is kept ------------------------------------------------------------------------


def test_the_proof_adds_up_each_outlet_s_last_result(synced: Outlet) -> None:
    other = make_outlet("8")
    stock(other, 5, prefix="t")
    PushService(other).push()
    assert read_proof()[:4] == (2, 0, 0, 0)
    compare(synced)
    first = compare(other)
    del shop_of(other)["t00000"]
    compare(other)
    proof = read_proof()
    assert proof[:7] == (2, 2, 15, 14, 1, 0, 0)
    assert proof.at is not None
    assert first.finished_at is not None
    assert proof.at < first.finished_at < timezone.now()
    Outlet.objects.filter(pk=other.pk).update(push_enabled=False)
    assert read_proof()[:4] == (1, 1, 10, 10)


def test_old_comparisons_go_and_each_outlet_s_last_result_stays(synced: Outlet) -> None:
    rows = [compare(synced) for _ in range(3)]
    Reconciliation.objects.update(created_at=timezone.now() - timedelta(days=100))
    assert prune_reconciliations(timezone.now()) == 2
    assert list(Reconciliation.objects.values_list("pk", flat=True)) == [rows[-1].pk]
