"""The tab that proves: who may compare, what is shown of it, and what may be downloaded."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from integration.models import Difference, Outlet, PushHistory, Reconciliation
from integration.pages.comparison_words import say_proof
from integration.platforms.memory import Memory
from integration.proof import Proof
from integration.push_queue import Started
from integration.push_service import PushService, run_started
from integration.reconciliation import run_reconciliation
from integration.reconciliation_queue import want_follow_ups, want_one
from tests.conftest import make_outlet, stock
from tests.people import restore_migrated_rows, signed_in
from tests.test_reconciliation import compare

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 25, 4, 0, tzinfo=UTC)  # 08:00 in Dubai


@pytest.fixture(autouse=True)
def silence(monkeypatch: pytest.MonkeyPatch, db: None) -> None:
    restore_migrated_rows()
    monkeypatch.setattr("tasks.push.ring", lambda rings: None)
    monkeypatch.setattr("tasks.reconcile.ring", lambda ids: None)


@pytest.fixture
def synced(outlet: Outlet) -> Outlet:
    stock(outlet, 10)
    PushService(outlet).push()
    return outlet


def page(row: Reconciliation, role: str = "Viewer") -> str:
    return signed_in(role).get(reverse("comparison", args=[row.pk])).content.decode()


def test_an_operator_compares_now_and_follows_it(synced: Outlet) -> None:
    client = signed_in("Operator")
    answer = client.post(reverse("comparisons_outlet", args=[synced.pk]))
    row = Reconciliation.objects.get()
    assert answer.headers["Location"] == reverse("comparison", args=[row.pk])
    assert (row.status, row.trigger, row.created_by.username) == ("waiting", "manual", "operator")
    shown = client.get(answer.headers["Location"])
    assert b"waits for its turn" in shown.content
    assert b'hx-trigger="every 1s"' in shown.content
    assert client.get(shown.request["PATH_INFO"], headers={"HX-Request": "true"}).status_code == 200
    run_reconciliation(row.pk, timezone.now())
    last = client.get(shown.request["PATH_INFO"], headers={"HX-Request": "true"})
    assert (last.status_code, b"10 of 10 items proved equal" in last.content) == (286, True)


def test_comparing_twice_is_comparing_once(synced: Outlet) -> None:
    client, url = signed_in("Operator"), reverse("comparisons_outlet", args=[synced.pk])
    client.post(url)
    assert "being compared already" in client.post(url, follow=True).content.decode()
    assert Reconciliation.objects.count() == 1


def test_a_viewer_sees_no_button(synced: Outlet) -> None:
    compare(synced)
    urls = [reverse("comparisons"), reverse("comparisons_outlet", args=[synced.pk])]
    for role, is_shown in (("Viewer", False), ("Operator", True)):
        client = signed_in(role)
        assert ["Compare now" in client.get(url).content.decode() for url in urls] == [is_shown, is_shown]


def test_what_differs_is_listed_with_both_values(synced: Outlet) -> None:
    Memory.shops["007"]["s00004"] = (Decimal("3.50"), 0)
    Memory.shops["007"]["<b>x</b>"] = (Decimal("1"), 1)
    row = compare(synced)
    shown = page(row)
    assert "9 of 10 items proved equal" in shown
    for text in (
        "1 item has another value in the shop.",
        "s00004",
        "3.50",
        "10.00",
        "sent again",
        "&lt;b&gt;x&lt;/b&gt;",
    ):
        assert text in shown, text
    assert reverse("push", args=[row.push_id]) in shown
    assert "<b>x</b>" not in shown


def test_the_product_s_page_says_what_was_seen_in_the_shop(synced: Outlet) -> None:
    item = synced.products.get(product__sku="s00004")
    url = f"{reverse('product', args=[item.product_id])}?outlet={synced.pk}"
    client = signed_in("Viewer")
    Memory.shops["007"]["s00004"] = (Decimal("3.50"), 0)
    compare(synced, "nothing")
    shown = client.get(url).content.decode()
    assert ("found it otherwise" in shown, "3.50" in shown) == (True, True)
    PushService(synced).push(["s00004"])
    assert "found it otherwise" not in client.get(url).content.decode()


def test_what_is_to_be_sent_again_is_added_to_a_comparison_that_is_under_way(synced: Outlet) -> None:
    row = compare(synced)
    night, _ = want_one(synced.pk, timezone.now())
    answer = signed_in("Operator").post(reverse("comparison_send", args=[row.pk]), follow=True)
    assert "What differs is sent again when that ends." in answer.content.decode()
    night.refresh_from_db()
    assert (night.sends, Reconciliation.objects.count()) == ("all", 2)


def test_what_is_held_is_sent_again_when_an_operator_says_so(outlet: Outlet) -> None:
    stock(outlet, 60)
    PushService(outlet).push()
    Memory.shops["007"] = {}
    row = compare(outlet)
    assert row.is_held
    assert "Send these again" not in page(row)
    client = signed_in("Operator")
    assert "Send these again" in client.get(reverse("comparison", args=[row.pk])).content.decode()
    client.post(reverse("comparison_send", args=[row.pk]))
    again = Reconciliation.objects.latest("pk")
    assert (again.pk != row.pk, again.sends) == (True, "all")
    run_reconciliation(again.pk, timezone.now())
    again.refresh_from_db()
    assert (again.sent_count, again.is_held) == (60, False)


def test_the_reason_is_shown_where_nothing_could_be_read(synced: Outlet, settings: Any) -> None:
    settings.CONTRACTS = {"memory": {"read_back": None}}
    row = compare(synced)
    assert "does not say how its shop can be read back" in page(row)
    shown = signed_in("Operator").get(reverse("comparisons_outlet", args=[synced.pk])).content.decode()
    assert ("nothing can be compared" in shown, "Compare now" in shown) == (True, False)


def test_the_download_holds_no_formula(synced: Outlet) -> None:
    row = Reconciliation.objects.create(outlet=synced, trigger="manual", created_at=NOW, status="different")
    Difference.objects.create(reconciliation=row, kind="extra", sku="=1+1", shop_price="5", shop_stock_status=1)
    Difference.objects.create(reconciliation=row, kind="malformed", sku="a", reason="@x")
    answer = signed_in("Viewer").get(reverse("comparison_download", args=[row.pk]))
    assert answer.getvalue().decode().splitlines() == [
        "sku,kind,shop_price,shop_stock_status,known_price,known_stock_status,sent_again,reason",
        "'=1+1,extra,5,1,,,0,",
        "a,malformed,,,,,0,'@x",
    ]


@pytest.mark.parametrize("name", ["comparisons", "outlets"])
def test_a_list_takes_as_many_queries_for_many_outlets(outlet: Outlet, name: str) -> None:
    client = signed_in("Manager")

    def count() -> int:
        client.get(reverse(name))
        with CaptureQueriesContext(connection) as queries:
            assert client.get(reverse(name)).status_code == 200
        return len(queries)

    compare(outlet)
    first = count()
    for number in range(20):
        compare(make_outlet(f"x{number}"))
    assert count() == first


# --- the sentence ---------------------------------------------------------------------------------------


def proof(**more: Any) -> Proof:
    values = {"outlet_count": 2, "compared_outlets": 2, "item_count": 18390, "equal_count": 18390, "at": NOW}
    return Proof(**{**values, "different_count": 0, "moving_count": 0, "extra_count": 0, **more})


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, "Proved equal at 08:00: 18,390 of 18,390 items."),
        (
            {"equal_count": 18386, "different_count": 3, "moving_count": 1},
            "Proved equal at 08:00: 18,386 of 18,390 items. 3 items differed. 1 item was waiting to be sent.",
        ),
        ({"extra_count": 1}, "Proved equal at 08:00: 18,390 of 18,390 items. 1 item is only in a shop."),
        (
            {"outlet_count": 5},
            "Proved equal at 08:00: 18,390 of 18,390 items. 3 outlets were never compared.",
        ),
        (
            {"at": NOW - timedelta(days=3)},
            "Proved equal at 22 Nov 2026, 08:00: 18,390 of 18,390 items. That was 3 days ago.",
        ),
        ({"at": None}, ""),
    ],
)
def test_the_chain_is_proved_in_a_sentence(more: dict[str, Any], said: str) -> None:
    assert say_proof(proof(**more), NOW) == said


def test_the_home_page_says_it(synced: Outlet) -> None:
    client = signed_in("Viewer")
    assert "Proved equal" not in client.get("/").content.decode()
    compare(synced)
    shown = client.get("/").content.decode()
    assert ("10 of 10 items." in shown, "10 of 10 proved" in shown) == (True, True)
    assert "10 of 10 items." in client.get("/", headers={"HX-Request": "true"}).content.decode()


# --- the command, and what follows ----------------------------------------------------------------------


def run(*options: str, capsys: pytest.CaptureFixture[str]) -> str:
    call_command("reconcile", "--outlet", "007", *options)
    return capsys.readouterr().out


def test_the_command_prints_the_counts_and_fails_where_they_differ(
    synced: Outlet, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "proved equal: 10 of 10 items" in run(capsys=capsys)
    assert '"status": "equal"' in run("--json", capsys=capsys)
    Memory.shops["007"]["s00001"] = (Decimal("2"), 1)
    with pytest.raises(CommandError, match="the shop differs from the dashboard"):
        run("--no-send", capsys=capsys)
    out = capsys.readouterr().out
    assert "proved equal: 9 of 10 items\n1 have other values in the shop" in out
    assert "s00001: differs, acknowledged 10.00 1, the shop has 2.00 1" in out
    assert Reconciliation.objects.latest("pk").sent_count == 0
    assert Reconciliation.objects.latest("pk").outlet.pushes.count() == 1


def test_what_was_sent_again_is_compared_once_more(synced: Outlet) -> None:
    Memory.shops["007"]["s00001"] = (Decimal("2"), 1)
    row = compare(synced)
    soon, later = timezone.now(), timezone.now() + timedelta(minutes=11)
    want_follow_ups(later)
    assert Reconciliation.objects.count() == 1  # it is still on its way
    run_started(Started(PushHistory.objects.get(status="queued")))
    want_follow_ups(soon)
    assert Reconciliation.objects.count() == 1
    want_follow_ups(later)
    want_follow_ups(later)
    assert list(Reconciliation.objects.values_list("trigger", "status").order_by("pk"))[1:] == [
        ("follow_up", "waiting")
    ]
    Reconciliation.objects.exclude(pk=row.pk).update(status="different", sent_count=1, finished_at=soon)
    want_follow_ups(later)
    assert Reconciliation.objects.count() == 2  # only once
