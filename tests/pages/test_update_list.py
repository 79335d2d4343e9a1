"""The list of product updates, and where a push names those that it came after."""

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from integration.models import Outlet, ProductUpload, PushHistory, make_token
from integration.product_update import apply_product_update
from integration.product_upload import receive_upload
from integration.push_service import PushService
from integration.update_record import BY_CODE, Sender, Source, updates
from tests.conftest import make_outlet
from tests.people import make_person, restore_migrated_rows, signed_in

pytestmark = pytest.mark.django_db
URL = "/shop-integration/product-update/all/"


@pytest.fixture(autouse=True)
def ground(db: None) -> None:
    restore_migrated_rows()


def person(name: str) -> int:
    return get_user_model().objects.get(username=make_person("Operator", name)).pk


def update(outlet: Outlet, sku: str, price: str, stock: int = 1, sender: Sender = BY_CODE) -> None:
    apply_product_update(outlet, [{"sku": sku, "selling_price": price, "stock_status": stock}], sender=sender)


def text_of(client: Client, url: str = URL, **query: Any) -> str:
    answer = client.get(url, query)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_it_says_who_sent_what(outlet: Outlet) -> None:
    now = timezone.now()
    till = make_token("Till 3", person("erp"), None, now)[0]
    upload = receive_upload(outlet, "monday.csv", [b""], now, None)
    update(outlet, "0012", "10")
    update(outlet, "0012", "12.50", 0, Sender(Source.API, till.user_id, till.pk))
    update(outlet, "0013", "2", 1, Sender(Source.FILE, person("asha"), upload_id=upload.pk))
    text = text_of(signed_in("Viewer"))
    assert text.index("monday.csv") < text.index("Till 3") < text.rindex("code on the server")
    assert "<bdi>0012</bdi>: <del>10.00, in stock</del> <strong>12.50, out of stock</strong>" in text
    assert f'href="/shop-integration/product-update/{upload.pk}/"' in text
    assert ">asha<" in text


@pytest.mark.parametrize("role", ["Viewer", "Operator"])
def test_who_may_see_it_finds_it_beside_the_files(role: str) -> None:
    assert f'href="{URL}"' in text_of(signed_in(role), "/shop-integration/product-update/")


def test_an_undo_is_called_so_also_where_files_are_not_seen(outlet: Outlet) -> None:
    upload = receive_upload(outlet, "monday.csv", [b""], timezone.now(), None)
    ProductUpload.objects.filter(pk=upload.pk).update(undoes=upload)
    update(outlet, "0012", "10", sender=Sender(Source.FILE, upload_id=upload.pk))
    text = text_of(may_only("view_outletproduct"))
    assert str(updates().query).count("JOIN") == 4  # outlet, person, token and file: not what the file takes back
    assert "<bdi>Undo of monday.csv</bdi>" in text
    assert f"/product-update/{upload.pk}/" not in text


def may_only(codename: str) -> Client:
    client = signed_in("nobody")
    user = get_user_model().objects.get(pk=client.session["_auth_user_id"])
    user.user_permissions.add(Permission.objects.get(codename=codename))
    return client


def test_it_is_filtered_by_outlet_and_by_way(outlet: Outlet) -> None:
    other = make_outlet("008")
    update(outlet, "here", "1")
    update(other, "there", "1", sender=Sender(Source.COMMAND))
    viewer = signed_in("Viewer")
    assert ">there<" not in text_of(viewer, outlet=outlet.pk)
    assert ">here<" not in text_of(viewer, source="command")
    assert "No product update fits this filter" in text_of(viewer, outlet=outlet.pk, source="command")
    assert "Select a valid choice" in text_of(viewer, source="telepathy")


def test_it_says_when_there_is_nothing_yet() -> None:
    assert "No price or stock has been changed yet" in text_of(signed_in("Viewer"))


def test_it_goes_on_page_by_page_with_the_same_queries(outlet: Outlet) -> None:
    viewer, counts = signed_in("Viewer"), []
    for number in range(30):
        update(outlet, f"x{number:02}", "1")
        if number in (1, 29):
            with CaptureQueriesContext(connection) as queries:
                text_of(viewer)
            counts.append(len(queries))
    first, second = text_of(viewer), text_of(viewer, page=2)
    assert (first.count("<details>"), second.count("<details>")) == (25, 5)
    assert ("x29" in first, "x04" in first, "x04" in second) == (True, False, True)
    assert counts[0] == counts[1]


def test_what_a_program_calls_a_product_is_no_markup(outlet: Outlet) -> None:
    update(outlet, "<b>x</b>", "1")
    text = text_of(signed_in("Viewer"))
    assert "<b>x</b>" not in text
    assert "&lt;b&gt;x&lt;/b&gt;" in text


def test_a_push_names_the_updates_that_it_came_after(outlet: Outlet) -> None:
    asha = Sender(Source.PAGE, person("asha"))
    for number in range(7):
        update(outlet, f"x{number}", "1", sender=asha)
    PushService(outlet).push()
    push = PushHistory.objects.get()
    text = text_of(signed_in("Viewer"), f"/pushes/{push.pk}/")
    card = text.partition('id="updates"')[2].partition('id="list"')[0]
    assert (card.count("<details>"), card.count(">asha<")) == (5, 5)
    assert f'href="{URL}?outlet={outlet.pk}"' in card


def test_many_small_updates_do_not_hide_the_large_one_that_a_push_is_held_for(outlet: Outlet) -> None:
    PushHistory.objects.create(
        outlet=outlet, push_timestamp=timezone.now(), push_type="partial", trigger="manual", status="held"
    )
    large = [{"sku": f"m{number}", "selling_price": "1", "stock_status": 0} for number in range(40)]
    apply_product_update(outlet, large, sender=Sender(Source.FILE, person("asha")))
    for number in range(7):
        update(outlet, f"x{number}", "1")
    text = text_of(signed_in("Viewer"), f"/pushes/{PushHistory.objects.get().pk}/")
    card = text.partition('id="updates"')[2].partition('id="list"')[0]
    assert (card.count("<details>"), card.count(">asha<")) == (5, 1)


def test_a_push_without_any_has_no_such_card(outlet: Outlet) -> None:
    update(outlet, "a", "1")
    PushService(outlet).push()
    PushService(outlet).push(push_type="full")
    push = PushHistory.objects.latest("pk")
    assert 'id="updates"' not in text_of(signed_in("Viewer"), f"/pushes/{push.pk}/")


def test_who_may_not_see_values_sees_no_updates_beside_a_push(outlet: Outlet) -> None:
    update(outlet, "secret-sku", "1")
    PushService(outlet).push()
    client = may_only("view_pushhistory")
    text = text_of(client, f"/pushes/{PushHistory.objects.get().pk}/")
    assert 'id="updates"' not in text
    assert client.get(URL).status_code == 403
