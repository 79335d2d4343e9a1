"""The tab with all pushes."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from integration.models import Outlet, PushChunk, PushHistory
from tests.conftest import make_outlet
from tests.people import restore_migrated_rows, signed_in

URL = "/shop-integration/push-history/"
HOSTILE = '<script>alert(1)</script>\u202e"&'


@pytest.fixture(autouse=True)
def roles(db: None) -> None:
    restore_migrated_rows()


@pytest.fixture
def viewer() -> Client:
    return signed_in("Viewer")


def make_push(outlet: Outlet, at: datetime | None = None, **more: Any) -> PushHistory:
    at = at or timezone.now() - timedelta(minutes=5)
    ended = {} if more.get("status") in PushHistory.OPEN else {"finished_at": at + timedelta(seconds=84)}
    usual = {"status": "success", "push_type": "partial", "trigger": "schedule", "platform": outlet.platform}
    counts = {"item_count": 1200, "accepted_count": 1200}
    return PushHistory.objects.create(outlet=outlet, push_timestamp=at, **{**usual, **counts, **ended, **more})


def shown(client: Client, **query: Any) -> list[int]:
    """The pushes on the page, from its top."""
    answer = client.get(URL, query)
    assert answer.status_code == 200
    return [row["push"].pk for row in answer.context["rows"]]


def test_the_last_ten_come_first(viewer: Client, outlet: Outlet) -> None:
    now = timezone.now()
    pushes = [make_push(outlet, now - timedelta(hours=n)).pk for n in range(23)]
    assert shown(viewer) == pushes[:10]
    assert shown(viewer, page=3) == pushes[20:]
    assert shown(viewer, page="none") == pushes[:10]


def test_a_row_says_what_came_of_the_push(viewer: Client, outlet: Outlet) -> None:
    push = make_push(outlet, status="partial", accepted_count=1100, rejected_count=3, retry_count=2, error_details="no")
    PushChunk.objects.create(push=push, first_id=1, last_id=2, status="done")
    PushChunk.objects.create(push=push, first_id=3, last_id=4, status="failed")
    text = viewer.get(URL).content.decode()
    assert "1,100 of 1,200 items accepted. The shop refused 3 items. 1 of 2 requests were given up." in " ".join(
        text.split()
    )
    for part in ("Branch 007", "memory 007", "partial", "schedule", "2 retries", "1:24 min", f"/pushes/{push.pk}/"):
        assert part in text


def test_an_open_push_counts_what_it_has_done_so_far(viewer: Client, outlet: Outlet) -> None:
    push = make_push(outlet, status="running", accepted_count=0)
    PushChunk.objects.create(push=push, first_id=1, last_id=2, status="done", item_count=500, accepted_count=499)
    assert "499 of 1,200 items accepted so far." in viewer.get(URL).content.decode()


def test_the_shop_s_words_are_harmless(viewer: Client, outlet: Outlet) -> None:
    Outlet.objects.update(name=HOSTILE)
    make_push(outlet, status="failed", accepted_count=0, error_details=HOSTILE + "x" * 16_000)
    text = viewer.get(URL).content.decode()
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "x" * 200 not in text


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"status": "failed"}, {"failed"}),
        ({"push_type": "full"}, {"full"}),
        ({"trigger": "manual"}, {"by hand"}),
        ({"retried": "on"}, {"retried"}),
        ({"outlet": "other"}, {"other"}),
        ({"status": "failed", "push_type": "full"}, set()),
        ({"status": "nonsense"}, {"plain", "failed", "full", "by hand", "retried", "other"}),
    ],
)
def test_filters(viewer: Client, outlet: Outlet, query: dict[str, str], expected: set[str]) -> None:
    other = make_outlet("008")
    pushes = {
        "plain": make_push(outlet),
        "failed": make_push(outlet, status="failed"),
        "full": make_push(outlet, push_type="full"),
        "by hand": make_push(outlet, trigger="manual"),
        "retried": make_push(outlet, retry_count=1),
        "other": make_push(other),
    }
    query = {name: str(other.pk) if value == "other" else value for name, value in query.items()}
    assert set(shown(viewer, **query)) == {pushes[name].pk for name in expected}


def test_days_are_local_ones(viewer: Client, outlet: Outlet, settings: Any) -> None:
    settings.TIME_ZONE = "Asia/Dubai"
    make_push(outlet, datetime(2026, 3, 1, 19, 59, tzinfo=UTC))  # the last minute of 1 March in Dubai
    second = make_push(outlet, datetime(2026, 3, 1, 20, 0, tzinfo=UTC))
    third = make_push(outlet, datetime(2026, 3, 2, 19, 59, 59, tzinfo=UTC))
    make_push(outlet, datetime(2026, 3, 2, 20, 0, tzinfo=UTC))
    assert shown(viewer, since="2026-03-02", until="2026-03-02") == [third.pk, second.pk]


def test_the_ends_of_the_calendar_are_days_too(viewer: Client, outlet: Outlet) -> None:
    push = make_push(outlet)
    assert shown(viewer, since="0001-01-01", until="9999-12-31") == [push.pk]
    assert shown(viewer, since="9999-12-31") == shown(viewer, until="0001-01-01") == []


@pytest.mark.parametrize(
    "query", [{"since": "yesterday"}, {"outlet": "0"}, {"outlet": "x' OR 1=1"}, {"outlet": "9" * 40}]
)
def test_a_filter_that_makes_no_sense_is_said_so(viewer: Client, outlet: Outlet, query: dict[str, str]) -> None:
    make_push(outlet)
    answer = viewer.get(URL, query)
    assert answer.status_code == 200
    assert answer.context["form"].errors.keys() == query.keys()


def test_the_chosen_outlet_stays_chosen(viewer: Client, outlet: Outlet) -> None:
    other = make_outlet("008", name="<b>Al Quoz")
    text = viewer.get(URL, {"outlet": other.pk}).content.decode()
    assert f'<option value="{other.pk}" selected>&lt;b&gt;Al Quoz (memory 008)</option>' in text
    assert f'<option value="{outlet.pk}">Branch 007 (memory 007)</option>' in text
    assert '<select class="form-select" id="id_outlet" name="outlet">' in text


def test_pages_keep_the_filter_and_clear_takes_it_away(viewer: Client, outlet: Outlet) -> None:
    for _ in range(11):
        make_push(outlet, status="failed")
    text = viewer.get(URL, {"status": "failed"}).content.decode()
    assert 'href="?status=failed&amp;page=2"' in text
    assert f'href="{URL}">Clear</a>' in text
    assert "Clear" not in viewer.get(URL).content.decode()


def test_the_first_page_asks_for_its_rows_again(viewer: Client, outlet: Outlet) -> None:
    for _ in range(11):
        make_push(outlet)
    assert (
        f'hx-get="{URL}?status=success" hx-trigger="every 5s"'
        in viewer.get(URL, {"status": "success"}).content.decode()
    )
    assert "every 5s" not in viewer.get(URL, {"page": 2}).content.decode()
    rows = viewer.get(URL, headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in rows
    assert rows.count("<tr>") == 11


def test_empty_lists_say_what_to_do(viewer: Client, outlet: Outlet) -> None:
    assert "Nothing has been pushed yet" in viewer.get(URL).content.decode()
    make_push(outlet)
    assert "No push fits this filter" in viewer.get(URL, {"status": "failed"}).content.decode()


def count_queries(client: Client) -> int:
    with CaptureQueriesContext(connection) as queries:
        client.get(URL)
    assert not any('"api_key"' in query["sql"] or '"api_secret"' in query["sql"] for query in queries)
    return len(queries)


def test_the_number_of_queries_does_not_grow(viewer: Client) -> None:
    outlets = [make_outlet(f"{n:03d}", api_key="top") for n in range(30)]
    for outlet in outlets[:3]:
        make_push(outlet)
    few = count_queries(viewer)
    for outlet in outlets[3:]:
        make_push(outlet)
    assert count_queries(viewer) == few


def test_nobody_without_the_right_sees_it(client: Client) -> None:
    assert client.get(URL).status_code == 302
    assert signed_in("nobody").get(URL).status_code == 403
