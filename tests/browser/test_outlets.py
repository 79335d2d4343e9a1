"""The home page in a browser: it lives by itself, and leaves alone what somebody is doing."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import BrowserContext, Page, expect

from integration.models import EndpointHealth, Outlet, OutletProduct, PushHistory
from tests.browser.axe import violations
from tests.browser.chromium import PHONE
from tests.conftest import make_outlet, stock
from tests.faults.local import wait_until
from tests.faults.service import is_over

Visit = Callable[..., Page]


@pytest.fixture
def chain(branch: Outlet) -> list[Outlet]:
    """An outlet in each state, in the order in which they are listed."""
    now = timezone.now()
    stock(branch, 4)
    named = {"allow_private_address": True, "location": "Dubai"}
    alone = make_outlet("1", name="Alone", **named)
    EndpointHealth.objects.create(
        outlet=alone, failure_count=5, open_until=now + timedelta(minutes=9), reason="credentials refused (HTTP 401)"
    )
    pushing = make_outlet("2", name="Busy", **named)
    new = make_outlet("3", "pasons", name="New", **named)
    paused = make_outlet("4", name="Paused", push_enabled=False, **named)
    synced = make_outlet("5", name="Synced", **named)
    for outlet in (alone, pushing, synced):
        for number, status in enumerate((*["success"] * 25, "failed", "partial", "cancelled", "success")):
            at = now - timedelta(minutes=40 - number)
            PushHistory.objects.create(
                outlet=outlet,
                platform=outlet.platform,
                push_type="partial",
                trigger="schedule",
                push_timestamp=at,
                finished_at=at,
                status=status,
            )
    running = {"platform": "memory", "push_type": "full", "trigger": "manual", "push_timestamp": now}
    PushHistory.objects.create(outlet=pushing, status="running", item_count=900, **running)
    return [alone, branch, pushing, new, paused, synced]


def rows(page: Page) -> Any:
    return page.locator("#outlets tbody tr")


def test_a_push_of_what_changed_runs_before_one_s_eyes(visit: Visit, branch: Outlet) -> None:
    stock(branch, 4)
    page = visit("Operator")
    row = rows(page).filter(has_text="Al Quoz")
    expect(row).to_contain_text("4 changes")
    row.get_by_role("checkbox").check()
    page.get_by_role("button", name="Push what changed").click()
    expect(page.get_by_text("Push started: Al Quoz.")).to_be_visible()
    expect(row).to_contain_text("in sync")
    expect(page.locator("#headline")).to_have_text("The outlet is in sync.")
    assert OutletProduct.objects.filter(outlet=branch, differs=True).count() == 0


def test_what_is_ticked_and_where_one_is_stay_while_the_page_lives(visit: Visit, chain: list[Outlet]) -> None:
    page = visit("Manager")
    tick = page.locator(f"#tick-{chain[4].pk}")
    tick.check()
    page.locator(f"#name-{chain[5].pk}").focus()
    Outlet.objects.filter(pk=chain[4].pk).update(push_enabled=True)
    expect(rows(page).filter(has_text="Pushing is switched off")).to_have_count(0)
    expect(tick).to_be_checked()
    expect(page.locator(f"#name-{chain[5].pk}")).to_be_focused()


def test_pushing_everything_asks_first_without_script_too(
    site: str, visit: Visit, open_context: Callable[..., BrowserContext], branch: Outlet
) -> None:
    stock(branch, 4)
    page = visit("Operator", java_script_enabled=False)
    page.locator(f"#tick-{branch.pk}").check()
    page.get_by_role("button", name="Push everything").click()
    expect(page.get_by_role("heading", name="Push everything: 4 items?")).to_be_visible()
    assert PushHistory.objects.count() == 0
    page.get_by_role("button", name="Push everything").click()
    expect(page.get_by_text("Push started: Al Quoz.")).to_be_visible()
    wait_until(is_over)


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_axe_finds_nothing(visit: Visit, chain: list[Outlet], colours: Any) -> None:
    page = visit(color_scheme=colours)
    expect(rows(page)).to_have_count(6)
    assert violations(page) == []


def test_a_phone_shows_it_all_without_scrolling_sideways(visit: Visit, chain: list[Outlet]) -> None:
    page = visit()
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    expect(page.get_by_role("link", name="Push Al Quoz")).to_be_visible()
