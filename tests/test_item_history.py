"""What was sent of an item is found in its outlet's attempts, and nothing of another item."""

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from integration import item_history
from integration.delivery import send_chunk
from integration.item_history import read_item_history
from integration.models import Outlet, OutletProduct, Product, PushAttempt, PushChunk, PushHistory
from integration.platforms.base import Item, Outcome, SendResult
from integration.platforms.memory import Memory
from integration.push_queue import plan_push, start_push
from integration.push_service import PushService
from integration.verdicts import REASON_LENGTH, REASONS_KEPT, read_verdicts
from tests.conftest import make_outlet, set_price, stock

pytestmark = pytest.mark.django_db
NOW = timezone.now()


def item_of(outlet: Outlet, sku: str) -> OutletProduct:
    return OutletProduct.objects.get(outlet=outlet, product__sku=sku)


def record(outlet: Outlet, rows: list[list[Any]], minute: int = 0, **attempt: Any) -> PushHistory:
    """A push that has sent these rows in one request."""
    at = NOW + timedelta(minutes=minute)
    push = PushHistory.objects.create(
        outlet=outlet, platform=outlet.platform, push_type="full", trigger="manual", push_timestamp=at, status="success"
    )
    chunk = PushChunk.objects.create(push=push, first_id=0, last_id=10**9, status="done", attempt_count=1)
    values: dict[str, Any] = {"started_at": at, "finished_at": at, "outcome": "done", **attempt}
    PushAttempt.objects.create(chunk=chunk, number=1, items=rows, item_count=len(rows), **values)
    return push


def test_an_id_is_matched_whole(outlet: Outlet) -> None:
    stock(outlet, 1)
    item = item_of(outlet, "s00000")
    longer, shorter = int(f"1{item.pk}"), int(f"{item.pk}2")
    record(outlet, [[longer, "1.00", 1], [shorter, f"{item.pk}", 1]])
    assert read_item_history(item).entries == []
    record(outlet, [[longer, "1.00", 1], [item.pk, "2.00", 0]])
    (sent,) = read_item_history(item).entries
    assert (sent.price, sent.stock) == (Decimal("2.00"), 0)


def test_each_item_of_a_request_has_the_shop_s_own_word(outlet: Outlet, monkeypatch: pytest.MonkeyPatch) -> None:
    stock(outlet, 3)
    monkeypatch.setattr(Memory, "refused", {"s00001": "price below cost"})
    PushService(outlet).push()
    verdicts = {}
    for sku in ("s00000", "s00001", "s00002"):
        (sent,) = read_item_history(item_of(outlet, sku)).entries
        verdicts[sku] = (sent.verdict, sent.reason)
    assert verdicts["s00000"] == verdicts["s00002"] == ("a", "")
    assert verdicts["s00001"] == ("r", "price below cost")


def test_another_outlet_s_attempts_are_not_shown(outlet: Outlet) -> None:
    other = make_outlet("008")
    stock(outlet, 1)
    stock(other, 1)
    PushService(other).push()
    assert read_item_history(item_of(outlet, "s00000")).entries == []


