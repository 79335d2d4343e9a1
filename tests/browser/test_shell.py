"""Signing in, and what surrounds every page."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import BrowserContext, Page, expect

from integration.models import Outlet, TaskRun
from integration.sums import note_run
from tests.browser.axe import violations

Visit = Callable[..., Page]


def test_a_stranger_is_asked_to_sign_in_and_comes_back(site: str, open_context: Callable[..., BrowserContext]) -> None:
    page = open_context().new_page()
    page.goto("/schedule/")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert page.url == f"{site}/login/?next=/schedule/"


def test_dark_stays_dark(visit: Visit) -> None:
    page = visit()
    html = page.locator("html")
    expect(html).to_have_attribute("data-bs-theme", "light")
    page.get_by_role("button", name="Light or dark").click()
    page.reload()
    expect(html).to_have_attribute("data-bs-theme", "dark")


def test_arabic_is_read_from_right_to_left(visit: Visit) -> None:
    page = visit()
    page.locator("button[lang=ar]").click()
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    page.locator("button[lang=en]").click()
    expect(page.locator("html")).to_have_attribute("dir", "ltr")


def test_signing_out(visit: Visit) -> None:
    page = visit()
    page.locator("summary").filter(has_text="manager").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_axe_finds_nothing(visit: Visit, colours: Any) -> None:
    page = visit(color_scheme=colours)
    assert violations(page) == []


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_workers_that_are_silent_are_announced(visit: Visit, branch: Outlet, colours: Any) -> None:
    note_run(TaskRun.Task.SWEEP, timezone.now() - timedelta(hours=3))
    page = visit(color_scheme=colours)
    expect(page.get_by_role("alert")).to_contain_text("No worker has run the sweep since")
    page.get_by_role("alert").get_by_role("link", name="What to do").click()
    expect(page.get_by_role("heading", name="The workers are silent")).to_be_visible()
    assert violations(page) == []
