"""A product is searched, corrected and sent; what its shop refused is released."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from integration.mock_shop import MockShop
from integration.models import Outlet, OutletProduct, Product, RejectedItem
from integration.push_service import PushService
from tests.browser.axe import violations
from tests.conftest import make_outlet, set_price, stock

Visit = Callable[..., Page]


@pytest.fixture
def sold(branch: Outlet, shop: MockShop) -> Product:
    """Two products in the branch, one of which its shop refuses; the other has a new price since."""
    stock(branch, 2)
    stock(make_outlet("15", name="Marina"), 1)
    Product.objects.filter(sku="s00000").update(name="Full cream milk 1 l", barcode="6291001")
    shop.misbehave(mode="reject", skus=["s00001"])
    for _ in range(3):
        PushService(branch).push()
    set_price(branch, "s00000", "12.50")
    return Product.objects.get(sku="s00000")


def test_a_price_is_corrected_and_sent_and_the_answer_is_there(
    visit: Visit, sold: Product, branch: Outlet, shop: MockShop
) -> None:
    page = visit("Operator")
    page.get_by_label("Search products").fill("cream")
    page.get_by_label("Search products").press("Enter")
    page.get_by_role("link", name="s00000").click()
    page.get_by_role("link", name="Al Quoz").click()
    expect(page.get_by_text("(other price)")).to_be_visible()
    page.get_by_label("Price").fill("0")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("must be above 0")).to_be_visible()
    page.get_by_label("Price").fill("13.25")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved. It goes to the shop with the next push.")).to_be_visible()
    page.get_by_role("button", name="Send again now").click()
    expect(page.get_by_text("has been started.")).to_be_visible()
    wait_for_price(page, "13.25")
    assert shop.shelf.get("14")["s00000"] == ("13.25", 1)


def wait_for_price(page: Page, price: str) -> None:
    """Until the newest entry of the history is accepted with this price."""
    newest = page.locator("#history tbody tr").first
    for _ in range(40):
        page.goto(page.url)
        if price in newest.inner_text() and "accepted" in newest.inner_text():
            return
        page.wait_for_timeout(250)
    raise AssertionError(newest.inner_text())


def test_what_a_shop_refused_is_released_and_taken(visit: Visit, sold: Product, shop: MockShop) -> None:
    shop.misbehave()
    page = visit("Operator")
    page.goto("/rejected-items/")
    page.locator("tbody a").first.click()
    expect(page.get_by_text("refused, not sent any more")).to_be_visible()
    page.get_by_label("Check all on this page").check()
    page.get_by_label("and push their outlets now").check()
    page.get_by_role("button", name="Release the checked ones").click()
    expect(page.get_by_text("1 item is sent again by the next push.")).to_be_visible()
    for _ in range(40):
        if not RejectedItem.objects.exists():
            break
        page.wait_for_timeout(250)
    assert not OutletProduct.objects.filter(outlet__store_id="14", differs=True).exists()


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_axe_finds_nothing(visit: Visit, sold: Product, branch: Outlet, colours: Any) -> None:
    page = visit("Operator", color_scheme=colours)
    found = {}
    for url in (
        "/products/",
        f"/products/?outlet={branch.pk}",
        f"/products/{sold.pk}/",
        f"/products/{sold.pk}/?outlet={branch.pk}",
        "/rejected-items/",
    ):
        page.goto(url)
        found[url] = violations(page)
    page.locator("tbody a").first.click()
    expect(page.get_by_role("button", name="Release the checked ones")).to_be_visible()
    found["group"] = violations(page)
    assert {url: what for url, what in found.items() if what} == {}
