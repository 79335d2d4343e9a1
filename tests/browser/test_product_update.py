"""A person uploads a file, looks, applies, sees the push, and takes it back."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from integration.mock_shop import MockShop
from integration.models import Outlet
from tests.browser.axe import violations
from tests.browser.refresh import refresh_until
from tests.conftest import dashboard_state, stock
from tests.faults.local import wait_until

Visit = Callable[..., Page]
LIST = "/shop-integration/product-update/"
FILE = (
    "sku,selling_price,stock_status,name\n"
    "s00000,12.50,1,Milk\ns00001,9.00,0,<script>alert(1)</script>\nnew,5,1,=cmd|calc\n=bad,12,50\ns00002,x,1,Tea\n"
)


def upload(page: Page, folder: Path, content: str = FILE) -> None:
    path = folder / "week 48.csv"
    path.write_text(content, encoding="utf-8")
    page.goto(LIST)
    page.get_by_label("Outlet", exact=True).select_option(label="Al Quoz (pasons 14)")
    page.get_by_label("CSV file").set_input_files(path)
    page.get_by_role("button", name="Upload and check").click()


def test_an_upload_from_the_file_to_the_shop_and_back(
    visit: Visit, branch: Outlet, shop: MockShop, tmp_path: Path
) -> None:
    stock(branch, 3)
    before = dashboard_state(branch)
    Outlet.objects.update(push_enabled=True, push_after_update=True)
    page = visit("Operator")
    upload(page, tmp_path)

    expect(page.get_by_role("button", name="Apply")).to_be_visible()  # by itself: the page asks
    expect(page.get_by_role("region", name="Bad rows").get_by_role("row")).to_have_count(3)
    expect(page.get_by_role("region", name="Largest price moves")).to_contain_text("+25.0 %")
    assert dashboard_state(branch) == before
    with page.expect_download() as download:
        page.get_by_role("link", name="Download bad rows").click()
    assert "'=bad" in Path(download.value.path()).read_text(encoding="utf-8")

    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_text("3 changes were made")).to_be_visible()
    changed = {**before, "s00000": ("12.50", 1), "s00001": ("9.00", 0), "new": ("5.00", 1)}
    assert dashboard_state(branch) == changed
    wait_until(lambda: shop.shelf.get("14") == changed)
    expect(page.get_by_role("link", name="brings the changes to the shop")).to_be_visible()

    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("heading", name="Undo of week 48.csv")).to_be_visible()
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_text("2 changes were made")).to_be_visible()
    assert dashboard_state(branch) == {**before, "new": ("5.00", 1)}
    wait_until(lambda: shop.shelf.get("14") == dashboard_state(branch))


def test_without_script_an_upload_is_refreshed_by_hand(visit: Visit, branch: Outlet, tmp_path: Path) -> None:
    stock(branch, 3)
    page = visit("Operator", java_script_enabled=False)
    upload(page, tmp_path)
    apply = page.get_by_role("button", name="Apply")
    refresh_until(page, apply)
    apply.click()
    refresh_until(page, page.get_by_text("3 changes were made"))


def test_the_rows_of_a_feed_are_counted_as_one_chooses(visit: Visit, branch: Outlet) -> None:
    stock(branch, 3)
    page = visit("Viewer")
    page.goto("/shop-integration/export-feed/")
    page.get_by_label("Outlet", exact=True).select_option(label="Al Quoz (pasons 14)")
    expect(page.get_by_role("status")).to_have_text("The file has 3 rows.")
    page.get_by_label("Only what the shop does not know yet").check()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download CSV").click()
    assert download.value.suggested_filename.startswith("pasons-14-partial-")
    assert len(Path(download.value.path()).read_text(encoding="utf-8").splitlines()) == 4


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_axe_finds_nothing(visit: Visit, branch: Outlet, tmp_path: Path, colours: Any) -> None:
    stock(branch, 3)
    page = visit("Operator", color_scheme=colours)
    page.goto(f"/shop-integration/export-feed/?outlet={branch.pk}")
    assert violations(page) == []
    upload(page, tmp_path)
    expect(page.get_by_role("button", name="Apply")).to_be_visible()
    assert violations(page) == []
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_text("3 changes were made")).to_be_visible()
    assert violations(page) == []
    page.goto(LIST)
    assert violations(page) == []
