"""The home page: what it says of each outlet, and what can be done with several."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.html import parse_html
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from integration.models import EndpointHealth, Outlet, OutletProduct, PushChunk, PushHistory, PushPause, RejectedItem
from integration.next_push import TASK
from integration.pages import outlets as page_module
from integration.pages.outlets_row import how_long
from tests.conftest import make_outlet, stock
from tests.people import restore_migrated_rows, signed_in

MINUTE = timedelta(minutes=1)
LIVE = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def rows(db: None) -> None:
    restore_migrated_rows()


@pytest.fixture(autouse=True)
def rung(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the workers are told."""
    rung: list[Any] = []
    monkeypatch.setattr("tasks.push.ring", lambda rings: rung.extend(rings))
    return rung


def settle(outlet: Outlet, count: int = 3) -> Outlet:
    stock(outlet, count)
    values = {"pushed_price": Decimal("10.00"), "pushed_stock_status": 1, "pushed_at": timezone.now()}
    OutletProduct.objects.filter(outlet=outlet).update(**values)
    return outlet


def change(outlet: Outlet, minutes: int = 14) -> None:
    since = timezone.now() - minutes * MINUTE
    OutletProduct.objects.filter(outlet=outlet).update(selling_price=Decimal("11.00"), waiting_since=since)


def push(outlet: Outlet, status: str = "success", minutes: int = 60, **more: Any) -> PushHistory:
    at = timezone.now() - minutes * MINUTE
    finished_at = None if status in PushHistory.OPEN else at
    values = {"platform": outlet.platform, "push_type": "partial", "trigger": "schedule", **more}
    return PushHistory.objects.create(
        outlet=outlet, status=status, push_timestamp=at, finished_at=finished_at, **values
    )


def read(client: Client, query: str = "", **options: Any) -> Any:
    response = client.get(f"/{query}", **options)
    assert response.status_code == 200
    return parse_html(response.content.decode())


def find(element: Any, tag: str = r"\w+", **attributes: str) -> list[Any]:
    """What lies within the element and has this tag and these attributes: patterns, each for all of it."""
    patterns = {name.strip("_").replace("_", "-"): pattern for name, pattern in attributes.items()}

    def matches(child: Any) -> bool:
        found = dict(child.attributes)
        has_all = all(name in found and re.fullmatch(to, found[name] or "") for name, to in patterns.items())
        return has_all and re.fullmatch(tag, child.name) is not None

    return [child for child in descendants(element) if matches(child)]


def descendants(element: Any) -> Iterator[Any]:
    for child in element.children:
        if not isinstance(child, str):
            yield child
            yield from descendants(child)


def text_of(element: Any) -> str:
    parts = (child if isinstance(child, str) else text_of(child) for child in element.children)
    return " ".join(" ".join(parts).split())


def value(element: Any, name: str) -> Any:
    return dict(element.attributes).get(name)


def cells(tree: Any) -> dict[str, list[str]]:
    """By the outlet's name: what the cells of its row say."""
    found = {}
    for row in (row for body in find(tree, "tbody") for row in find(body, "tr")):
        texts = [text_of(cell) for cell in find(row, "td", data_label=".+")]
        found[text_of(find(row, "a", id="name-.+")[0])] = texts[1:]
    return found


def cell(tree: Any, place: int) -> str:
    (row,) = cells(tree).values()
    return row[place]


def said(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]


def act(client: Client, action: str, *outlets: Outlet, **more: Any) -> Any:
    data = {"action": action, "outlet": [outlet.pk for outlet in outlets], **more}
    return client.post(reverse("outlets_act"), data, follow=True)


STATE, WAITING, GOOD, NEXT = range(4)


