"""A held push on its pages: what it would do, and what a person says to that."""

from pathlib import Path
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from integration.holds import attend
from integration.models import Outlet, OutletProduct, Product, PushHistory
from integration.product_file import ProductFile
from integration.product_update import apply_product_update
from integration.push_queue import start_push
from integration.push_service import PushService
from tests.conftest import make_outlet, stock
from tests.people import restore_migrated_rows, signed_in

HOSTILE = "<script>alert(1)</script>"
RINGS: list[Any] = []


@pytest.fixture(autouse=True)
def rung(monkeypatch: pytest.MonkeyPatch, db: None) -> None:
    restore_migrated_rows()
    RINGS.clear()
    monkeypatch.setattr("tasks.push.ring", RINGS.extend)


def hold(outlet: Outlet, count: int = 40, price: str = "10.00", stock_status: int = 0) -> PushHistory:
    skus = stock(outlet, count)
    Product.objects.filter(sku=skus[0]).update(name=HOSTILE)
    assert PushService(outlet).push()[0]
    change(outlet, skus, price, stock_status)
    return held(outlet)


def held(outlet: Outlet) -> PushHistory:
    push = start_push(outlet, "partial", "schedule", timezone.now()).push
    assert push is not None
    attend(push.pk, timezone.now())
    push.refresh_from_db()
    assert push.status == "held"
    return push


def change(outlet: Outlet, skus: list[str], price: str, stock_status: int = 1) -> None:
    apply_product_update(outlet, [{"sku": sku, "selling_price": price, "stock_status": stock_status} for sku in skus])


def page(client: Client, push: PushHistory, name: str = "push", **headers: Any) -> str:
    return client.get(reverse(name, args=[push.pk]), headers=headers).content.decode()


def answer(client: Client, push: PushHistory, name: str = "push_release", **data: Any) -> Any:
    values = {"revision": push.guard_revision, **data}
    return client.post(reverse(name, args=[push.pk]), values, follow=True)


def test_the_page_says_what_the_push_would_do(outlet: Outlet) -> None:
    push = hold(outlet, price="99.00")
    text = page(signed_in("Operator"), push)
    assert "40 of the 40 items that the shop knows would go out of stock: more than 30 %." in text
    assert "40 of the 40 items to be sent would move in price by more than 60 %: more than 5 % of them." in text
    assert text.partition('id="moves"')[2].count("and 20 more items") == 2
    assert HOSTILE not in text
    assert "&lt;script&gt;" in text
    assert reverse("push_release", args=[push.pk]) in text
    assert reverse("push_cancel", args=[push.pk]) not in text


def test_a_viewer_sees_why_and_no_button(outlet: Outlet) -> None:
    push = hold(outlet)
    text = page(signed_in("Viewer"), push)
    assert "would go out of stock" in text
    assert reverse("push_release", args=[push.pk]) not in text
    assert reverse("push_discard", args=[push.pk]) not in text


@pytest.mark.parametrize("name", ["push_release", "push_discard"])
def test_who_may_not_push_decides_nothing(outlet: Outlet, name: str) -> None:
    push = hold(outlet)
    viewer = signed_in("Viewer")
    assert viewer.get(reverse(name, args=[push.pk])).status_code == 403
    assert answer(viewer, push, name).status_code == 403
    push.refresh_from_db()
    assert push.status == "held"


def test_who_says_send_it_is_asked_once_more_and_written_down(
    outlet: Outlet, django_capture_on_commit_callbacks: Any
) -> None:
    push = hold(outlet)
    operator = signed_in("Operator")
    asked = page(operator, push, "push_release")
    assert f'name="revision" value="{push.guard_revision}"' in asked
    assert "It is not held again, unless it comes to do more than this." in asked
    with django_capture_on_commit_callbacks(execute=True):
        answer(operator, push)
    push.refresh_from_db()
    assert push.status == "queued"
    assert push.released_by is not None
    assert [(ring.kind, ring.id) for ring in RINGS] == [("push", push.pk)]
    entry = LogEntry.objects.get()
    assert (entry.user, entry.object_id) == (push.released_by, str(push.pk))
    assert '"status": ["held", "sent after all"]' in entry.change_message
    assert "Sent after all" in page(operator, push)
    assert reverse("push", args=[push.pk]) in signed_in("Viewer").get(reverse("timeline")).content.decode()


def test_who_looked_at_other_values_looks_again(outlet: Outlet) -> None:
    push = hold(outlet)
    operator = signed_in("Operator")
    change(outlet, ["s00000"], "11.00", 0)
    response = answer(operator, push)
    assert "Prices or stock have changed since you looked." in response.content.decode()
    assert response.redirect_chain[-1][0] == reverse("push_release", args=[push.pk])
    for seen in ("", "x", "-1", "9" * 30):
        answer(operator, push, revision=seen)
    push.refresh_from_db()
    assert (push.status, RINGS) == ("held", [])


