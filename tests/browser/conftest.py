"""A real browser on a real server, with a real worker, a real Valkey and the mock shop."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    Route,
    expect,
    sync_playwright,
)

from dashboard import processes
from integration.mock_shop import MockShop
from integration.models import Outlet
from tests.browser.chromium import CHROMIUM, OPTIONS, WIDE
from tests.conftest import KEY, make_outlet
from tests.faults.local import LocalProcess
from tests.faults.service import CONTRACT, TIMES, Service, in_tests
from tests.people import PASSWORD, make_person, restore_migrated_rows

SOON = 15_000  # ms: a page that lives asks every 5 s, and what it was told may have been half of a change


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if CHROMIUM is None:
        here = Path(__file__).parent
        for item in items:
            if here in item.path.parents:
                item.add_marker(pytest.mark.skip(reason="no Chromium here: make browser installs it"))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # playwright runs a loop in this thread
    expect.set_options(timeout=SOON)
    connections.close_all()  # Django has other connections where a loop runs: what was open would stay so, unseen
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield browser
        browser.close()
        connections.close_all()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture(scope="module")
def running_site(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory, django_db_setup: None, django_db_blocker: Any
) -> Iterator[tuple[Service, str]]:
    """Broker, worker and web server; the latter's address."""
    with django_db_blocker.unblock():
        folder = tmp_path_factory.mktemp("site")
        service = Service(folder)
        port = processes.free_port()
        web = LocalProcess(in_tests(processes.web(port), service.broker.container.celeryconfig["url"]), folder)
        yield service, f"http://127.0.0.1:{port}"
        web.teardown()
        service.teardown()


@pytest.fixture
def site(running_site: tuple[Service, str], transactional_db: None) -> str:
    service, url = running_site
    service.ensure()
    restore_migrated_rows()
    return url


@pytest.fixture
def branch(shop: MockShop, transactional_db: None) -> Outlet:
    """An outlet whose shop is the mock shop."""
    endpoint = f"{shop.url}/stores/14/products"
    return make_outlet("14", "pasons", name="Al Quoz", api_endpoint=endpoint, api_key=KEY)


@pytest.fixture(autouse=True)
def short_times(settings: Any) -> None:
    for name, value in TIMES.items():
        setattr(settings, name, value)
    settings.CONTRACTS = {"pasons": CONTRACT}


@pytest.fixture
def open_context(browser: Browser, site: str) -> Iterator[Callable[..., BrowserContext]]:
    """Opens a context of the browser in which every foreign request and every error of a page fails the test."""
    contexts: list[BrowserContext] = []
    problems: list[str] = []

    def guard(route: Route, request: Request) -> None:
        if request.url.startswith((site, "data:")):
            route.continue_()
        else:
            problems.append(f"foreign request: {request.url}")
            route.abort()

    def note(message: ConsoleMessage) -> None:
        # The browser itself says so of each answer that is not 2xx, which some tests are about.
        if message.type == "error" and "Failed to load resource" not in message.text:
            problems.append(message.text)

    def start(**options: Any) -> BrowserContext:
        context = browser.new_context(base_url=site, viewport=WIDE, locale="en-GB", **options)
        context.set_default_timeout(SOON)
        context.route("**/*", guard)
        context.on("console", note)
        context.on("weberror", lambda error: problems.append(str(error.error)))
        contexts.append(context)
        return context

    yield start
    for context in contexts:
        context.close()
    assert problems == []


@pytest.fixture
def visit(open_context: Callable[..., BrowserContext]) -> Callable[..., Page]:
    """Signs somebody of this role in, by the form, and gives the page: visit("Manager")."""

    def start(role: str = "Manager", **options: Any) -> Page:
        name = make_person(role, password=PASSWORD)
        page = open_context(**options).new_page()
        page.goto("/login/")
        page.get_by_label("User name").fill(name)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(lambda url: "/login/" not in url)
        return page

    return start