class TestWhatARowSays:
    def test_in_sync(self) -> None:
        outlet = settle(make_outlet())
        push(outlet, minutes=60)
        assert cells(read(signed_in("Viewer")))["Branch 007"][:3] == ["in sync", "–", "an hour ago"]

    def test_without_products_it_says_so(self) -> None:
        make_outlet()
        assert cell(read(signed_in("Viewer")), STATE) == "in sync It has no products yet."

    def test_how_many_changes_wait_and_for_how_long(self) -> None:
        change(settle(make_outlet(), 1200), 14)
        tree = read(signed_in("Viewer"))
        assert cell(tree, STATE) == "changes waiting"
        assert cell(tree, WAITING) == "1,200 changes for 14 min"

    def test_the_changes_link_to_the_products_that_wait(self) -> None:
        outlet = make_outlet()
        change(settle(outlet))
        (link,) = find(read(signed_in("Viewer")), id=f"waiting-{outlet.pk}")
        assert value(link, "href") == f"/products/?outlet={outlet.pk}&state=waiting"

    def test_the_breaker_s_countdown_and_its_reason(self) -> None:
        outlet = settle(make_outlet())
        until = timezone.now() + 2 * MINUTE + timedelta(seconds=5)
        reason = "credentials refused (HTTP 401)"
        EndpointHealth.objects.create(outlet=outlet, failure_count=1, open_until=until, reason=reason)
        tree = read(signed_in("Viewer"))
        clock = timezone.localtime(until).strftime("%H:%M:%S")
        assert cell(tree, STATE) == f"trouble Left alone until {clock} (in 2 min): {reason}"
        assert cell(tree, NEXT) == "in 2 min"

    def test_a_breaker_whose_time_is_over(self) -> None:
        outlet = settle(make_outlet())
        EndpointHealth.objects.create(outlet=outlet, open_until=timezone.now(), reason="no answer")
        tree = read(signed_in("Viewer"))
        assert cell(tree, STATE) == "trouble The shop is tried again now. Before: no answer"
        assert cell(tree, NEXT) == "due"

    def test_why_the_last_push_failed(self) -> None:
        outlet = settle(make_outlet())
        failed = push(outlet, "failed", error_details="ReadTimeout: no answer in 30 s")
        tree = read(signed_in("Viewer"))
        assert cell(tree, STATE) == "trouble The last push failed: ReadTimeout: no answer in 30 s"
        assert value(find(tree, id=f"cause-{outlet.pk}")[0], "href") == f"/pushes/{failed.pk}/"

    def test_what_a_shop_answers_is_shown_as_text_and_cut(self) -> None:
        push(settle(make_outlet()), "failed", error_details="<script>alert(1)</script>" + "x" * 500)
        response = signed_in("Viewer").get("/")
        assert b"<script>alert" not in response.content
        assert len(cell(parse_html(response.content.decode()), STATE)) < 160

    def test_refused_items(self) -> None:
        outlet = settle(make_outlet())
        change(outlet)
        now = timezone.now()
        times = {"first_rejected_at": now, "last_rejected_at": now, "quarantined_at": now}
        for item in OutletProduct.objects.filter(outlet=outlet):
            RejectedItem.objects.create(
                outlet_product=item, reason="?", rejected_price="11.00", rejected_stock_status=1, **times
            )
        tree = read(signed_in("Viewer"))
        assert cell(tree, STATE) == "trouble 3 items refused by the shop"
        assert cell(tree, WAITING) == "– 3 refused"
        assert value(find(tree, id=f"cause-{outlet.pk}")[0], "href") == f"/rejected-items/?outlet={outlet.pk}"

    def test_an_open_push_shows_how_far_it_is(self) -> None:
        outlet = settle(make_outlet())
        running = push(outlet, "running", item_count=1000)
        PushChunk.objects.create(push=running, first_id=1, last_id=9, status="done", item_count=300)
        tree = read(signed_in("Viewer"))
        assert cell(tree, STATE) == "pushing 300 of 1,000 items"
        (bar,) = find(tree, "progress")
        assert (value(bar, "value"), value(bar, "max")) == ("300", "1000")
        assert value(find(tree, id=f"cause-{outlet.pk}")[0], "href") == f"/pushes/{running.pk}/"

    def test_a_push_that_is_kept_waiting_by_the_shop(self) -> None:
        outlet = settle(make_outlet())
        push(outlet, "running", item_count=3)
        until = timezone.now() + MINUTE
        EndpointHealth.objects.create(outlet=outlet, hold_until=until)
        clock = timezone.localtime(until).strftime("%H:%M:%S")
        assert cell(read(signed_in("Viewer")), STATE) == f"pushing The shop asked us to wait until {clock}."

    @pytest.mark.parametrize(
        "values, says",
        [
            ({"platform": "pasons"}, "not set up No shop address is entered yet."),
            ({"push_enabled": False}, "paused Pushing is switched off for this outlet."),
            ({"is_active": False}, "paused The outlet is not active."),
        ],
    )
    def test_why_an_outlet_is_not_pushed(self, values: dict[str, Any], says: str) -> None:
        make_outlet(**values)
        tree = read(signed_in("Operator"))
        assert (cell(tree, STATE), cell(tree, NEXT)) == (says, "–")
        assert find(tree, "a", id="push-.+") == []

    def test_while_everything_is_paused(self) -> None:
        settle(make_outlet())
        PushPause.objects.create(paused_at=timezone.now())
        assert cell(read(signed_in("Viewer")), STATE) == "paused Every push is paused."

    def test_the_schedule_s_next_push(self) -> None:
        settle(make_outlet())
        last_run_at = timezone.now() - 10 * MINUTE + timedelta(seconds=30)
        PeriodicTask.objects.filter(task=TASK).update(last_run_at=last_run_at)
        viewer = signed_in("Viewer")
        assert cell(read(viewer), NEXT) == "in 20 min"
        PeriodicTask.objects.filter(task=TASK).update(enabled=False)
        assert cell(read(viewer), NEXT) == "only by hand"

    def test_the_last_pushes_as_bars(self) -> None:
        outlet = settle(make_outlet())
        for minutes, status in enumerate(("failed", "success", "success"), 1):
            push(outlet, status, minutes)
        (link,) = find(read(signed_in("Viewer")), class_="outlet-strip")
        assert value(link, "aria-label") == "Last 3 pushes: 2 success, 1 failed"
        assert value(link, "href") == f"/shop-integration/push-history/?outlet={outlet.pk}"
        bars = {value(path, "class"): value(path, "d") for path in find(link, "path", class_="bar-.+")}
        assert bars == {"bar-success": "M108 0h3v20h-3zM112 0h3v20h-3z", "bar-failed": "M116 13h3v7h-3z"}