def test_who_discards_it_leaves_the_shop_as_it_is(outlet: Outlet) -> None:
    push = hold(outlet)
    operator = signed_in("Operator")
    assert "it is held as well" in page(operator, push, "push_discard")
    text = answer(operator, push, "push_discard").content.decode()
    assert "Discarded by operator." in text
    push.refresh_from_db()
    assert (push.status, OutletProduct.objects.filter(differs=True).count()) == ("cancelled", 40)
    assert '"status": ["held", "discarded"]' in LogEntry.objects.get().change_message


@pytest.mark.parametrize("name", ["push_release", "push_discard"])
def test_what_is_not_held_is_neither_sent_nor_discarded(outlet: Outlet, name: str) -> None:
    push = hold(outlet)
    operator = signed_in("Operator")
    answer(operator, push)
    answer(operator, push, name)
    assert (
        "This push is not held any more." in operator.get(reverse(name, args=[push.pk]), follow=True).content.decode()
    )
    push.refresh_from_db()
    assert push.status == "queued"


def test_an_outlet_that_is_switched_off_gets_nothing(outlet: Outlet) -> None:
    push = hold(outlet)
    Outlet.objects.update(push_enabled=False)
    assert "It cannot be sent now:" in answer(signed_in("Operator"), push).content.decode()
    push.refresh_from_db()
    assert push.status == "held"


def test_corrected_values_are_said_to_go_on_by_themselves(outlet: Outlet) -> None:
    push = hold(outlet)
    change(outlet, [f"s{number:05d}" for number in range(40)], "10.00")
    assert "It goes on by itself within a minute or two." in page(signed_in("Viewer"), push)


def test_the_page_follows_a_push_into_being_held_and_out_of_it(outlet: Outlet) -> None:
    push = hold(outlet)
    client, headers = signed_in("Operator"), {"HX-Request": "true", "HX-Target": "progress"}
    address = reverse("push", args=[push.pk])
    assert "retarget" not in str(client.get(f"{address}?held=1", headers=headers).headers).lower()
    assert client.get(address, headers=headers).headers["HX-Retarget"] == "#push"  # it was running when it was drawn
    answer(client, push)
    assert client.get(f"{address}?held=1", headers=headers).headers["HX-Retarget"] == "#push"


def test_the_outlets_list_shows_a_held_push_as_trouble(outlet: Outlet) -> None:
    push = hold(outlet)
    text = signed_in("Viewer").get(reverse("outlets")).content.decode()
    assert "A push is held until somebody looks at it." in text
    assert reverse("push", args=[push.pk]) in text
    assert "held" in signed_in("Operator").get(f"{reverse('push_list')}?status=held").content.decode()


def test_who_pushes_meanwhile_is_told_to_wait(outlet: Outlet) -> None:
    hold(outlet)
    response = signed_in("Operator").post(reverse("push_start", args=[outlet.pk]), {"type": "partial"}, follow=True)
    assert "A push of this outlet is held. Yours waits behind it." in response.content.decode()


def test_the_page_costs_the_same_for_many_items(outlet: Outlet) -> None:
    counts = []
    client = signed_in("Operator")
    for branch, count in ((outlet, 12), (make_outlet("8"), 60)):
        push = hold(branch, count, "99.00")
        with CaptureQueriesContext(connection) as queries:
            page(client, push)
        counts.append(len(queries))
    assert counts[0] == counts[1]


# --- all of it, as files --------------------------------------------------------------------------------


def lines(client: Client, push: PushHistory, name: str) -> list[str]:
    response = client.get(reverse(name, args=[push.pk]))
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    return b"".join(response.streaming_content).decode().splitlines()


def mixed(outlet: Outlet) -> PushHistory:
    """A push that is held for what it does to 14 of 30 items; three others change a little."""
    stock(outlet, 30)
    Product.objects.filter(sku="s00000").update(sku="=1+1", name="@SUM(A1)")
    assert PushService(outlet).push()[0]
    change(outlet, ["=1+1", *(f"s{number:05d}" for number in range(1, 10))], "10.00", 0)
    change(outlet, ["s00010", "s00011", "s00012"], "4.00")
    change(outlet, ["s00013"], "17.55", 0)
    change(outlet, ["s00014", "s00015", "s00016"], "10.50")
    return held(outlet)


def test_all_that_it_would_do_is_a_file(outlet: Outlet) -> None:
    push = mixed(outlet)
    found = lines(signed_in("Viewer"), push, "push_moves")
    assert found[0] == "sku,name,pushed_price,pushed_stock_status,selling_price,stock_status,what"
    assert found[1] == "'=1+1,'@SUM(A1),10.00,1,10.00,0,goes out of stock"
    assert found[-1] == "s00013,,10.00,1,17.55,0,goes out of stock; price moves by +76 %"
    assert [line.partition(",")[0] for line in found[2:-1]] == [f"s{number:05d}" for number in range(1, 10)]


