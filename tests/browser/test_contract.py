"""The contract tab in a browser: the preview follows what is typed, and a version is stored and restored."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from integration.contracts import store_contract
from integration.models import ContractVersion, Outlet
from tests.browser.axe import violations
from tests.conftest import stock

Visit = Callable[..., Page]
CONTRACT = "/shop-integration/contract/?platform=pasons"


@pytest.fixture
def contract_tab(visit: Visit, branch: Outlet) -> Callable[..., Page]:
    stock(branch, 3)
    store_contract("pasons", "", {"batch_size": 200, "headers": {"X-Chain": "p"}}, timezone.now(), None, "smaller")

    def start(**options: Any) -> Page:
        page = visit("Manager", **options)
        page.goto(CONTRACT)
        return page

    return start


def test_the_preview_follows_what_is_typed_and_the_version_is_stored(contract_tab: Callable[..., Page]) -> None:
    page = contract_tab()
    request, reading = page.locator("#preview-request"), page.locator("#preview-reading")
    expect(request).to_contain_text("X-Chain: p")
    page.get_by_label("Name of the SKU").fill("code")
    expect(request).to_contain_text('"code": "s00000"')
    answer = page.get_by_label("An answer of the shop")
    answer.fill('{"errors": [{"sku": "s00000", "error": "too dear"}]}')
    expect(reading).to_contain_text("s00000: too dear")
    expect(answer).to_be_focused()
    page.get_by_label("Items in a request").fill("many")
    expect(request).to_contain_text("batch_size: Input should be a valid integer")
    page.get_by_label("Items in a request").fill("300")
    expect(request).to_contain_text('"code": "s00000"')
    page.get_by_label("Preset").select_option("woocommerce")
    expect(page.get_by_label("Name of the price")).to_have_attribute("placeholder", "regular_price")
    expect(page.get_by_label("Items in a request")).to_have_value("300")
    page.get_by_role("button", name="Store as version 2").click()
    expect(page.get_by_text("Version 2 is stored.")).to_be_visible()
    stored = ContractVersion.objects.get(number=2)
    assert (stored.preset, stored.changes) == (
        "woocommerce",
        {"batch_size": 300, "headers": {"X-Chain": "p"}, "fields": {"sku": "code"}},
    )


def test_without_javascript_it_is_all_there(contract_tab: Callable[..., Page]) -> None:
    page = contract_tab(java_script_enabled=False)
    page.get_by_label("Name of the SKU").fill("code")
    page.get_by_label("Name of the SKU").press("Enter")
    expect(page.locator("#preview-request")).to_contain_text('"code": "s00000"')
    page.get_by_role("button", name="JSON").click()
    expect(page.get_by_label("What differs from the preset")).to_have_value(re.compile('"sku": "code"'))
    page.get_by_role("button", name="Store as version 2").click()
    expect(page.get_by_text("Version 2 is stored.")).to_be_visible()
    page.get_by_role("link", name="Compare or restore 1").click()
    page.get_by_role("button", name="Restore version 1 as version 3").click()
    expect(page.get_by_text("Version 1 holds again, as version 3")).to_be_visible()
    assert list(ContractVersion.objects.values_list("number", flat=True)) == [3, 2, 1]


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_axe_finds_nothing(contract_tab: Callable[..., Page], colours: Any) -> None:
    page = contract_tab(color_scheme=colours)
    assert violations(page) == []
    page.get_by_label("Items in a request").fill("many")
    page.get_by_role("button", name="JSON").click()
    expect(page.get_by_text("Nothing is stored.")).to_be_visible()
    page.get_by_text("Every setting that there is").click()
    assert violations(page) == []
    page.goto(CONTRACT)
    page.get_by_role("link", name="Look at 1").click()
    expect(page.get_by_text("Compared with what held before it was stored.")).to_be_visible()
    assert violations(page) == []


def test_nothing_overflows_a_phone(contract_tab: Callable[..., Page]) -> None:
    page = contract_tab()
    page.set_viewport_size({"width": 390, "height": 844})
    for address in (CONTRACT, f"{CONTRACT}&as=json"):
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth") == 390
