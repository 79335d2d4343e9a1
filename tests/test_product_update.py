"""Prices and stock come in."""

import logging
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from integration.models import Outlet, OutletProduct, Product
from integration.product_row import GoodRow
from integration.product_update import Known, ProductUpdateError, apply_product_update, write_products
from integration.signals import product_updated
from integration.update_record import Change

pytestmark = pytest.mark.django_db


@pytest.fixture
def outlet() -> Outlet:
    return Outlet.objects.create(store_id="007", name="Fourteenth Street")


@pytest.fixture
def heard() -> Iterator[list[dict[str, Any]]]:
    calls: list[dict[str, Any]] = []

    def listen(sender: object, signal: object, **kwargs: Any) -> None:
        calls.append(kwargs)

    product_updated.connect(listen)
    yield calls
    product_updated.disconnect(listen)


def row(sku: object = "0012", price: object = "13.99", stock: object = "1", **more: object) -> dict[str, object]:
    return {"sku": sku, "selling_price": price, "stock_status": stock, **more}


def stored() -> list[tuple[str, Decimal, int]]:
    return list(
        OutletProduct.objects.order_by("product__sku").values_list("product__sku", "selling_price", "stock_status")
    )


@pytest.mark.parametrize(
    ("price", "reason"),
    [
        ("12,50", "write decimals with a point"),
        ("1,23", "write decimals with a point"),
        ("1,2345.00", "write decimals with a point"),
        ("1,234", "write decimals with a point"),
        ("12,500", "write decimals with a point"),
        ("0,999.00", "write decimals with a point"),
        ("-5", "must be above 0"),
        ("0", "must be above 0"),
        ("0.00", "must be above 0"),
        ("", "is missing"),
        (None, "is missing"),
        ("NaN", "is not a price"),
        ("Infinity", "is not a price"),
        (float("nan"), "is not a price"),
        (float("inf"), "is not a price"),
        (Decimal("NaN"), "is not a price"),
        ("1e3", "is not a price"),
        (1e20, "is not a price"),
        ("0.75 kg x 4", "is not a price"),
        ("1.999", "has more than two decimals"),
        (0.1 + 0.2, "has more than two decimals"),
        ("100000000", "must be at most"),
        (10**4000, "must be at most"),
        (True, "is not a price"),
        ([], "is not a price"),
        ("\u0663.\u0665", "is not a price"),
        ("9" * 500, "must be at most"),
    ],
)
def test_a_price_that_cannot_be_meant_is_refused(outlet: Outlet, price: object, reason: str) -> None:
    result = apply_product_update(outlet, [row(price=price), row("0013")])
    assert [(bad.row, bad.sku, bad.field) for bad in result.bad_rows] == [(1, "0012", "selling_price")]
    assert reason in result.bad_rows[0].reason
    assert stored() == [("0013", Decimal("13.99"), 1)]


@pytest.mark.parametrize(
    ("price", "expected"),
    [
        ("1,234.50", "1234.50"),
        (" 2.0 ", "2.00"),
        ("2.5000", "2.50"),
        (7, "7.00"),
        (1.15, "1.15"),
        (Decimal("99999999.99"), "99999999.99"),
    ],
)
def test_a_price_is_kept_exactly(outlet: Outlet, price: object, expected: str) -> None:
    assert apply_product_update(outlet, [row(price=price)]).created_count == 1
    assert stored() == [("0012", Decimal(expected), 1)]


@pytest.mark.parametrize(
    "sku", [None, "", "  ", 12, 1.5, "x" * 65, "a\0b", "a\nb", "a\ud800", "9.34E+12", "9,34e+12", b"12", []]
)
def test_a_sku_that_cannot_be_kept_exactly_is_refused(outlet: Outlet, sku: object) -> None:
    result = apply_product_update(outlet, [row(sku)])
    assert [bad.field for bad in result.bad_rows] == ["sku"]
    assert not Product.objects.exists()


@pytest.mark.parametrize("stock", ["1", "true", "YES", 1, True])
def test_a_stock_status_that_says_yes_is_1(outlet: Outlet, stock: object) -> None:
    apply_product_update(outlet, [{"sku": "a", "selling_price": "1", "enabled": stock}])
    assert stored() == [("a", Decimal("1.00"), 1)]


@pytest.mark.parametrize("stock", ["0", "False", "no", 0, False])
def test_a_stock_status_that_says_no_is_0(outlet: Outlet, stock: object) -> None:
    apply_product_update(outlet, [row("a", "1", stock)])
    assert stored() == [("a", Decimal("1.00"), 0)]