class TestHeadline:
    def test_all_in_sync(self) -> None:
        for number in range(3):
            settle(make_outlet(str(number)))
        assert text_of(find(read(signed_in("Viewer")), id="headline")[0]) == "All 3 outlets are in sync."

    def test_what_is_not(self) -> None:
        for number in range(3):
            settle(make_outlet(str(number)))
        change(settle(make_outlet("3")), 14)
        make_outlet("4", push_enabled=False)
        make_outlet("5", is_active=False)
        says = (
            "3 of 5 outlets are in sync; 1 has changes waiting; 1 is paused. The oldest change has waited for 14 min."
        )
        assert text_of(find(read(signed_in("Viewer")), id="headline")[0]) == says

    def test_it_is_of_the_whole_chain_whatever_is_filtered(self) -> None:
        settle(make_outlet("1"))
        settle(make_outlet("2"))
        assert "All 2" in text_of(find(read(signed_in("Viewer"), "?search=nothing"), id="headline")[0])

    @pytest.mark.parametrize(
        "span, says", [(-5, "0 s"), (59, "59 s"), (60, "1 min"), (7200, "2 h"), (86400, "1 day"), (400000, "4 days")]
    )
    def test_how_long(self, span: int, says: str) -> None:
        assert how_long(timedelta(seconds=span)) == says


