"""A push that would put a branch out of stock: held, looked at, sent."""

from collections.abc import Callable

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from integration.contracts import store_contract
from integration.mock_shop import MockShop
from integration.models import Outlet, Product, PushHistory
from integration.product_update import apply_product_update
from integration.push_service import PushService
from tests.browser.axe import violations
from tests.conftest import dashboard_state, stock

Visit = Callable[..., Page]


@pytest.fixture
def spoiled(branch: Outlet) -> Outlet:
    """Its shop knows all prices, and then everything goes out of stock."""
    store_contract("pasons", "", {"timeout_seconds": 5, "batch_size": 10}, timezone.now())
    skus = stock(branch, 30)
    Product.objects.filter(sku=skus[0]).update(name="<b>Basmati rice</b>, 5 kg, in a bag of cloth")
    assert PushService(branch).push()[0]
    apply_product_update(branch, [{"sku": sku, "selling_price": "99.00", "stock_status": 0} for sku in skus])
    return branch


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_a_push_that_is_held_is_looked_at_and_sent(visit: Visit, spoiled: Outlet, shop: MockShop, colours: str) -> None:
    page = visit("Operator", color_scheme=colours)
    page.goto(f"/outlets/{spoiled.pk}/push/")
    page.get_by_role("button", name="Push now").click()
    page.wait_for_url("**/pushes/*/")
    expect(page.get_by_role("heading", name="This push is held")).to_be_visible()
    expect(page.get_by_text("30 of the 30 items that the shop knows would go out of stock")).to_be_visible()
    assert violations(page) == []
    assert not any(price == "99.00" for price, _stock in shop.shelf.get("14").values())
    page.get_by_role("link", name="Send it").click()
    expect(page.get_by_role("heading", name="after all?")).to_be_visible()
    assert violations(page) == []
    page.get_by_role("button", name="Send it").click()
    expect(page.get_by_text("success", exact=True)).to_be_visible()
    assert shop.shelf.get("14") == dashboard_state(spoiled)
    assert PushHistory.objects.filter(outlet=spoiled).count() == 2