@pytest.mark.parametrize("stock", ["ture", "12", "", None, 2, -1, 1.0, [], "on"])
def test_an_unclear_stock_status_is_refused(outlet: Outlet, stock: object) -> None:
    result = apply_product_update(outlet, [row(stock=stock)])
    assert [bad.field for bad in result.bad_rows] == ["stock_status"]
    assert stored() == []


@pytest.mark.parametrize("garbage", [None, 5, "text", {}, {"sku": {}}, {"problem": "two cells"}])
def test_garbage_is_reported_and_never_raised(outlet: Outlet, garbage: Any) -> None:
    result = apply_product_update(outlet, [garbage, row()])
    assert (result.row_count, result.bad_count, result.created_count) == (2, 1, 1)


def test_the_last_of_two_rows_wins_even_many_batches_later(outlet: Outlet) -> None:
    rows = [row("first", "1"), *(row(f"x{n}") for n in range(2500)), row("first", "2", row=9000)]
    result = apply_product_update(outlet, rows)
    assert [tuple(repeated) for repeated in result.duplicates] == [
        (9000, "first", "sku", "occurs again: this row wins")
    ]
    assert (result.created_count, result.changed_count, result.duplicate_count) == (2501, 0, 1)
    assert OutletProduct.objects.get(product__sku="first").selling_price == Decimal("2.00")


def test_a_name_is_only_replaced_by_a_name(outlet: Outlet) -> None:
    apply_product_update(outlet, [row(name="Milk", barcode="0400")])
    apply_product_update(outlet, [row(name="", price="3")])
    assert Product.objects.values_list("name", "barcode").get() == ("Milk", "0400")
    apply_product_update(outlet, [row(name="Fresh milk", price="3")])
    assert Product.objects.values_list("name", "barcode").get() == ("Fresh milk", "0400")


def test_who_may_not_rename_gives_a_name_to_what_has_none(outlet: Outlet) -> None:
    apply_product_update(outlet, [row("a", name="Milk"), row("b", barcode="0401")])
    rows = [row("a", name="Other", barcode="0400"), row("b", name="Salt", barcode="0666"), row("c", name="Date")]
    apply_product_update(outlet, rows, may_rename=False)
    found = Product.objects.order_by("sku").values_list("sku", "name", "barcode")
    assert list(found) == [("a", "Milk", "0400"), ("b", "Salt", "0401"), ("c", "Date", "")]


def test_a_name_that_is_given_meanwhile_stays(outlet: Outlet) -> None:
    Product.objects.create(sku="a", name="Milk")
    unread = Known(Product.objects.get().pk, "", "", None, None)
    write_products({"a": GoodRow(1, "a", Decimal("1.00"), 1, "Other", "0400")}, {"a": unread}, may_rename=False)
    assert Product.objects.values_list("name", "barcode").get() == ("Milk", "0400")


def test_another_name_alone_is_no_difference_to_who_may_not_rename(outlet: Outlet) -> None:
    apply_product_update(outlet, [row("a", name="Milk")])
    with CaptureQueriesContext(connection) as queries:
        result = apply_product_update(outlet, [row("a", name="Other")], may_rename=False)
    assert result.unchanged_count == 1
    assert not [query for query in queries if "INSERT INTO integration_product " in query["sql"]]
    assert Product.objects.get().name == "Milk"


def test_what_the_shop_acknowledged_is_left_alone(outlet: Outlet) -> None:
    apply_product_update(outlet, [row()])
    now = timezone.now()
    OutletProduct.objects.update(pushed_price=Decimal("13.99"), pushed_stock_status=1, pushed_at=now)
    apply_product_update(outlet, [row(price="5")])
    item = OutletProduct.objects.get()
    assert (item.pushed_price, item.pushed_stock_status, item.pushed_at) == (Decimal("13.99"), 1, now)
    assert item.differs is True


def test_other_outlets_keep_their_prices(outlet: Outlet) -> None:
    other = Outlet.objects.create(store_id="8", name="Eighth")
    apply_product_update(other, [row(price="1")])
    result = apply_product_update(outlet, [row(price="2")])
    assert result.created_count == 1
    assert OutletProduct.objects.get(outlet=other).selling_price == Decimal("1.00")


def test_a_strict_update_with_a_bad_row_writes_nothing(outlet: Outlet, heard: list[dict[str, Any]]) -> None:
    rows = [*(row(f"x{n}") for n in range(2500)), row(price="12,50", row=2502)]
    with pytest.raises(ProductUpdateError, match="row 2502, sku '0012', selling_price"):
        apply_product_update(outlet, rows, strict=True)
    assert (Product.objects.count(), stored()) == (0, [])


