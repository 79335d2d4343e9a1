"""The schedule is changed, every push is paused and resumed."""

from collections.abc import Callable
from typing import Any

import pytest
from django_celery_beat.models import PeriodicTask
from playwright.sync_api import Page, expect

from integration.mock_shop import MockShop
from integration.models import Outlet
from tests.browser.axe import violations
from tests.conftest import stock

Visit = Callable[..., Page]


def test_every_push_is_paused_and_resumed_with_what_has_gathered(visit: Visit, branch: Outlet, shop: MockShop) -> None:
    stock(branch, 1)
    page = visit("Manager")
    page.goto("/schedule/")
    page.get_by_role("link", name="Pause all pushes").click()
    page.get_by_label("Why?").fill("The shop is being moved")
    page.get_by_role("button", name="Pause all pushes").click()
    page.goto("/products/")
    expect(page.get_by_text("The shop is being moved")).to_be_visible()
    page.get_by_role("status").get_by_role("link", name="Schedule").click()
    page.get_by_role("link", name="Resume pushes").click()
    expect(page.get_by_text("Changes have gathered for 1 outlet.")).to_be_visible()
    page.get_by_role("button", name="Resume and push now").click()
    expect(page.get_by_text("what has gathered is being pushed")).to_be_visible()
    for _ in range(40):
        if shop.shelf.get("14"):
            break
        page.wait_for_timeout(250)
    assert shop.shelf.get("14") == {"s00000": ("10.00", 1)}


def test_the_schedule_is_moved_to_times_of_day(visit: Visit) -> None:
    page = visit("Manager")
    page.goto("/schedule/")
    page.get_by_label("At times of day").check()
    page.get_by_label("Times of day", exact=True).fill("06:00, 18:30")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("must have the same minutes")).to_be_visible()
    page.get_by_label("Times of day", exact=True).fill("06:30, 18:30")
    page.get_by_label("Friday").uncheck()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("paragraph").filter(has_text="At 06:30, 18:30, Sunday, Monday")).to_be_visible()
    task = PeriodicTask.objects.get(task="tasks.push.push_all_outlets")
    assert (task.crontab.hour, task.crontab.minute, task.crontab.day_of_week) == ("6,18", "30", "0,1,2,3,4,6")


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_axe_finds_nothing(visit: Visit, colours: Any) -> None:
    page = visit("Manager", color_scheme=colours)
    found = {}
    for url in ("/schedule/", "/schedule/pause/"):
        page.goto(url)
        found[url] = violations(page)
    page.get_by_role("button", name="Pause all pushes").click()
    expect(page.get_by_text("What is under way stops")).to_be_visible()
    found["paused"] = violations(page)
    page.goto("/schedule/resume/")
    found["resume"] = violations(page)
    assert {url: what for url, what in found.items() if what} == {}
