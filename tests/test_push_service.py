"""What a push does with its chunks, its answers, and what happens meanwhile."""

import threading
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from integration import changes, delivery, history
from integration.delivery import send_chunk
from integration.mock_shop import MockShop
from integration.models import Outlet, OutletProduct, PushAttempt, PushChunk, PushHistory, RejectedItem
from integration.obstacles import CannotPush
from integration.platforms.base import Outcome, SendResult
from integration.platforms.memory import Memory
from integration.push_queue import Ring, plan_push, start_push
from integration.push_service import ItemsDisagree, PushService, run_push
from tests.adapters import Meanwhile
from tests.conftest import acknowledged_state, dashboard_state, make_outlet, memory_state, set_price, stock

pytestmark = pytest.mark.django_db
Quick = Callable[..., None]


def push(outlet: Outlet, push_type: str = "partial") -> dict[str, Any]:
    return PushService(outlet).push(push_type=push_type)[1]


def begin(outlet: Outlet, push_type: str = "partial") -> tuple[PushHistory, list[int]]:
    """A planned push and its chunks' ids."""
    started = start_push(outlet, push_type, "manual", timezone.now()).push
    assert started is not None
    plan_push(started.pk, timezone.now())
    return started, list(started.chunks.values_list("pk", flat=True))


def test_a_full_push_sends_everything_in_chunks_of_500(outlet: Outlet) -> None:
    stock(outlet, 1201)
    result = push(outlet, "full")
    assert (result["status"], result["item_count"], result["accepted_count"]) == ("success", 1201, 1201)
    assert list(PushChunk.objects.values_list("item_count", flat=True)) == [500, 500, 201]
    assert memory_state() == dashboard_state(outlet) == acknowledged_state(outlet)


def test_a_partial_push_sends_exactly_what_differs(outlet: Outlet) -> None:
    skus = stock(outlet, 5)
    push(outlet)
    Memory.shops.clear()
    set_price(outlet, skus[1], "11")
    OutletProduct.objects.filter(product__sku=skus[3]).update(stock_status=0)
    assert push(outlet)["item_count"] == 2
    assert memory_state() == {skus[1]: ("11.00", 1), skus[3]: ("10.00", 0)}


def fail_at_first(monkeypatch: pytest.MonkeyPatch, count: int, error: Exception) -> None:
    """The database does not take the end of an attempt so many times."""
    real, left = history.finish_attempt, [error] * count
    monkeypatch.setattr(delivery, "RECORD_AGAIN_AFTER", (0, 0, 0))

    def finish(*args: Any, **also: Any) -> None:
        real(*args, **also)
        if left:
            raise left.pop()

    monkeypatch.setattr(history, "finish_attempt", finish)