def test_the_shop_s_values_of_the_same_items_take_the_change_back(outlet: Outlet, tmp_path: Path) -> None:
    push = mixed(outlet)
    found = lines(signed_in("Operator"), push, "push_shop_values")
    assert found[:2] == ["sku,selling_price,stock_status", "'=1+1,10.00,1"]
    skus = [line.partition(",")[0] for line in found]
    assert skus[1:] == [line.partition(",")[0] for line in lines(signed_in("Viewer"), push, "push_moves")[1:]]
    (tmp_path / "values.csv").write_text("\n".join(found))
    result = apply_product_update(outlet, ProductFile(tmp_path / "values.csv"))
    assert (result.changed_count, result.bad_count, result.created_count) == (11, 0, 0)
    attend(push.pk, timezone.now())
    push.refresh_from_db()
    assert push.status == "running"
    assert OutletProduct.objects.filter(differs=True).count() == 6


def test_the_first_file_can_be_corrected_and_uploaded(outlet: Outlet, tmp_path: Path) -> None:
    push = mixed(outlet)
    text = "\n".join(lines(signed_in("Operator"), push, "push_moves"))
    (tmp_path / "moves.csv").write_text(text.replace(",10.00,0,goes", ",11.00,1,goes"))
    result = apply_product_update(outlet, ProductFile(tmp_path / "moves.csv"))
    assert (result.changed_count, result.unchanged_count, result.bad_count) == (10, 1, 0)
    assert Product.objects.get(sku="=1+1").name == "@SUM(A1)"


def test_the_page_offers_both_files(outlet: Outlet) -> None:
    push = hold(outlet)
    text = page(signed_in("Viewer"), push)
    assert f'href="{reverse("push_moves", args=[push.pk])}"' in text
    assert f'href="{reverse("push_shop_values", args=[push.pk])}"' in text


@pytest.mark.parametrize("name", ["push_moves", "push_shop_values"])
def test_of_a_push_that_is_not_held_there_is_no_file(outlet: Outlet, name: str) -> None:
    push = hold(outlet)
    operator = signed_in("Operator")
    answer(operator, push, "push_discard")
    response = operator.get(reverse(name, args=[push.pk]), follow=True)
    assert response.redirect_chain == [(reverse("push", args=[push.pk]), 302)]
    assert "This push is not held any more." in response.content.decode()


@pytest.mark.parametrize("name", ["push_moves", "push_shop_values"])
def test_a_file_of_many_items_costs_one_query(outlet: Outlet, name: str) -> None:
    client, counts = signed_in("Viewer"), []
    for branch, count in ((outlet, 12), (make_outlet("8"), 3000)):
        push = hold(branch, count)
        with CaptureQueriesContext(connection) as queries:
            assert len(lines(client, push, name)) == count + 1
        counts.append(len([query for query in queries if "pushed_price" in query["sql"]]))
    assert counts == [1, 1]


# --- limits of an outlet --------------------------------------------------------------------------------


def test_a_manager_gives_an_outlet_limits_of_its_own(outlet: Outlet) -> None:
    manager, address = signed_in("Manager"), f"{reverse('api_settings')}?outlet={outlet.pk}"
    assert "When a push is held" in manager.get(address).content.decode()
    data = {"card": "settings", "push_enabled": "on", "guard_stock_percent": "50"}
    assert manager.post(address, data).status_code == 302
    outlet.refresh_from_db()
    assert (outlet.guard_stock_percent, outlet.guard_price_percent) == (50, None)
    text = manager.post(address, {**data, "guard_stock_percent": "101"}).content.decode()
    assert '<details class="mb-3" id="guard" open>' in text
    assert "50 % out of stock; prices that move by 60 %, of 5 % of the items" in (
        signed_in("Viewer").get(address).content.decode()
    )


def test_programs_give_an_outlet_limits_of_its_own(outlet: Outlet) -> None:
    manager, address = signed_in("Manager"), reverse("save_outlet_api_settings")
    send = {"content_type": "application/json"}
    answer = manager.post(address, {"outlet": outlet.pk, "guard_items_percent": 20}, **send)
    assert (answer.status_code, answer.json()["outlet"]["guard_items_percent"]) == (200, 20)
    assert manager.post(address, {"outlet": outlet.pk, "guard_items_percent": -1}, **send).status_code == 400
    answer = manager.post(address, {"outlet": outlet.pk, "guard_items_percent": None}, **send)
    assert (answer.status_code, answer.json()["outlet"]["guard_items_percent"]) == (200, None)


def test_programs_are_told_that_their_push_waits(outlet: Outlet) -> None:
    push = hold(outlet)
    data = {"outlet": outlet.pk}
    answer = signed_in("Operator").post(reverse("push_to_ecommerce"), data, content_type="application/json")
    assert (answer.status_code, answer.json()["push"], answer.json()["joined"]) == (202, push.pk, True)
    assert "is held until somebody has looked at it" in answer.json()["message"]
