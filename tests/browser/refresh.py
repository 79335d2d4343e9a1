"""Without script a page does not live: somebody presses Refresh."""

from playwright.sync_api import Locator, Page, expect


def refresh_until(page: Page, wanted: Locator) -> None:
    refresh = page.get_by_role("link", name="Refresh")
    for _ in range(100):
        expect(wanted.or_(refresh)).to_be_visible()
        if wanted.is_visible():
            return
        refresh.click()
    expect(wanted).to_be_visible()