class TestFilter:
    @pytest.fixture(autouse=True)
    def outlets(self, rows: None) -> None:
        settle(make_outlet("007", name="Marina", location="Dubai"))
        change(settle(make_outlet("12", name="Corniche", location="Abu Dhabi")))
        make_outlet("13", "pasons", name="Rolla", location="Sharjah")
        make_outlet("14", name="Old Souk", location="Dubai", is_active=False)

    @pytest.mark.parametrize(
        "query, names",
        [
            ("", ["Corniche", "Rolla", "Marina", "Old Souk"]),
            ("?state=waiting", ["Corniche"]),
            ("?state=in_sync", ["Marina"]),
            ("?state=not_set_up", ["Rolla"]),
            ("?state=paused", []),
            ("?state=inactive", ["Old Souk"]),
            ("?platform=pasons", ["Rolla"]),
            ("?location=Dubai", ["Marina", "Old Souk"]),
            ("?search=corn", ["Corniche"]),
            ("?search=007", ["Marina"]),
            ("?search=dubai&state=in_sync", ["Marina"]),
            ("?state=nonsense", ["Corniche", "Rolla", "Marina", "Old Souk"]),
        ],
    )
    def test_it_lists(self, query: str, names: list[str]) -> None:
        assert list(cells(read(signed_in("Viewer"), query))) == names

    def test_each_state_is_a_link_with_its_number(self) -> None:
        tree = read(signed_in("Viewer"), "?search=x&page=2")
        links = {text_of(link): value(link, "href") for link in find(find(tree, class_="outlet-states")[0], "a")}
        assert links["changes waiting 1"] == "?search=x&state=waiting"
        assert list(links) == ["All", "changes waiting 1", "not set up 1", "in sync 1", "not active 1"]

    def test_where_nothing_matches_it_offers_all(self) -> None:
        tree = read(signed_in("Viewer"), "?search=nowhere")
        assert "No outlet matches" in text_of(tree)
        assert value(find(tree, id="show-all")[0], "href") == "/"