def test_older_entries_are_a_page_away_and_none_is_left_out(outlet: Outlet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(item_history, "WINDOW", 7)
    stock(outlet, 1)
    item = item_of(outlet, "s00000")
    for minute in range(45):
        record(outlet, [[item.pk, f"{minute + 1}.00", 1]], minute)
    prices, before = [], None
    while True:
        page = read_item_history(item, before)
        assert len(page.entries) <= 20
        prices += [int(sent.price) for sent in page.entries]
        if (before := page.older) is None:
            break
    assert prices == list(range(45, 0, -1))


def test_a_page_looks_through_so_many_pushes_and_says_how_far(outlet: Outlet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(item_history, "WINDOW", 2)
    stock(outlet, 1)
    item = item_of(outlet, "s00000")
    first = record(outlet, [[item.pk, "1.00", 1]])
    others = [record(outlet, [[item.pk + 1, "1.00", 1]], minute) for minute in range(1, 12)]
    with CaptureQueriesContext(connection) as captured:
        page = read_item_history(item)
    assert (page.entries, page.older, page.looked_back_to) == ([], others[1].pk, others[1].push_timestamp)
    assert len(captured) <= 3 * item_history.WINDOWS + 1
    (sent,) = read_item_history(item, page.older).entries
    assert sent.attempt.chunk.push_id == first.pk


def test_pushes_of_one_moment_are_told_apart(outlet: Outlet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(item_history, "PAGE", 1)
    stock(outlet, 1)
    item = item_of(outlet, "s00000")
    pushes = [record(outlet, [[item.pk, "1.00", 1]]) for _ in range(3)]
    seen, before = [], None
    while page := read_item_history(item, before):
        seen += [sent.attempt.chunk.push_id for sent in page.entries]
        if (before := page.older) is None:
            break
    assert seen == [push.pk for push in reversed(pushes)]


def test_an_attempt_is_found_whose_chunk_has_given_up_its_end(outlet: Outlet, quick: Any) -> None:
    """Between two tries more products came in than a request takes: the last ones went to a chunk of their own."""
    quick(batch_size=2)
    Product.objects.bulk_create(Product(sku=sku) for sku in ("early", "late-1", "late-2"))
    products = {product.sku: product for product in Product.objects.all()}
    for sku in ("late-1", "late-2"):
        OutletProduct.objects.create(outlet=outlet, product=products[sku], selling_price=Decimal(5), stock_status=1)
    push = start_push(outlet, "full", "manual", NOW).push
    assert push
    plan_push(push.pk, NOW)
    chunk = PushChunk.objects.get()
    rows = [[item.pk, "5.00", 1] for item in outlet.products.order_by("product_id")]
    PushAttempt.objects.create(chunk=chunk, number=1, started_at=NOW, items=rows, item_count=2, outcome="retry")
    PushChunk.objects.update(attempt_count=1)
    OutletProduct.objects.create(outlet=outlet, product=products["early"], selling_price=Decimal(5), stock_status=1)
    send_chunk(chunk.pk, timezone.now())
    late = OutletProduct.objects.get(product__sku="late-2")
    chunk.refresh_from_db()
    assert chunk.last_id < late.product_id or chunk.first_id > products["early"].pk
    assert [sent.attempt.number for sent in read_item_history(late).entries][-1] == 1


def test_an_attempt_without_verdicts_is_not_said_to_be_accepted(outlet: Outlet) -> None:
    stock(outlet, 1)
    item = item_of(outlet, "s00000")
    record(outlet, [[item.pk, "1.00", 1]])
    record(outlet, [[item.pk, "2.00", 1]], 1, outcome="retry", error_kind="worker_lost")
    assert [sent.verdict for sent in read_item_history(item).entries] == ["u", ""]


def test_verdicts_stand_in_the_places_of_the_items() -> None:
    items = [Item(pk, pk, f"s{pk}", Decimal(1), 1) for pk in (7, 8, 9, 10)]
    result = SendResult(
        Outcome.RETRY, accepted=frozenset({"s8"}), rejected={"s9": "no"}, unknown=frozenset({"s10", "s8"})
    )
    rows = [[pk, "1.00", 1] for pk in (7, 8, 9, 10, 11)]
    assert read_verdicts(rows, items, result) == {"verdicts": "-aru-", "rejected": {"9": "no"}}


def test_a_shop_that_refuses_everything_does_not_fill_the_history() -> None:
    items = [Item(pk, pk, f"s{pk}", Decimal(1), 1) for pk in range(5000)]
    result = SendResult(Outcome.DONE, rejected={item.sku: "x" * 500 for item in items})
    kept = read_verdicts([[item.id, "1.00", 1] for item in items], items, result)
    assert kept["verdicts"] == "r" * 5000
    assert len(kept["rejected"]) == REASONS_KEPT
    assert {len(reason) for reason in kept["rejected"].values()} == {REASON_LENGTH}


@pytest.mark.parametrize("separator", [",", ", "])
def test_an_id_is_matched_however_the_row_was_written(outlet: Outlet, separator: str) -> None:
    stock(outlet, 1)
    item = item_of(outlet, "s00000")
    record(outlet, [])
    rows = json.dumps([[item.pk, "1.00", 1]], separators=(separator, ": "))
    with connection.cursor() as cursor:
        cursor.execute("UPDATE integration_pushattempt SET items = %s", [rows])
    assert [sent.price for sent in read_item_history(item).entries] == [Decimal("1.00")]


def test_a_price_sent_before_stays_as_it_was_sent(outlet: Outlet) -> None:
    stock(outlet, 1)
    PushService(outlet).push()
    set_price(outlet, "s00000", "99.00")
    (sent,) = read_item_history(item_of(outlet, "s00000")).entries
    assert sent.price == Decimal("10.00")