@pytest.mark.parametrize("error", [OperationalError("deadlock detected"), InterfaceError("connection already closed")])
def test_an_answer_that_the_database_does_not_take_at_once_is_not_lost(
    outlet: Outlet, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    stock(outlet, 2)
    fail_at_first(monkeypatch, 3, error)
    assert push(outlet)["status"] == "success"
    assert list(PushAttempt.objects.values_list("outcome", flat=True)) == ["done"]
    assert memory_state() == acknowledged_state(outlet) == dashboard_state(outlet)


def test_an_answer_that_the_database_never_takes_leaves_its_claim(
    outlet: Outlet, monkeypatch: pytest.MonkeyPatch
) -> None:
    stock(outlet, 2)
    _, (chunk_id,) = begin(outlet)
    fail_at_first(monkeypatch, 4, OperationalError("gone"))
    with pytest.raises(OperationalError, match="gone"):
        send_chunk(chunk_id, timezone.now())
    assert PushChunk.objects.get(pk=chunk_id).status == "sending"
    assert PushAttempt.objects.get().finished_at is None
    assert acknowledged_state(outlet) == {}


def test_a_full_push_sends_what_the_shop_knows_too(outlet: Outlet) -> None:
    stock(outlet, 3)
    push(outlet)
    Memory.shops.clear()
    assert push(outlet, "full")["accepted_count"] == 3
    assert len(memory_state()) == 3


def test_nothing_changed_is_no_error_and_writes_no_history(outlet: Outlet) -> None:
    stock(outlet, 3)
    push(outlet)
    assert PushService(outlet).push() == (True, {"push_id": None, "status": "nothing to push", "item_count": 0})
    assert PushHistory.objects.count() == 1


def test_an_outlet_without_a_change_costs_one_query(outlet: Outlet) -> None:
    stock(outlet, 3)
    push(outlet)
    with CaptureQueriesContext(connection) as queries:
        assert start_push(outlet, "partial", "schedule", timezone.now()).push is None
    assert len(queries) == 1


def test_a_restock_is_sent_again(outlet: Outlet) -> None:
    stock(outlet, 1)
    for status in (0, 1, 0):
        OutletProduct.objects.update(stock_status=status)
        push(outlet)
        assert memory_state() == {"s00000": ("10.00", status)}


def test_a_price_changed_in_flight_is_sent_by_the_next_push(outlet: Outlet, settings: Any) -> None:
    skus = stock(outlet, 2)
    settings.PLATFORMS = {"memory": "tests.adapters.Meanwhile"}
    Meanwhile.hook = lambda: set_price(outlet, skus[0], "99")  # type: ignore[assignment]
    push(outlet)
    assert acknowledged_state(outlet)[skus[0]] == ("10.00", 1)
    Meanwhile.hook = lambda: None  # type: ignore[assignment]
    assert push(outlet)["item_count"] == 1
    assert memory_state() == dashboard_state(outlet)


def test_a_chunk_carries_the_values_of_when_it_is_sent(outlet: Outlet) -> None:
    skus = stock(outlet, 2)
    _, (chunk_id,) = begin(outlet)
    set_price(outlet, skus[0], "77")
    send_chunk(chunk_id, timezone.now())
    assert memory_state()[skus[0]] == ("77.00", 1)


def test_products_that_came_in_after_the_cut_get_a_chunk_of_their_own(outlet: Outlet, quick: Quick) -> None:
    quick(batch_size=2)
    stock(outlet, 2)
    push(outlet)
    OutletProduct.objects.filter(product__sku="s00001").delete()
    stock(outlet, 3, prefix="t")
    started, chunk_ids = begin(outlet, "full")
    stock(make_outlet("8"), 1, prefix="s")
    product = OutletProduct.objects.get(outlet__store_id="8").product
    OutletProduct.objects.create(outlet=outlet, product_id=product.pk + 1, selling_price=Decimal("3"), stock_status=1)
    assert len(chunk_ids) == 2
    assert run_push(started.pk, lambda chunk_id: None).status == "success"
    assert memory_state() == dashboard_state(outlet)
    assert max(PushAttempt.objects.values_list("item_count", flat=True)) == 2


def test_an_item_that_the_shop_refuses_stays_unsynced_and_is_listed(outlet: Outlet) -> None:
    skus = stock(outlet, 500)
    Memory.refused = {skus[7]: "unknown product"}
    result = push(outlet)
    assert (result["status"], result["accepted_count"], result["rejected_count"]) == ("partial", 499, 1)
    assert skus[7] not in acknowledged_state(outlet)
    rejected = RejectedItem.objects.select_related("outlet_product__product").get()
    assert (rejected.outlet_product.product.sku, rejected.reason) == (skus[7], "unknown product")
    Memory.refused = {}
    assert push(outlet)["item_count"] == 1
    assert not RejectedItem.objects.exists()


def test_a_refusal_that_is_repeated_is_counted(outlet: Outlet) -> None:
    Memory.refused = {stock(outlet, 1)[0]: "unknown product"}
    assert [push(outlet)["status"] for _ in range(3)] == ["failed"] * 3
    first, last, count = RejectedItem.objects.values_list(
        "first_rejected_at", "last_rejected_at", "rejection_count"
    ).get()
    assert count == 3
    assert first < last


def retry(**more: Any) -> SendResult:
    return SendResult(Outcome.RETRY, error_kind="http_503", message="the shop answered HTTP 503", **more)


def test_a_request_that_fails_is_tried_three_times_and_every_attempt_is_kept(outlet: Outlet, quick: Quick) -> None:
    quick(backoff_seconds=0.01)
    stock(outlet, 2)
    Memory.script += [retry(status_code=503)] * 3
    result = push(outlet)
    assert (result["status"], result["response_code"], result["error_details"]) == (
        "failed",
        503,
        "the shop answered HTTP 503",
    )
    assert list(PushAttempt.objects.values_list("number", "outcome", "response_code")) == [
        (number, "retry", 503) for number in (1, 2, 3)
    ]
    assert PushHistory.objects.get().retry_count == 2
    assert push(outlet)["status"] == "success"
    assert memory_state() == dashboard_state(outlet)


def test_a_request_that_works_the_second_time_is_a_success(outlet: Outlet, quick: Quick) -> None:
    quick(backoff_seconds=0.01)
    stock(outlet, 2)
    Memory.script += [retry()]
    assert push(outlet)["status"] == "success"


def test_a_chunk_waits_as_long_as_the_shop_asks(outlet: Outlet) -> None:
    stock(outlet, 1)
    _, (chunk_id,) = begin(outlet)
    Memory.script += [retry(retry_after=40.0)]
    (ring,) = send_chunk(chunk_id, timezone.now())
    chunk = PushChunk.objects.get()
    assert (ring.kind, ring.id) == ("chunk", chunk_id)
    assert 40 <= ring.delay < 41
    assert chunk.not_before is not None
    assert chunk.not_before > timezone.now() + timedelta(seconds=39)
    assert send_chunk(chunk_id, timezone.now()) == []
    assert PushAttempt.objects.count() == 1


def test_refused_credentials_stop_the_push_at_once(outlet: Outlet) -> None:
    stock(outlet, 1500)
    Memory.script += [SendResult(Outcome.CREDENTIALS, error_kind="credentials", message="credentials refused")] * 3
    result = push(outlet)
    assert (result["status"], result["error_details"]) == ("failed", "credentials refused")
    assert PushAttempt.objects.count() == 1
    assert set(PushChunk.objects.values_list("status", flat=True)) == {"failed"}


def test_a_chunk_that_fails_holds_back_no_other(outlet: Outlet) -> None:
    stock(outlet, 1500)
    Memory.script += [SendResult(Outcome.REFUSED, error_kind="http_400", message="no")]
    result = push(outlet)
    assert (result["status"], result["accepted_count"]) == ("partial", 1000)
    assert result["response_message"] == "1000 of 1500 items accepted, 1 of 3 requests given up"
    assert OutletProduct.objects.filter(differs=True).count() == 500


def test_an_answer_for_half_of_the_items_acknowledges_no_other(outlet: Outlet) -> None:
    skus = stock(outlet, 4)
    Memory.script += [SendResult(Outcome.DONE, accepted=frozenset(skus[:2]))]
    push(outlet)
    assert list(acknowledged_state(outlet)) == skus[:2]


def test_an_unknown_outcome_is_sent_once_more_when_the_shop_has_surely_done_with_it(
    outlet: Outlet, quick: Quick
) -> None:
    quick(backoff_seconds=0.01, processing_seconds=60)
    skus = stock(outlet, 1)
    Memory.script += [retry(unknown=frozenset(skus))]
    push(outlet)
    assert memory_state() == dashboard_state(outlet)
    now = timezone.now()
    assert not changes.items_to_push(outlet.pk, "partial", now).exists()
    later = now + timedelta(seconds=61)
    assert changes.items_to_push(outlet.pk, "partial", later).count() == 1
    OutletProduct.objects.update(confirm_at=now)
    assert push(outlet)["item_count"] == 1
    assert OutletProduct.objects.get().confirm_at is None


def test_a_shop_that_honours_revisions_needs_no_confirmation(outlet: Outlet, quick: Quick) -> None:
    quick(backoff_seconds=0.01, revision_field="revision")
    skus = stock(outlet, 1)
    Memory.script += [retry(unknown=frozenset(skus))]
    push(outlet)
    assert OutletProduct.objects.get().confirm_at is None


def test_an_answer_after_the_claim_was_lost_records_nothing_and_has_the_items_sent_again(
    outlet: Outlet, settings: Any
) -> None:
    stock(outlet, 1)
    settings.PLATFORMS = {"memory": "tests.adapters.Meanwhile"}
    Meanwhile.hook = lambda: PushChunk.objects.update(claim_token=None) and None  # type: ignore[assignment]
    _, (chunk_id,) = begin(outlet)
    assert send_chunk(chunk_id, timezone.now()) == []
    item = OutletProduct.objects.get()
    assert (item.pushed_at, PushChunk.objects.get().status) == (None, "sending")
    assert item.confirm_at is not None


def test_a_message_that_was_delivered_twice_sends_once(outlet: Outlet) -> None:
    stock(outlet, 1)
    _, (chunk_id,) = begin(outlet)
    send_chunk(chunk_id, timezone.now())
    assert send_chunk(chunk_id, timezone.now()) == []
    assert PushAttempt.objects.count() == 1


def test_no_transaction_is_open_while_the_shop_is_asked(outlet: Outlet, settings: Any) -> None:
    stock(outlet, 1)
    depth = len(connection.savepoint_ids)
    seen: list[int] = []
    settings.PLATFORMS = {"memory": "tests.adapters.Meanwhile"}
    Meanwhile.hook = lambda: seen.append(len(connection.savepoint_ids))  # type: ignore[assignment]
    push(outlet)
    assert seen == [depth]


def test_an_adapter_that_raises_ends_the_push_and_shows_no_text_of_it(outlet: Outlet, settings: Any) -> None:
    settings.PLATFORMS = {"memory": "tests.adapters.Failing"}
    settings.CONTRACTS = {"memory": {"attempts": 1}}
    stock(outlet, 1)
    result = push(outlet)
    assert (result["status"], result["error_details"]) == ("failed", "ZeroDivisionError")
    assert OutletProduct.objects.get().confirm_at is not None


def test_an_outlet_that_is_switched_off_meanwhile_sends_no_more(outlet: Outlet) -> None:
    stock(outlet, 1000)
    _, (first, second) = begin(outlet)
    send_chunk(first, timezone.now())
    Outlet.objects.update(push_enabled=False)
    assert send_chunk(second, timezone.now()) == []
    ended = PushHistory.objects.get()
    assert (ended.status, ended.accepted_count) == ("cancelled", 500)
    assert "stopped meanwhile" in ended.error_details
    assert len(memory_state()) == 500


def test_a_chunk_that_came_in_as_its_push_was_stopped_is_not_sent(outlet: Outlet) -> None:
    stock(outlet, 1)
    push, (chunk_id,) = begin(outlet)
    PushHistory.objects.update(stopped_at=timezone.now(), is_cancelled=True, error_details="cancelled by somebody")
    assert send_chunk(chunk_id, timezone.now()) == []
    push.refresh_from_db()
    assert (push.status, push.error_details) == ("cancelled", "cancelled by somebody")
    assert (PushAttempt.objects.count(), memory_state()) == (0, {})


def test_a_contract_that_became_invalid_ends_the_push_with_the_reason(outlet: Outlet, settings: Any) -> None:
    stock(outlet, 1000)
    started, (first, _) = begin(outlet)
    settings.CONTRACTS = {"memory": {"batch_size": "many"}}
    assert send_chunk(first, timezone.now()) == []
    started.refresh_from_db()
    assert (started.status, PushAttempt.objects.count()) == ("failed", 0)
    assert "the contract of memory: batch_size" in started.error_details


def test_a_secret_that_cannot_be_decrypted_ends_the_push_with_the_reason(pasons_outlet: Outlet, settings: Any) -> None:
    stock(pasons_outlet, 1)
    started, (chunk_id,) = begin(pasons_outlet)
    settings.ENCRYPTION_KEYS = ["x" * 43 + "="]
    assert send_chunk(chunk_id, timezone.now()) == []
    started.refresh_from_db()
    assert (started.status, PushAttempt.objects.count()) == ("failed", 0)
    assert "none of ENCRYPTION_KEYS decrypts" in started.error_details


def statements_of(chunk_id: int) -> list[str]:
    with CaptureQueriesContext(connection) as queries:
        send_chunk(chunk_id, timezone.now())
    return [query["sql"] for query in queries if not query["sql"].startswith(("SAVEPOINT", "RELEASE"))]


def until_acknowledged(statements: list[str]) -> int:
    """How many they are from the first one, which finds the chunk, to the one that acknowledges its items."""
    return 1 + next(number for number, sql in enumerate(statements) if "SET pushed_price" in sql)


def test_a_chunk_costs_the_same_few_statements_however_long_the_push_is(outlet: Outlet, quick: Quick) -> None:
    quick(batch_size=10)
    stock(outlet, 60)
    _, (first, *short, _, _) = begin(outlet)
    send_chunk(first, timezone.now())
    costs = [statements_of(chunk_id) for chunk_id in short]
    other = make_outlet("8")
    stock(other, 300)
    _, (first, *long, _, _) = begin(other, "full")
    send_chunk(first, timezone.now())
    costs += [statements_of(chunk_id) for chunk_id in long]
    assert {until_acknowledged(cost) for cost in costs} == {8}
    assert {len(cost) for cost in costs} <= {9, 10}  # which one is next, and if there is none, whether it is over


# --- the service of one outlet --------------------------------------------------------------------------


def test_named_items_are_sent_even_if_the_shop_knows_them(outlet: Outlet) -> None:
    skus = stock(outlet, 3)
    push(outlet)
    Memory.shops.clear()
    rows = [skus[0], {"sku": skus[2], "selling_price": "10.00", "stock_status": 1}]
    ok, result = PushService(outlet, "memory").push(rows)
    assert (ok, result["item_count"]) == (True, 2)
    assert list(memory_state()) == [skus[0], skus[2]]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("missing", "row 1: sku 'missing' is not in the dashboard"),
        ({"sku": "s00000", "selling_price": "9"}, "row 1: selling_price 9 is not the dashboard's 10.00"),
        ({"sku": "s00000", "stock_status": 0}, "row 1: stock_status 0 is not the dashboard's 1"),
        ({"sku": "s00000", "selling_price": "12,50"}, "row 1: selling_price 12,50 is not the dashboard's 10.00"),
        ({"sku": "s00000", "stock_status": "maybe"}, "row 1: stock_status maybe is not the dashboard's 1"),
    ],
)
def test_rows_that_the_dashboard_does_not_hold_send_nothing(outlet: Outlet, row: Any, reason: str) -> None:
    stock(outlet, 1)
    with pytest.raises(ItemsDisagree, match=reason):
        PushService(outlet).push([row])
    assert not PushHistory.objects.exists()