class TestPages:
    def test_fifty_a_page(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(page_module, "PAGE_SIZE", 2)
        for number in range(3):
            make_outlet(str(number))
        assert list(cells(read(signed_in("Viewer"), "?page=2"))) == ["Branch 2"]

    def test_as_many_queries_for_many_outlets(self) -> None:
        viewer, counts = signed_in("Viewer"), []
        for numbers in (range(3), range(3, 30)):
            for number in numbers:
                outlet = settle(make_outlet(str(number), location="Dubai"))
                change(outlet)
                push(outlet, "failed")
                push(outlet, "running")
                EndpointHealth.objects.create(outlet=outlet)
            with CaptureQueriesContext(connection) as queries:
                read(viewer)
            counts.append(len(queries))
        assert counts[0] == counts[1]
        assert counts[1] <= 21

    def test_it_opens_even_if_the_secrets_cannot_be_read(self) -> None:
        outlet = make_outlet(api_key="a-secret-key")
        with connection.cursor() as cursor:
            cursor.execute("UPDATE integration_outlet SET api_key = 'broken'")
        manager = signed_in("Manager")
        assert "a-secret-key" not in manager.get("/").content.decode()
        assert act(manager, "pause", outlet).status_code == 200
        assert act(manager, "push_everything", outlet).status_code == 200


class TestLive:
    def test_only_what_changes_is_sent_with_the_headline(self) -> None:
        settle(make_outlet())
        content = signed_in("Viewer").get("/", headers=LIVE).content.decode()
        assert "<html" not in content
        assert 'id="headline" hx-swap-oob="true">The outlet is in sync.' in content

    def test_it_asks_for_the_same_list_again(self) -> None:
        settle(make_outlet())
        tree = read(signed_in("Viewer"), "?state=in_sync&page=1")
        (live,) = find(tree, id="outlets")
        assert value(live, "hx-get") == "/?state=in_sync&page=1"
        assert value(live, "hx-trigger") == "every 5s"

    def test_what_is_ticked_stays(self) -> None:
        outlet = make_outlet()
        (box,) = find(read(signed_in("Operator")), id=f"tick-{outlet.pk}")
        assert "hx-preserve" in dict(box.attributes)

    def test_it_takes_no_message_away(self) -> None:
        operator = signed_in("Operator")
        make_outlet()
        operator.post(reverse("outlets_act"), {"action": "push_changes"})
        operator.get("/", headers=LIVE)
        assert "Tick at least one outlet first." in operator.get("/").content.decode()

    def test_a_cache_keeps_the_two_apart(self) -> None:
        assert "HX-Request" in signed_in("Viewer").get("/")["Vary"]


class TestEmpty:
    def test_a_manager_is_told_what_to_do_first(self) -> None:
        tree = read(signed_in("Manager"))
        assert "No outlets yet" in text_of(tree)
        assert {value(link, "href") for link in find(find(tree, class_="empty")[0], "a")} == {"/outlets/add/"}

    def test_a_viewer_is_told_whom_to_ask(self) -> None:
        tree = read(signed_in("Viewer"))
        assert "Ask somebody who manages the outlets" in text_of(tree)
        assert find(tree, "a", href="/outlets/add/") == []


class TestWhoMay:
    def test_nobody_else_gets_in(self) -> None:
        assert signed_in("nobody").get("/").status_code == 403

    def test_a_viewer_sees_no_button_and_is_refused(self) -> None:
        outlet, viewer = make_outlet(), signed_in("Viewer")
        tree = read(viewer)
        assert find(tree, name="action|outlet") + find(tree, "a", id="push-.+") == []
        assert act(viewer, "push_changes", outlet).status_code == 403
        assert act(viewer, "pause", outlet).status_code == 403
        assert Outlet.objects.get().push_enabled

    def test_an_operator_pushes_and_does_not_pause(self) -> None:
        outlet, operator = make_outlet(), signed_in("Operator")
        buttons = [value(button, "value") for button in find(read(operator), name="action")]
        assert buttons == ["push_changes", "push_everything"]
        assert act(operator, "pause", outlet).status_code == 403
        assert Outlet.objects.get().push_enabled

    def test_a_manager_does_all(self) -> None:
        make_outlet()
        buttons = [value(button, "value") for button in find(read(signed_in("Manager")), name="action")]
        assert buttons == ["push_changes", "push_everything", "enable", "pause"]

    def test_looking_is_not_acting(self) -> None:
        assert signed_in("Manager").get(reverse("outlets_act")).status_code == 405
        assert signed_in("Operator").post("/").status_code == 405


class TestPush:
    def test_what_changed_of_several(self, rung: list[Any]) -> None:
        first, second, same = make_outlet("1"), make_outlet("2"), settle(make_outlet("3"))
        stock(first, 2)
        stock(second, 2)
        response = act(signed_in("Operator"), "push_changes", first, second, same)
        assert said(response) == [
            "2 pushes started: Branch 1, Branch 2.",
            "Nothing to push, the shop has it all: Branch 3.",
        ]
        pushes = PushHistory.objects.order_by("outlet__store_id")
        assert [(one.outlet, one.push_type, one.trigger) for one in pushes] == [
            (first, "partial", "manual"),
            (second, "partial", "manual"),
        ]
        assert {one.created_by.get_username() for one in pushes} == {"operator"}
        assert sorted(ring.id for ring in rung) == sorted(one.pk for one in pushes)

    def test_one_that_is_under_way_is_followed(self, rung: list[Any]) -> None:
        outlet = make_outlet()
        stock(outlet, 2)
        push(outlet, "running")
        response = act(signed_in("Operator"), "push_changes", outlet)
        assert said(response) == ["A push is under way, and this one follows it: Branch 007."]
        assert PushHistory.objects.get().next_push_type == "partial"
        assert rung == []

    def test_why_an_outlet_is_not_pushed(self, rung: list[Any]) -> None:
        paused, new = make_outlet("1", push_enabled=False), make_outlet("2", "pasons")
        alone = make_outlet("3")
        until = timezone.now() + 3 * MINUTE + timedelta(seconds=5)
        EndpointHealth.objects.create(outlet=alone, failure_count=5, open_until=until, reason="no answer")
        for outlet in (paused, new, alone):
            stock(outlet, 1)
        clock = timezone.localtime(until).strftime("%H:%M:%S")
        assert said(act(signed_in("Operator"), "push_changes", paused, new, alone)) == [
            "Branch 1: Pushing is switched off for this outlet.",
            "Branch 2: No shop address is entered yet.",
            f"Branch 3: Left alone until {clock} (in 3 min): no answer",
        ]
        assert (PushHistory.objects.count(), rung) == (0, [])

    def test_a_contract_that_cannot_be_used(self) -> None:
        outlet = make_outlet("1", "nobody-s", api_endpoint="https://shop.example/")
        stock(outlet, 1)
        (text,) = said(act(signed_in("Operator"), "push_changes", outlet))
        assert text.startswith("Branch 1: unknown platform 'nobody-s'")

    def test_everything_asks_first_with_the_number_of_items(self) -> None:
        first, second = settle(make_outlet("1"), 2), settle(make_outlet("2"), 5)
        response = act(signed_in("Operator"), "push_everything", first, second, next="/?state=in_sync")
        tree = parse_html(response.content.decode())
        assert text_of(find(tree, "h1")[0]) == "Push everything: 7 items?"
        assert [text_of(row) for row in find(find(tree, "tbody")[0], "tr")] == [
            "Branch 1 memory 1 2",
            "Branch 2 memory 2 5",
        ]
        assert PushHistory.objects.count() == 0

    def test_everything_once_it_is_confirmed(self) -> None:
        outlet, operator = settle(make_outlet()), signed_in("Operator")
        asked = parse_html(act(operator, "push_everything", outlet, next="/?state=in_sync").content.decode())
        (form,) = find(find(asked, "main")[0], "form")
        fields = {value(field, "name"): value(field, "value") for field in find(form, "input|button", name=".+")}
        response = operator.post(value(form, "action"), fields, follow=True)
        assert said(response) == ["Push started: Branch 007."]
        assert response.redirect_chain[-1][0] == "/?state=in_sync"
        assert PushHistory.objects.get().push_type == "full"


class TestPause:
    def test_several_and_enable_them_again(self) -> None:
        first, second = make_outlet("1", push_after_update=True), make_outlet("2", push_enabled=False)
        manager = signed_in("Manager")
        assert said(act(manager, "pause", first, second)) == ["2 outlets are paused: Branch 1, Branch 2."]
        assert list(Outlet.objects.values_list("push_enabled", flat=True)) == [False, False]
        assert said(act(manager, "enable", first)) == ["Pushing is on: Branch 1."]
        assert list(Outlet.objects.values_list("push_enabled", "push_after_update")) == [(True, True), (False, False)]

    def test_it_is_recorded_who_did_it_where_it_was_otherwise(self) -> None:
        first, second = make_outlet("1"), make_outlet("2", push_enabled=False)
        act(signed_in("Manager"), "pause", first, second)
        (entry,) = LogEntry.objects.all()
        assert (entry.user.get_username(), entry.object_id) == ("manager", str(first.pk))
        assert json.loads(entry.change_message)[0]["values"] == {"push_enabled": [True, False]}
        assert entry.get_change_message() == "Changed Push enabled."


class TestWrongForms:
    @pytest.mark.parametrize(
        "data, says",
        [
            ({"action": "pause"}, "Tick at least one outlet first."),
            ({"action": "pause", "outlet": ["999999"]}, "One of these outlets is not there any more."),
            ({"action": "pause", "outlet": ["x"]}, "“x” is not a valid value."),
        ],
    )
    def test_are_answered_with_a_word(self, data: dict[str, Any], says: str) -> None:
        make_outlet()
        assert said(signed_in("Manager").post(reverse("outlets_act"), data, follow=True)) == [says]
        assert Outlet.objects.get().push_enabled

    def test_an_action_that_nobody_knows(self) -> None:
        outlet = make_outlet()
        (text,) = said(act(signed_in("Manager"), "explode", outlet))
        assert "explode" in text

    @pytest.mark.parametrize("url", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", "\\\\evil", ""])
    def test_it_returns_to_no_other_site(self, url: str) -> None:
        response = act(signed_in("Manager"), "pause", make_outlet(), next=url)
        assert response.redirect_chain == [("/", 302)]