def test_rows_that_break_off_write_nothing(outlet: Outlet) -> None:
    def rows() -> Iterator[dict[str, object]]:
        yield from (row(f"x{n}") for n in range(4500))
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        apply_product_update(outlet, rows())
    assert not Product.objects.exists()


def test_a_value_that_goes_and_comes_back_within_an_update_is_no_change(outlet: Outlet) -> None:
    apply_product_update(outlet, [row("a", "4")])
    rows = [row("a", "5"), *(row(f"x{n}") for n in range(5000)), row("a", "4")]
    result = apply_product_update(outlet, rows)
    assert (result.created_count, result.changed_count, result.unchanged_count) == (5000, 0, 1)


@pytest.mark.django_db(transaction=True)
def test_a_dry_run_counts_and_writes_nothing(outlet: Outlet, heard: list[dict[str, Any]]) -> None:
    result = apply_product_update(outlet, [row(), row(price="1"), row("b")], dry_run=True)
    assert (result.created_count, result.duplicate_count) == (2, 1)
    assert (Product.objects.count(), stored(), heard) == (0, [], [])


@pytest.mark.django_db(transaction=True)
def test_the_signal_is_sent_once_after_the_commit_and_not_without_a_change(
    outlet: Outlet, heard: list[dict[str, Any]]
) -> None:
    rows = [row(f"x{n}") for n in range(4100)]
    apply_product_update(outlet, rows)
    apply_product_update(outlet, rows)
    assert heard == [{"outlet_id": outlet.pk, "changed_count": 4100}]


def test_the_signal_waits_for_the_commit_around_it(
    outlet: Outlet, heard: list[dict[str, Any]], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True) as callbacks:
        apply_product_update(outlet, [row()])
        assert heard == []
    assert (len(callbacks), len(heard)) == (1, 1)


@pytest.mark.django_db(transaction=True)
def test_a_listener_that_fails_is_logged_and_harms_nothing(outlet: Outlet, caplog: Any) -> None:
    def fail(**kwargs: Any) -> None:
        raise RuntimeError("deaf")

    product_updated.connect(fail)
    try:
        with caplog.at_level(logging.ERROR, "integration"):
            assert apply_product_update(outlet, [row()]).created_count == 1
    finally:
        product_updated.disconnect(fail)
    assert "failed" in caplog.text
    assert len(stored()) == 1


def query_count(outlet: Outlet, count: int) -> int:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        apply_product_update(outlet, [row(f"q{count}-{n}", name="A") for n in range(count)])
    return len(queries)


def test_a_batch_costs_the_same_queries_for_10_and_1000_rows(outlet: Outlet) -> None:
    assert query_count(outlet, 10) == query_count(outlet, 1000) <= 9


def test_progress_adds_up_to_the_rows(outlet: Outlet) -> None:
    counts: list[int] = []
    apply_product_update(outlet, [row(), row(), row("b"), row(price="x")], progress=counts.append)
    assert sum(counts) == 4


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_listener_is_told_what_changes(outlet: Outlet, dry_run: bool) -> None:
    apply_product_update(outlet, [row("a", name="Apple"), row("b"), row("c")])
    changes: list[Change] = []
    rows = [row("a", "15"), row("b"), row("c", stock="0"), row("d", name="Date")]
    apply_product_update(outlet, rows, dry_run=dry_run, on_changes=changes.extend)
    old = Decimal("13.99")
    assert sorted(changes) == [
        ("a", "Apple", old, 1, Decimal("15.00"), 1),
        ("c", "", old, 1, old, 0),
        ("d", "Date", None, None, old, 1),
    ]


def test_a_listener_costs_no_query_and_hears_of_no_batch_without_a_change(outlet: Outlet) -> None:
    apply_product_update(outlet, [row("a")])
    calls: list[list[Change]] = []
    with CaptureQueriesContext(connection) as plain:
        apply_product_update(outlet, [row("a")])
    with CaptureQueriesContext(connection) as heard:
        apply_product_update(outlet, [row("a")], on_changes=calls.append)
    assert (calls, len(heard)) == ([], len(plain))


def test_a_listener_that_fails_takes_its_batch_back(outlet: Outlet) -> None:
    def refuse(changes: list[Change]) -> None:
        raise RuntimeError("not mine")

    with pytest.raises(RuntimeError):
        apply_product_update(outlet, [row()], on_changes=refuse)
    assert stored() == []
