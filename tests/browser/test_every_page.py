"""Every page there is: readable for everybody, on every screen, and harmless whatever a shop or a file says."""

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import BrowserContext, Page

from integration.contracts import store_contract
from integration.mock_shop import MockShop
from integration.models import (
    Difference,
    EndpointHealth,
    Outlet,
    OutletProduct,
    Product,
    PushAttempt,
    PushHistory,
    Reconciliation,
    RejectedItem,
)
from integration.product_update import apply_product_update
from integration.push_service import PushService
from tests.browser.axe import violations
from tests.browser.chromium import PHONE
from tests.pages.addresses import make_addresses
from tests.pages.test_access import ACCESS, JSON
from tests.people import PASSWORD, make_person

Visit = Callable[..., Page]
DOWNLOADS = {
    "export_feed_download",
    "upload_bad_rows",
    "push_rejected",
    "push_moves",
    "push_shop_values",
    "rejected_items_download",
    "comparison_download",
}
HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>\u202e{{7919*7907}}"


def pages_of(addresses: dict[str, str]) -> dict[str, str]:
    """Those that are looked at, with the query that shows most."""
    shown = {name for name, (look, _) in ACCESS.items() if look} - DOWNLOADS - JSON
    return {name: url for name, url in addresses.items() if name in shown}


@pytest.fixture
def pages(branch: Outlet, shop: MockShop) -> dict[str, str]:
    addresses = make_addresses(branch)
    apply_product_update(branch, [{"sku": "bad", "selling_price": "1.00", "stock_status": 1, "name": HOSTILE}])
    shop.misbehave(mode="reject", skus=["bad"])
    PushService(branch).push()
    return pages_of(addresses)


def overflow(page: Page) -> int:
    """By how many pixels the page is wider than the screen."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_axe_finds_nothing(visit: Visit, pages: dict[str, str], colours: Any) -> None:
    page = visit("administrator", color_scheme=colours)
    found = {}
    for name, url in pages.items():
        page.goto(url)
        if problems := violations(page):
            found[name] = problems
    assert found == {}


CUT_OFF = """names => [...document.querySelectorAll(names)].filter(here => {
    const [mine, all] = [here, here.closest('.container-xl, .tabs-scroll')].map(one => one.getBoundingClientRect());
    return mine.left < all.left - 1 || mine.right > all.right + 1;
}).map(here => here.innerText)"""


@pytest.mark.parametrize("language", ["en", "ar"])
@pytest.mark.parametrize("width", [PHONE["width"], 768])
def test_nothing_is_wider_than_the_screen_and_a_page_opens_where_it_begins(
    open_context: Callable[..., BrowserContext], pages: dict[str, str], site: str, language: str, width: int
) -> None:
    make_person("administrator", password=PASSWORD)
    page = open_context().new_page()
    page.set_viewport_size({"width": width, "height": 844})
    page.goto("/login/")
    page.context.add_cookies([{"name": "django_language", "value": language, "url": site}])
    page.locator("[name=username]").fill("administrator")
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("main button").click()
    page.wait_for_url(lambda url: "/login/" not in url)
    wide = {}
    for name, url in pages.items():
        page.goto(url)
        assert page.locator("html").get_attribute("lang") == language
        assert page.evaluate("scrollY") == 0, name
        assert page.evaluate(CUT_OFF, ".main-menu .nav-item.active, .tabs-scroll .nav-link.active") == [], name
        if pixels := overflow(page):
            wide[name] = pixels
    assert wide == {}


def test_hostile_text_is_shown_as_text(visit: Visit, pages: dict[str, str], branch: Outlet) -> None:
    """From a shop's answer, a CSV, an outlet's name, a contract's note: each page is opened and nothing runs."""
    Product.objects.update(name=HOSTILE, barcode="<b>1</b>")
    Outlet.objects.update(name=HOSTILE, location=HOSTILE)
    RejectedItem.objects.update(reason=HOSTILE)
    PushHistory.objects.update(response_message=HOSTILE, error_details=HOSTILE)
    PushAttempt.objects.update(response_excerpt=HOSTILE, error_message=HOSTILE, request_excerpt=HOSTILE)
    Reconciliation.objects.update(error=HOSTILE)
    Difference.objects.update(reason=HOSTILE, sku=HOSTILE[:64], shop_price=HOSTILE[:40])
    EndpointHealth.objects.update_or_create(outlet=branch, defaults={"reason": HOSTILE, "open_until": timezone.now()})
    store_contract("pasons", "", {"batch_size": 100}, timezone.now(), note=HOSTILE)
    assert OutletProduct.objects.filter(differs=True).exists()
    page = visit("administrator")
    shown = set()
    for name, url in pages.items():
        page.goto(url)
        assert "owned" not in page.title(), name
        assert page.locator("img[src=x]").count() == 0, name
        assert "62615533" not in page.locator("main").inner_text().replace(" ", ""), name
        if "<script>document.title" in page.locator("body").inner_text():
            shown.add(name)
    assert {"outlets", "product", "rejected_items", "push", "push_list", "attempt", "products", "comparison"} <= shown
