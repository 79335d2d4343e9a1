"""From an empty system to the first successful push, following what the pages say."""

from collections.abc import Callable

from playwright.sync_api import BrowserContext, FilePayload, Page, expect

from integration.mock_shop import MockShop
from integration.models import PushHistory
from tests.conftest import KEY
from tests.people import PASSWORD, make_person

FEED = FilePayload(
    name="feed.csv",
    mimeType="text/csv",
    buffer=b"sku,selling_price,stock_status\n0001,12.50,1\n0002,3.00,0\n",
)


def test_the_first_push_of_a_new_system(open_context: Callable[..., BrowserContext], shop: MockShop, site: str) -> None:
    make_person("administrator", "asha", PASSWORD)
    page = open_context().new_page()
    page.goto("/")
    page.get_by_label("User name").fill("asha")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()

    add_outlet(page, shop)
    page.get_by_role("button", name="Test Connection").click()
    expect(page.get_by_text("HTTP 200")).to_be_visible()

    page.get_by_role("link", name="Upload products").click()
    page.get_by_label("CSV file").set_input_files(FEED)
    page.get_by_role("button", name="Upload and check").click()
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_text("2 changes were made")).to_be_visible()

    page.get_by_role("link", name="Push now").click()
    page.get_by_role("button", name="Push").first.click()
    expect(page.get_by_text("2 of 2 items accepted").first).to_be_visible()
    assert shop.shelf.get("007") == {"0001": ("12.50", 1), "0002": ("3.00", 0)}
    assert PushHistory.objects.get().status == "success"
    page.get_by_role("link", name="Outlets").click()
    expect(page.get_by_text("in sync").first).to_be_visible()


def add_outlet(page: Page, shop: MockShop) -> None:
    page.get_by_role("link", name="Add").first.click()
    page.get_by_label("Name").fill("Al Quoz")
    page.get_by_label("Store id").fill("007")
    page.get_by_label("API Endpoint").fill(f"{shop.url}/stores/007/products")
    page.get_by_label("API Key").fill(KEY)
    page.get_by_label("The shop is in our own network").check()
    page.get_by_label("Push Enabled").check()
    page.get_by_role("button", name="Add the outlet").click()
