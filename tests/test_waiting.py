"""Since when a change waits for its shop."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from integration.changes import acknowledge, read_items
from integration.models import Outlet, OutletProduct
from integration.product_update import apply_product_update
from tests.conftest import stock

pytestmark = pytest.mark.django_db


def update(outlet: Outlet, price: str) -> None:
    apply_product_update(outlet, [{"sku": "s00000", "selling_price": price, "stock_status": 1}])


def settle(outlet: Outlet, at: datetime) -> None:
    acknowledge(read_items(outlet.products.all(), 0, 10**9, 10), at, at)


def since() -> datetime:
    return OutletProduct.objects.get().waiting_since


def test_a_new_product_waits_from_now_on(outlet: Outlet) -> None:
    before = timezone.now() - timedelta(seconds=1)
    update(outlet, "1.00")
    assert before < since() < timezone.now() + timedelta(seconds=1)


def test_a_change_waits_from_the_first_difference_on(outlet: Outlet) -> None:
    stock(outlet, 1)
    settle(outlet, timezone.now() - timedelta(days=2))
    update(outlet, "1.00")
    first = since()
    assert timezone.now() - first < timedelta(seconds=5)
    update(outlet, "2.00")
    assert since() == first


def test_what_has_changed_while_it_was_sent_waits_since_then(outlet: Outlet) -> None:
    """Its earlier value has arrived: only what came after the request began is still to be sent."""
    stock(outlet, 1)
    OutletProduct.objects.update(waiting_since=timezone.now() - timedelta(days=2))
    sent = read_items(outlet.products.all(), 0, 10**9, 10)
    update(outlet, "2.00")
    started_at = timezone.now()
    acknowledge(sent, started_at, timezone.now())
    assert OutletProduct.objects.get().differs
    assert abs(since() - started_at) < timedelta(milliseconds=2)
