"""A shop is compared by a real worker: what it has lost is found, sent again, and proved."""

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from integration.contracts import store_contract
from integration.mock_shop import MockShop
from integration.models import Outlet, Reconciliation
from tasks.push import ring_outlet
from tests.browser.axe import violations
from tests.conftest import dashboard_state, stock
from tests.faults.local import wait_until
from tests.faults.service import CONTRACT

Visit = Callable[..., Page]


@pytest.fixture
def synced(branch: Outlet, shop: MockShop, site: str) -> Outlet:
    read_back = {"settle_seconds": 0, "page_size": 200}
    store_contract("pasons", "", {**CONTRACT, "read_back": read_back}, timezone.now())
    stock(branch, 1000)
    ring_outlet(branch.pk)
    wait_until(lambda: shop.shelf.get("14") == dashboard_state(branch))
    wait_until(lambda: not branch.pushes.filter(finished_at=None).exists())
    return branch


def test_what_the_shop_has_lost_is_found_and_sent_again(visit: Visit, synced: Outlet, shop: MockShop) -> None:
    shop.shelf.take_away("14", "s00042")
    shop.shelf.put("14", [("s00043", "99.00", 0)])
    shop.misbehave(mode="slow", seconds=0.5, on="read")
    page = visit("Operator")
    page.goto("/shop-integration/comparison/")
    page.get_by_role("button", name="Compare Al Quoz now").click()
    expect(page.get_by_text("The shop is asked what it has.")).to_be_visible()
    expect(page.get_by_text("998 of 1,000 items proved equal")).to_be_visible()
    expect(page.get_by_role("link", name="s00042")).to_be_visible()
    expect(page.get_by_text("2 items are sent again.")).to_be_visible()
    wait_until(lambda: shop.shelf.get("14") == dashboard_state(synced))
    shop.misbehave(mode="ok")
    page.get_by_role("link", name="All comparisons of the outlet").click()
    page.get_by_role("button", name="Compare now").click()
    expect(page.get_by_text("1,000 of 1,000 items proved equal")).to_be_visible()
    page.goto("/")
    expect(page.get_by_text("1,000 of 1,000 items.")).to_be_visible()


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_axe_finds_nothing(visit: Visit, synced: Outlet, shop: MockShop, colours: Any) -> None:
    for number in range(300):
        shop.shelf.take_away("14", f"s{number:05d}")
    shop.misbehave(mode="slow", seconds=0.3, on="read")
    page = visit("Operator", color_scheme=colours)
    page.goto(f"/shop-integration/comparison/outlets/{synced.pk}/")
    found = {"none": violations(page)}
    page.get_by_role("button", name="Compare now").click()
    expect(page.get_by_role("heading", name="Al Quoz")).to_be_visible()
    found["running"] = violations(page)
    expect(page.get_by_text("So much differs that nothing was sent again")).to_be_visible()
    row = Reconciliation.objects.get()
    for url in ("", f"outlets/{synced.pk}/", f"{row.pk}/"):
        page.goto(f"/shop-integration/comparison/{url}")
        found[url] = violations(page)
    page.goto("/")
    found["home"] = violations(page)
    assert {url: what for url, what in found.items() if what} == {}
