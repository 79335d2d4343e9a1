"""The way of a chain's real files: import, full push, delta, partial push, and nothing more."""

from pathlib import Path
from typing import Any

import pytest

from integration.changes import items_to_push
from integration.mock_shop import MockShop
from integration.models import Outlet, OutletProduct, PushHistory
from integration.product_file import ProductFile
from integration.product_update import apply_product_update
from integration.push_service import PushService
from tests.conftest import NOW, dashboard_state

FEEDS = Path(__file__).resolve().parents[2] / "shared" / "data"
FULL = FEEDS / "Pasons-14-Sm-2025-12-17-124851.csv"
DELTA = FEEDS / "Pasons-14-Sm-2025-12-17-125047.csv"

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(not FULL.exists(), reason="the chain's own files are not part of the project"),
]


def sent_since(shop: MockShop, start: int) -> list[int]:
    return [request["item_count"] for request in shop.requests[start:]]


def test_a_full_feed_then_a_delta_then_nothing(pasons_outlet: Outlet, shop: MockShop) -> None:
    created = apply_product_update(pasons_outlet, ProductFile(FULL))
    assert (created.row_count, created.created_count, created.bad_count) == (18390, 18390, 0)

    ok, result = PushService(pasons_outlet).push(push_type="full")
    assert (ok, result["accepted_count"], len(shop.requests)) == (True, 18390, 37)
    assert shop.shelf.get("14") == dashboard_state(pasons_outlet)

    before = dashboard_state(pasons_outlet)
    delta = apply_product_update(pasons_outlet, ProductFile(DELTA))
    after = dashboard_state(pasons_outlet)
    differing = {sku for sku in after if after[sku] != before.get(sku)}
    assert (delta.row_count, delta.bad_count) == (181, 0)
    assert set(partial_skus(pasons_outlet)) == differing
    assert len(differing) == delta.created_count + delta.changed_count > 0

    ok, result = PushService(pasons_outlet).push()
    assert (ok, result["item_count"], sent_since(shop, 37)) == (True, len(differing), [len(differing)])
    assert shop.shelf.get("14") == after

    assert PushService(pasons_outlet).push() == (
        True,
        {"push_id": None, "status": "nothing to push", "item_count": 0},
    )
    assert (len(shop.requests), PushHistory.objects.count()) == (38, 2)


def partial_skus(outlet: Outlet) -> Any:
    return items_to_push(outlet.pk, "partial", NOW).values_list("product__sku", flat=True)


def test_every_feed_of_the_folder_comes_in_or_says_why(pasons_outlet: Outlet) -> None:
    feeds = sorted(FEEDS.glob("*.csv"))
    for path in feeds:
        result = apply_product_update(pasons_outlet, ProductFile(path))
        assert result.row_count == result.bad_count + result.duplicate_count + (
            result.created_count + result.changed_count + result.unchanged_count
        )
    assert OutletProduct.objects.filter(outlet=pasons_outlet).count() > 18_000
