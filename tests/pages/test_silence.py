"""Workers that have died are seen on every page, by whoever can do something about it."""

from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from integration.diagnosis import SWEEP_SILENCE
from integration.models import Outlet, PushHistory, TaskRun
from integration.push_queue import start_push
from integration.sums import note_run
from tests.conftest import stock
from tests.people import restore_migrated_rows, signed_in

BANNER = 'id="silence" role="alert"'
PAGES = ("/", "/schedule/", "/products/", "/rejected-items/", "/shop-integration/push-history/", "/api/docs/")


@pytest.fixture(autouse=True)
def roles(db: None) -> None:
    restore_migrated_rows()


def sweep_ran(ago: timedelta) -> datetime:
    at = timezone.now() - ago
    note_run(TaskRun.Task.SWEEP, at)
    return at


def wait_since(outlet: Outlet, ago: timedelta, status: str = "queued") -> None:
    stock(outlet, 1)
    start_push(outlet, "partial", "manual", timezone.now())
    PushHistory.objects.update(push_timestamp=timezone.now() - ago, status=status)


def page(client: Client, path: str = "/") -> str:
    return client.get(path).content.decode()


@pytest.mark.parametrize("path", PAGES)
def test_every_page_says_since_when_no_worker_has_run_the_sweep(outlet: Outlet, path: str) -> None:
    at = sweep_ran(timedelta(hours=3))
    text = page(signed_in("Viewer"), path)
    assert text.count(BANNER) == 1
    assert "No worker has run the sweep since <time" in text
    assert f'datetime="{at.isoformat()}"' in text
    assert 'href="/schedule/">What to do</a>' in text


def test_while_workers_run_nothing_is_said(outlet: Outlet) -> None:
    sweep_ran(SWEEP_SILENCE - timedelta(minutes=1))
    wait_since(outlet, timedelta(hours=1))
    text = page(signed_in("Manager"), "/schedule/")
    assert BANNER not in text
    assert 'id="workers"' not in text


def test_the_schedule_page_says_what_to_do(outlet: Outlet) -> None:
    sweep_ran(timedelta(hours=3))
    text = page(signed_in("Viewer"), "/schedule/")
    assert "The workers are silent" in text
    assert "<code>make serve</code>, or <code>docker compose up</code>" in text
    assert "<code>manage.py doctor</code>" in text


def test_who_may_see_no_outlet_is_not_told(outlet: Outlet) -> None:
    sweep_ran(timedelta(hours=3))
    client = signed_in("nobody")
    with CaptureQueriesContext(connection) as queries:
        assert BANNER not in page(client, "/password/")
    assert not [query for query in queries if "integration_taskrun" in query["sql"]]
    assert BANNER not in page(Client(), "/login/")


def test_a_push_that_waits_shows_that_no_worker_ever_ran(outlet: Outlet) -> None:
    wait_since(outlet, SWEEP_SILENCE + timedelta(minutes=1))
    assert "No worker has ever run the sweep: pushes are waiting" in page(signed_in("Viewer"))


@pytest.mark.parametrize("ago, status", [(timedelta(minutes=1), "queued"), (timedelta(days=1), "held")])
def test_a_push_that_was_just_started_or_waits_for_a_person_shows_nothing(
    outlet: Outlet, ago: timedelta, status: str
) -> None:
    wait_since(outlet, ago, status)
    assert BANNER not in page(signed_in("Viewer"))


@pytest.mark.parametrize("has_run", [False, True])
def test_the_first_steps_say_nothing_of_it(has_run: bool) -> None:
    if has_run:
        sweep_ran(timedelta(days=1))
    text = page(signed_in("Manager"))
    assert "Add the first outlet" in text
    assert BANNER not in text


@pytest.mark.parametrize("ago", [timedelta(seconds=30), timedelta(days=1)])
def test_it_costs_one_query_a_page(outlet: Outlet, ago: timedelta) -> None:
    sweep_ran(ago)
    client = signed_in("Viewer")
    with CaptureQueriesContext(connection) as queries:
        page(client, "/rejected-items/")
    (asked,) = [query["sql"] for query in queries if "integration_taskrun" in query["sql"]]
    assert "\"task\" = 'sweep'" in asked


def test_a_part_that_refreshes_itself_does_not_ask(outlet: Outlet) -> None:
    client = signed_in("Viewer")
    with CaptureQueriesContext(connection) as queries:
        client.get("/", headers={"HX-Request": "true"})
    assert not [query for query in queries if "integration_taskrun" in query["sql"]]
