"""A query that is compiled once gives what Django's own gives, whatever the values."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db.models import F
from django.utils import timezone

from integration.changes import Item, items_to_push, read_items, read_slice
from integration.compiled import Compiled
from integration.models import Outlet, OutletProduct, PushHistory, RejectedItem
from integration.revisions import bump
from tests.conftest import NOW, make_outlet, stock

pytestmark = pytest.mark.django_db
EXAMPLES = {"pk": 2**61, "at": NOW}


def make_push(outlet: Outlet, **values: object) -> PushHistory:
    return PushHistory.objects.create(outlet=outlet, platform="memory", push_timestamp=NOW, status="success", **values)


def test_only_the_values_change(outlet: Outlet) -> None:
    first, second = (make_push(outlet, stopped_at=timezone.now() + timedelta(days=day)) for day in (1, 2))
    rows = PushHistory.objects.filter(pk=EXAMPLES["pk"], push_timestamp__lte=EXAMPLES["at"])
    compiled = Compiled(rows.values_list("pk", "stopped_at", "is_cancelled"), EXAMPLES)
    for push in (first, second):
        assert compiled.read(pk=push.pk, at=NOW) == [(push.pk, push.stopped_at, False)]
    assert compiled.read(pk=second.pk, at=NOW - timedelta(seconds=1)) == []


def test_an_example_without_a_place_is_a_mistake(db: None) -> None:
    with pytest.raises(ValueError, match="no value of the query: at"):
        Compiled(PushHistory.objects.filter(pk=EXAMPLES["pk"]).values_list("pk"), EXAMPLES)


@pytest.mark.parametrize("push_type", ["full", "partial"])
def test_a_slice_is_what_the_push_s_query_says(outlet: Outlet, push_type: str) -> None:
    for each, price in ((outlet, "10.10"), (make_outlet("8"), "7.00")):
        stock(each, 9, price)
        first, *others = OutletProduct.objects.filter(outlet=each).order_by("product_id")
        OutletProduct.objects.filter(pk__in=[item.pk for item in others[:4]]).update(
            pushed_price=F("selling_price"), pushed_stock_status=F("stock_status"), pushed_at=NOW
        )
        OutletProduct.objects.filter(pk=others[0].pk).update(confirm_at=NOW)
        OutletProduct.objects.filter(pk=others[1].pk).update(confirm_at=NOW + timedelta(minutes=1))
        quarantine(first)
        for now in (NOW, NOW + timedelta(minutes=2)):
            items = items_to_push(each.pk, push_type, now)
            range_ = (others[0].product_id, others[-2].product_id)
            read = read_slice(each.pk, push_type, now, *range_, 5)
            assert read.items == read_items(items, *range_, 5)
            assert all(isinstance(item, Item) for item in read.items)
            assert read.refused == frozenset()
    assert read_slice(outlet.pk, push_type, NOW, 0, 10**9, 100).items == read_items(
        items_to_push(outlet.pk, push_type, NOW), 0, 10**9, 100
    )


def quarantine(item: OutletProduct) -> None:
    values = {"rejected_price": item.selling_price, "rejected_stock_status": item.stock_status}
    at = {"first_rejected_at": NOW, "last_rejected_at": NOW, "quarantined_at": NOW}
    RejectedItem.objects.create(outlet_product=item, reason="no", **values, **at)


def test_a_slice_names_what_was_refused_before(outlet: Outlet) -> None:
    stock(outlet, 2)
    item = OutletProduct.objects.order_by("product_id")[1]
    quarantine(item)
    OutletProduct.objects.filter(pk=item.pk).update(selling_price=5)  # another value: no quarantine any more
    read = read_slice(outlet.pk, "full", NOW, 0, 10**9, 10)
    assert (len(read.items), read.refused) == (2, {item.pk})


def test_a_slice_tells_what_the_shop_knows_and_the_revision(outlet: Outlet) -> None:
    stock(outlet, 2)
    item = OutletProduct.objects.order_by("product_id")[0]
    OutletProduct.objects.filter(pk=item.pk).update(pushed_price="9.50", pushed_stock_status=0, pushed_at=NOW)
    assert read_slice(outlet.pk, "full", NOW, 0, 10**9, 10).revision == 0
    bump(outlet.pk)
    read = read_slice(outlet.pk, "full", NOW, 0, 10**9, 10)
    assert (read.pushed, read.revision) == ([(Decimal("9.50"), 0), (None, None)], 1)
