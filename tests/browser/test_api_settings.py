"""The API settings in a browser: tried live, saved, and from nothing to a shop that answers."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from playwright.sync_api import Page, expect

from integration.mock_shop import MockShop
from integration.models import Outlet, make_token
from tests.browser.axe import violations
from tests.browser.chromium import PHONE
from tests.conftest import KEY, NOW, make_outlet

Visit = Callable[..., Page]
SETTINGS = "/shop-integration/api-settings/"


def test_a_connection_is_tried_while_the_page_stays(visit: Visit, branch: Outlet) -> None:
    page = visit()
    page.goto(SETTINGS)
    page.get_by_label("API Key").first.fill("wrong")
    page.get_by_role("button", name="Test Connection").click()
    expect(page.locator("#connection")).to_contain_text("The shop is there, but it refused the key.")
    expect(page.get_by_label("API Key").first).to_have_value("wrong")
    page.get_by_label("API Key").first.fill(KEY)
    page.get_by_role("button", name="Test Connection").click()
    expect(page.locator("#connection")).to_contain_text("The connection works.")
    expect(page.locator("#connection")).to_contain_text("These values are not saved yet.")
    assert page.url.endswith(SETTINGS)


def test_with_the_arrow_keys_one_passes_by_the_outlets_until_one_is_chosen(visit: Visit, branch: Outlet) -> None:
    second, third = make_outlet("008"), make_outlet("009")
    page = visit()
    page.goto(f"{SETTINGS}?outlet={branch.pk}")
    page.evaluate("window.isSamePage = true")
    choice = page.get_by_label("Outlet", exact=True)
    choice.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.wait_for_timeout(500)
    assert page.evaluate("window.isSamePage")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/?outlet={third.pk}")
    choice.focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Tab")
    page.wait_for_url(f"**/?outlet={second.pk}")


def test_from_nothing_to_a_shop_that_answers(visit: Visit, shop: MockShop) -> None:
    page = visit()
    page.goto(SETTINGS)
    page.get_by_role("main").get_by_role("link", name="Add an outlet").last.click()
    page.get_by_label("Name").fill("Al Quoz")
    page.get_by_label("Store id").fill("007")
    page.get_by_label("API Endpoint").fill(f"{shop.url}/stores/007/products")
    page.get_by_label("API Key").fill(KEY)
    page.get_by_label("Push Enabled").check()
    page.get_by_label("The shop is in our own network").check()
    page.get_by_role("button", name="Add the outlet").click()
    expect(page.get_by_text("Al Quoz has been added.")).to_be_visible()
    expect(page.locator("#next-step")).to_contain_text("No products yet: upload a product file.")
    page.get_by_role("button", name="Test Connection").click()
    expect(page.locator("#connection")).to_contain_text("The connection works.")
    assert Outlet.objects.get().store_id == "007"


def test_it_works_without_javascript(visit: Visit, branch: Outlet) -> None:
    page = visit(java_script_enabled=False)
    page.goto(SETTINGS)
    expect(page.get_by_role("button", name="Go")).to_be_visible()
    page.get_by_label("Push after update").check()
    page.get_by_label("API Key").first.fill("wrong")
    page.get_by_role("button", name="Test Connection").click()
    expect(page.locator("#connection")).to_contain_text("The shop is there, but it refused the key.")
    expect(page.get_by_label("Push after update")).to_be_checked()
    expect(page.get_by_label("API Key").first).to_have_value("")
    page.get_by_role("button", name="Save Settings").click()
    expect(page.get_by_text("Saved. Changed: Push after update.")).to_be_visible()
    page.locator("summary").filter(has_text="Push Now").click()
    link = page.get_by_role("link", name="Push everything")
    expect(link).to_have_attribute("href", re.compile(r"/push/\?type=full$"))


def test_choosing_another_outlet_shows_it(visit: Visit, branch: Outlet) -> None:
    other = Outlet.objects.create(platform="pasons", store_id="22", name="Marina")
    page = visit()
    page.goto(SETTINGS)
    page.get_by_label("Outlet", exact=True).select_option(label="Marina (pasons 22)")
    page.wait_for_url(lambda url: f"outlet={other.pk}" in url)
    expect(page.locator("#branch_name")).to_have_value("Marina")


def test_a_token_is_copied(visit: Visit, site: str) -> None:
    page = visit(permissions=["clipboard-read", "clipboard-write"])
    page.goto("/shop-integration/tokens/")
    page.get_by_label("Name").fill("Till")
    page.get_by_label("Acts as").select_option(label="itself, with the role Viewer")
    page.get_by_role("button", name="Make a token").click()
    page.get_by_role("button", name="Copy").click()
    expect(page.locator("[data-copied]")).to_be_visible()
    token = page.locator("#token").inner_text()
    assert page.evaluate("navigator.clipboard.readText()") == token
    headers = {"Authorization": f"Bearer {token}"}
    assert page.request.get(f"{site}/api/push-history/", headers=headers).status == 200


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_axe_finds_nothing(visit: Visit, branch: Outlet, colours: Any) -> None:
    page = visit(color_scheme=colours)
    page.goto(SETTINGS)
    page.get_by_label("API Key").first.fill("wrong")
    page.get_by_role("button", name="Test Connection").click()
    expect(page.locator("#connection .alert")).to_be_visible()
    assert violations(page) == []
    page.get_by_label("Push after update").check()
    page.get_by_label("API Key").first.fill("")
    page.get_by_role("button", name="Save Settings").click()
    page.get_by_text("Saved.").wait_for()
    assert violations(page) == []
    manager = get_user_model().objects.get(username="manager")
    row, _ = make_token("Till", manager.pk, manager.pk, NOW)
    tokens = "/shop-integration/tokens/"
    for url in ("/outlets/add/", "/changes/", tokens, f"{tokens}{row.pk}/revoke/"):
        page.goto(url)
        assert violations(page) == [], url


def test_nothing_overflows_a_phone(visit: Visit, branch: Outlet) -> None:
    page = visit()
    page.set_viewport_size(PHONE)
    for url in (SETTINGS, "/outlets/add/", "/changes/", "/shop-integration/tokens/"):
        page.goto(url)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], url
