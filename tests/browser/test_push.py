"""A push, from its button to its end, as somebody sees it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from integration.contracts import store_contract
from integration.mock_shop import MockShop
from integration.models import Outlet, PushHistory
from tests.browser.axe import violations
from tests.browser.refresh import refresh_until
from tests.conftest import dashboard_state, stock

Visit = Callable[..., Page]
CONTRACT = {"timeout_seconds": 5, "slow_seconds": 5, "backoff_seconds": 0.1, "requests_in_flight": 1, "batch_size": 10}


@pytest.fixture
def products(branch: Outlet) -> list[str]:
    store_contract("pasons", "", CONTRACT, timezone.now())
    return stock(branch, 50)


def start(page: Page, branch: Outlet) -> None:
    page.goto(f"/outlets/{branch.pk}/push/")
    page.get_by_role("button", name="Push now").click()
    page.wait_for_url("**/pushes/*/")


def done(page: Page) -> int:
    return int(page.get_by_role("progressbar").get_attribute("value") or 0)


@pytest.mark.usefixtures("products")
def test_progress_moves_by_itself_until_it_says_success(visit: Visit, branch: Outlet, shop: MockShop) -> None:
    shop.misbehave(mode="slow", seconds=1)
    page = visit("Operator")
    start(page, branch)
    page.evaluate("window.isTheSamePage = true")
    expect(page.get_by_text("running", exact=True)).to_be_visible()
    seen = {done(page)}
    while page.get_by_role("link", name="Cancel push").is_visible():
        page.wait_for_timeout(300)
        seen.add(done(page))
    assert len(seen & {10, 20, 30, 40}) >= 2
    expect(page.get_by_text("success", exact=True)).to_be_visible()
    expect(page.get_by_text("50 of 50 items accepted.")).to_be_visible()
    expect(page.get_by_role("link", name="Attempt 1")).to_have_count(5)
    assert page.evaluate("window.isTheSamePage")
    assert shop.shelf.get("14") == dashboard_state(branch)


@pytest.mark.usefixtures("products")
def test_cancelling(visit: Visit, branch: Outlet, shop: MockShop) -> None:
    shop.misbehave(mode="slow", seconds=1)
    page = visit("Operator")
    start(page, branch)
    page.get_by_role("link", name="Cancel push").click()
    page.get_by_role("button", name="Cancel push").click()
    expect(page.get_by_text("Cancelled by operator.")).to_be_visible()
    expect(page.get_by_text("cancelled", exact=True)).to_be_visible()
    assert PushHistory.objects.get().status == "cancelled"
    assert len(shop.shelf.get("14")) < 50


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_a_refused_item_is_shown_and_pushed_again(
    visit: Visit, branch: Outlet, shop: MockShop, products: list[str], colours: Any
) -> None:
    shop.misbehave(mode="reject", skus=products[:1])
    page = visit("Operator", color_scheme=colours)
    start(page, branch)
    expect(page.get_by_text("partial", exact=True).first).to_be_visible()
    page.reload()
    expect(page.get_by_role("row").filter(has_text=products[0])).to_contain_text("unknown product")
    assert violations(page) == []
    shop.misbehave(mode="ok")
    page.get_by_role("button", name="Push again what failed").click()
    expect(page.get_by_text("1 refused item is tried again.")).to_be_visible()
    expect(page.get_by_text("1 of 1 item accepted.")).to_be_visible()
    page.get_by_role("link", name="Attempt 1").click()
    expect(page.locator("#curl")).to_contain_text("curl --globoff --request POST")
    assert violations(page) == []
    page.goto(f"/shop-integration/push-history/?outlet={branch.pk}")
    expect(page.get_by_role("row")).to_have_count(3)
    assert violations(page) == []


@pytest.mark.usefixtures("products")
def test_everything_works_without_javascript(visit: Visit, branch: Outlet) -> None:
    page = visit("Operator", java_script_enabled=False)
    start(page, branch)
    refresh_until(page, page.get_by_text("50 of 50 items accepted."))
