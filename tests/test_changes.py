"""What the shop does not know yet, found through an index, and cut into slices."""

import itertools
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from integration.changes import Slice, acknowledge, confirm_later, cut, items_to_push, read_items
from integration.models import Outlet, OutletProduct
from integration.platforms.base import Item
from tests.conftest import make_outlet, set_price, stock

pytestmark = pytest.mark.django_db
NOW = timezone.now()


def settle(outlet: Outlet) -> None:
    """As if the shop had acknowledged everything as it is."""
    acknowledge(read_items(outlet.products.all(), 0, 10**9, 10**6), NOW, NOW)


def unsynced_skus(outlet: Outlet) -> list[str]:
    items = items_to_push(outlet.pk, "partial", NOW).order_by("product__sku")
    return list(items.values_list("product__sku", flat=True))


def test_what_was_never_acknowledged_differs(outlet: Outlet) -> None:
    skus = stock(outlet, 2)
    assert unsynced_skus(outlet) == skus
    settle(outlet)
    assert unsynced_skus(outlet) == []


@pytest.mark.parametrize(
    "change",
    [{"selling_price": Decimal("10.01")}, {"stock_status": 0}, {"pushed_price": None}, {"pushed_stock_status": None}],
)
def test_any_other_value_differs_whoever_writes_it(outlet: Outlet, change: dict[str, object]) -> None:
    skus = stock(outlet, 2)
    settle(outlet)
    OutletProduct.objects.filter(product__sku=skus[0]).update(**change)
    assert unsynced_skus(outlet) == skus[:1]


def test_a_price_that_went_back_no_longer_differs(outlet: Outlet) -> None:
    skus = stock(outlet, 1)
    settle(outlet)
    set_price(outlet, skus[0], "11")
    set_price(outlet, skus[0], "10")
    assert unsynced_skus(outlet) == []


def test_an_item_to_confirm_is_unsynced_when_it_is_due(outlet: Outlet) -> None:
    stock(outlet, 1)
    settle(outlet)
    OutletProduct.objects.update(confirm_at=NOW + timedelta(seconds=1))
    assert not items_to_push(outlet.pk, "partial", NOW).exists()
    assert items_to_push(outlet.pk, "partial", NOW + timedelta(seconds=1)).exists()


@pytest.mark.parametrize(("late", "kept"), [(0, False), (1, True)])
def test_a_request_that_began_before_an_item_was_due_does_not_confirm_it(outlet: Outlet, late: int, kept: bool) -> None:
    stock(outlet, 1)
    due = NOW + timedelta(seconds=late)
    OutletProduct.objects.update(confirm_at=due)
    settle(outlet)
    assert OutletProduct.objects.get().confirm_at == (due if kept else None)


def test_a_confirmation_is_never_pulled_forward(outlet: Outlet) -> None:
    stock(outlet, 1)
    ids = list(OutletProduct.objects.values_list("pk", flat=True))
    for seconds, kept in ((300, 300), (0, 300), (400, 400)):
        confirm_later(ids, NOW + timedelta(seconds=seconds))
        assert OutletProduct.objects.get().confirm_at == NOW + timedelta(seconds=kept)


def test_an_acknowledgement_writes_what_was_sent(outlet: Outlet) -> None:
    stock(outlet, 1)
    item = OutletProduct.objects.get()
    acknowledge([Item(item.pk, item.product_id, "any", Decimal("7.10"), 0)], NOW, NOW)
    item.refresh_from_db()
    assert (item.pushed_price, item.pushed_stock_status, item.pushed_at) == (Decimal("7.10"), 0, NOW)
    assert (item.selling_price, item.stock_status, item.differs) == (Decimal("10.00"), 1, True)


def test_an_acknowledgement_costs_one_query_for_500_items(outlet: Outlet) -> None:
    stock(outlet, 500)
    items = read_items(outlet.products.all(), 0, 10**9, 500)
    with CaptureQueriesContext(connection) as queries:
        acknowledge(items, NOW, NOW)
    assert len(queries) == 1
    assert unsynced_skus(outlet) == []


def test_other_outlets_are_left_alone(outlet: Outlet) -> None:
    other = make_outlet("8")
    stock(outlet, 2)
    stock(other, 2)
    settle(outlet)
    assert (len(unsynced_skus(outlet)), len(unsynced_skus(other))) == (0, 2)


@pytest.mark.parametrize(
    ("count", "size", "counts"),
    [(0, 5, []), (1, 5, [1]), (5, 5, [5]), (6, 5, [5, 1]), (11, 5, [5, 5, 1]), (3, 1, [1, 1, 1])],
)
def test_slices_hold_every_item_once(outlet: Outlet, count: int, size: int, counts: list[int]) -> None:
    stock(make_outlet("8"), 3)
    skus = stock(outlet, count)
    items = items_to_push(outlet.pk, "full", NOW)
    slices = cut(items, size)
    assert [s.item_count for s in slices] == counts
    read = [item.sku for s in slices for item in read_items(items, s.first_id, s.last_id, size)]
    assert read == skus


def test_slices_leave_no_gap(outlet: Outlet) -> None:
    stock(outlet, 7)
    OutletProduct.objects.filter(product__sku__in=["s00001", "s00004"]).delete()
    slices = cut(items_to_push(outlet.pk, "full", NOW), 2)
    assert [after.first_id - before.last_id for before, after in itertools.pairwise(slices)] == [1, 1]
    assert all(isinstance(s, Slice) for s in slices)


def analyze() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def test_what_changed_is_found_through_the_partial_index(outlet: Outlet) -> None:
    for number in range(4):
        other = make_outlet(str(number))
        stock(other, 500)
        settle(other)
    stock(outlet, 2000)
    settle(outlet)
    analyze()
    set_price(outlet, "s00007", "11")
    analyze()
    plan = items_to_push(outlet.pk, "partial", NOW).explain()
    assert "outletproduct_unsettled" in plan