def test_a_service_is_for_the_platform_of_its_outlet(outlet: Outlet) -> None:
    with pytest.raises(CannotPush, match="is not on talabat"):
        PushService(outlet, "talabat")


def test_a_push_over_http_ends_with_equal_states(pasons_outlet: Outlet, shop: MockShop) -> None:
    stock(pasons_outlet, 1201)
    ok, result = PushService(pasons_outlet).push(push_type="full")
    assert (ok, result["response_code"], result["accepted_count"]) == (True, 200, 1201)
    assert shop.shelf.get("14") == dashboard_state(pasons_outlet)
    assert [request["item_count"] for request in shop.requests] == [500, 500, 201]


@pytest.mark.django_db(transaction=True)
def test_two_processes_send_each_chunk_once(shop: MockShop) -> None:
    outlet = make_outlet("14", "pasons", api_endpoint=f"{shop.url}/stores/14/products", api_key="correct-key")
    stock(outlet, 3000)
    started = start_push(outlet, "full", "manual", timezone.now()).push
    assert started is not None

    def work() -> None:
        try:
            run_push(started.pk, lambda chunk_id: None)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(shop.requests) == 6
    assert shop.shelf.get("14") == dashboard_state(outlet)


def test_a_ring_names_what_to_look_at() -> None:
    assert Ring("chunk", 5) == Ring("chunk", 5, 0, "chunk 5 of push 3 of outlet 007 (memory)") != Ring("push", 5)
