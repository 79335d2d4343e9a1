"""Products are found, shown as each shop has them, changed, and sent again."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from integration.models import Outlet, OutletProduct, Product, PushHistory, PushPause, RejectedItem
from integration.push_service import PushService
from tests.conftest import make_outlet, set_price, stock
from tests.people import restore_migrated_rows, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def pages(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    restore_migrated_rows()
    monkeypatch.setattr("tasks.push.ring", lambda rings: None)


@pytest.fixture
def viewer() -> Client:
    return signed_in("Viewer")


@pytest.fixture
def operator() -> Client:
    return signed_in("Operator")


def only_item() -> OutletProduct:
    return OutletProduct.objects.select_related("product", "outlet").get()


def refuse(item: OutletProduct, reason: str = "price too low", **more: Any) -> RejectedItem:
    values = {"rejected_price": item.selling_price, "rejected_stock_status": item.stock_status}
    times = {"first_rejected_at": timezone.now(), "last_rejected_at": timezone.now()}
    return RejectedItem.objects.create(outlet_product=item, reason=reason, **values, **times, **more)


def queries(client: Client, url: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert client.get(url).status_code == 200
    return len(captured)


class TestSearch:
    def test_an_exact_sku_leads_to_its_product(self, viewer: Client, outlet: Outlet) -> None:
        stock(outlet, 3)
        wanted = Product.objects.get(sku="s00001")
        assert viewer.get("/products/?q=s00001")["Location"] == f"/products/{wanted.pk}/"

    def test_a_barcode_that_one_product_has_leads_to_it(self, viewer: Client) -> None:
        wanted = Product.objects.create(sku="a", barcode="6291")
        assert viewer.get("/products/?q=6291")["Location"] == f"/products/{wanted.pk}/"
        Product.objects.create(sku="b", barcode="6291")
        assert len(viewer.get("/products/?q=6291").context["products"]) == 2

    def test_what_begins_with_the_text_comes_before_names_that_hold_it(self, viewer: Client) -> None:
        Product.objects.create(sku="900", name="Cream 12 %")
        Product.objects.create(sku="800", barcode="1234567")
        Product.objects.create(sku="120")
        Product.objects.create(sku="500", name="Milk")
        page = viewer.get("/products/?q=12")
        assert [product.sku for product, _ in page.context["products"]] == ["120", "800", "900"]

    @pytest.mark.parametrize("text", ["%", "_", "'", "<script>", "a" * 255])
    def test_whatever_is_typed_is_only_text(self, viewer: Client, outlet: Outlet, text: str) -> None:
        stock(outlet, 1)
        page = viewer.get("/products/", {"q": text})
        assert "Nothing was found" in page.content.decode()
        assert "<script>" not in page.content.decode().replace('<script src="', "")

    @pytest.mark.parametrize("query", ["q=%00", "outlet=999999", "outlet=x", "state=waiting", "state=x", "page=x"])
    def test_an_address_that_makes_no_sense_is_answered(self, viewer: Client, query: str) -> None:
        assert viewer.get(f"/products/?{query}").status_code == 200

    def test_a_page_holds_fifty_and_knows_whether_there_are_more(self, viewer: Client, outlet: Outlet) -> None:
        stock(outlet, 51)
        first, second = viewer.get("/products/"), viewer.get("/products/?page=2")
        assert (len(first.context["products"]), first.context["page"].has_next) == (50, True)
        assert (len(second.context["products"]), second.context["page"].has_next) == (1, False)

    def test_the_number_of_queries_stays_the_same(self, viewer: Client, outlet: Outlet) -> None:
        stock(outlet, 3)
        urls = ["/products/", f"/products/?outlet={outlet.pk}", f"/products/?outlet={outlet.pk}&state=waiting"]
        few = [queries(viewer, url) for url in urls]
        stock(outlet, 30, prefix="t")
        for item in OutletProduct.objects.all()[:20]:
            refuse(item)
        assert [queries(viewer, url) for url in urls] == few


class TestAnOutletsProducts:
    def test_what_waits_is_what_a_partial_push_would_send(self, viewer: Client, outlet: Outlet) -> None:
        stock(outlet, 4)
        PushService(outlet).push()
        set_price(outlet, "s00001", "12.50")
        set_price(outlet, "s00002", "12.50")
        refuse(OutletProduct.objects.get(product__sku="s00002"), quarantined_at=timezone.now())
        page = viewer.get(f"/products/?outlet={outlet.pk}&state=waiting")
        assert [row.item.product.sku for row in page.context["rows"]] == ["s00001"]
        text = page.content.decode()
        assert "12.50" in text
        assert '10.00 <span class="small">(other price)' in text

    def test_what_is_refused_stands_with_its_reason(self, viewer: Client, outlet: Outlet) -> None:
        stock(outlet, 2)
        refuse(OutletProduct.objects.get(product__sku="s00001"), "<b>too low</b>")
        page = viewer.get(f"/products/?outlet={outlet.pk}&state=refused")
        assert [row.item.product.sku for row in page.context["rows"]] == ["s00001"]
        assert "&lt;b&gt;too low&lt;/b&gt;" in page.content.decode()

    def test_what_waits_is_found_through_the_partial_index(self, viewer: Client, outlet: Outlet) -> None:
        stock(outlet, 3)
        with CaptureQueriesContext(connection) as captured:
            viewer.get(f"/products/?outlet={outlet.pk}&state=waiting")
        (query,) = [one["sql"] for one in captured if '"integration_outletproduct"."differs" ' in one["sql"]]
        if connection.vendor == "sqlite":
            with connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN QUERY PLAN {query}")
                assert "outletproduct_unsettled" in str(cursor.fetchall())

    def test_nothing_waiting_is_said_in_words(self, viewer: Client, outlet: Outlet) -> None:
        page = viewer.get(f"/products/?outlet={outlet.pk}&state=waiting").content.decode()
        assert "The shop has the same prices and stock as the dashboard." in page


class TestAProduct:
    def test_every_outlet_s_values_stand_side_by_side(self, viewer: Client, outlet: Outlet) -> None:
        other = make_outlet("008")
        stock(outlet, 1)
        stock(other, 1)
        PushService(outlet).push()
        set_price(outlet, "s00000", "9.75")
        page = viewer.get(f"/products/{Product.objects.get().pk}/")
        states = {row.item.outlet.name: str(row.state.label) for row in page.context["rows"]}
        assert states == {"Branch 007": "waiting", "Branch 008": "waiting, never sent"}
        assert "9.75" in page.content.decode()

    def test_the_number_of_queries_stays_the_same(self, viewer: Client) -> None:
        for number in range(3):
            stock(make_outlet(f"a{number}"), 1)
        url = f"/products/{Product.objects.get().pk}/"
        few = queries(viewer, url)
        for number in range(30):
            stock(make_outlet(f"b{number}"), 1)
        assert queries(viewer, url) == few

    def test_when_it_was_sent_with_what_and_what_the_shop_said(self, viewer: Client, outlet: Outlet) -> None:
        stock(outlet, 2)
        PushService(outlet).push()
        set_price(outlet, "s00001", "12.50")
        PushService(outlet).push()
        product = Product.objects.get(sku="s00001")
        page = viewer.get(f"/products/{product.pk}/?outlet={outlet.pk}")
        told = [(str(row.sent.price), row.sent.stock, str(row.answer.label)) for row in page.context["sent"]]
        assert told == [("12.50", 1, "accepted"), ("10.00", 1, "accepted")]
        assert f"/pushes/{PushHistory.objects.first().pk}/" in page.content.decode()  # type: ignore[union-attr]

    def test_an_outlet_without_the_product_is_said_to_be_so(self, viewer: Client, outlet: Outlet) -> None:
        stock(outlet, 1)
        other = make_outlet("008")
        page = viewer.get(f"/products/{Product.objects.get().pk}/?outlet={other.pk}").content.decode()
        assert "This outlet does not sell the product." in page

    def test_no_secret_is_read(self, viewer: Client, settings: Any) -> None:
        outlet = make_outlet(api_key="a-secret-key")
        stock(outlet, 1)
        Outlet.objects.filter(pk=outlet.pk)
        settings.ENCRYPTION_KEYS = ["b" * 43 + "="]
        for url in (f"/products/{Product.objects.get().pk}/", f"/products/?outlet={outlet.pk}", "/rejected-items/"):
            page = viewer.get(url)
            assert page.status_code == 200
            assert "a-secret-key" not in page.content.decode()


def post(client: Client, item: OutletProduct, action: str, **data: object) -> Any:
    return client.post(f"/products/{item.product_id}/{item.outlet_id}/{action}/", data)


class TestChanging:
    @pytest.fixture
    def item(self, outlet: Outlet) -> Iterator[OutletProduct]:
        stock(outlet, 1)
        PushService(outlet).push()
        return only_item()

    def test_a_viewer_sees_no_form_and_is_refused(self, viewer: Client, item: OutletProduct) -> None:
        page = viewer.get(f"/products/{item.product_id}/").content.decode()
        assert "/change/" not in page
        assert "/send/" not in page
        assert post(viewer, item, "change", selling_price="1", stock_status="1").status_code == 403
        assert post(viewer, item, "send").status_code == 403
        assert only_item().selling_price == Decimal("10.00")
        assert PushHistory.objects.count() == 1

    def test_an_operator_changes_price_and_stock(self, operator: Client, item: OutletProduct) -> None:
        assert post(operator, item, "change", selling_price="11.25", stock_status="0").status_code == 302
        changed = only_item()
        assert (changed.selling_price, changed.stock_status, changed.differs) == (Decimal("11.25"), 0, True)
        assert changed.waiting_since > timezone.now() - timedelta(minutes=1)

    @pytest.mark.parametrize("price, why", [("0", "must be above 0"), ("1,5", "is not a price"), ("", "required")])
    def test_a_refused_price_is_said_at_the_field(
        self, operator: Client, item: OutletProduct, price: str, why: str
    ) -> None:
        page = post(operator, item, "change", selling_price=price, stock_status="0")
        assert page.status_code == 200
        assert why in str(page.context["form"].errors["selling_price"])
        assert only_item().stock_status == 1

    def test_a_changed_value_ends_its_quarantine(self, operator: Client, item: OutletProduct) -> None:
        refuse(item, quarantined_at=timezone.now())
        post(operator, item, "change", selling_price="11", stock_status="1")
        page = operator.get(f"/products/{item.product_id}/")
        assert str(page.context["chosen"].state.label) == "refused, tried again"

    def test_send_again_starts_a_push_of_what_the_shop_knows(self, operator: Client, item: OutletProduct) -> None:
        refuse(item, quarantined_at=timezone.now(), identical_count=3)
        post(operator, item, "send")
        push = PushHistory.objects.latest("pk")
        assert (push.push_type, push.trigger, push.created_by.username) == ("partial", "manual", "operator")  # type: ignore[union-attr]
        assert only_item().confirm_at is not None
        assert RejectedItem.objects.get().quarantined_at is None

    def test_what_the_shop_refuses_and_is_sent_again_is_not_called_unknown(
        self, operator: Client, item: OutletProduct
    ) -> None:
        post(operator, item, "send")
        words = ("What came of the last request is not known.", "It is sent once more, from")
        url = f"/products/{item.product_id}/?outlet={item.outlet_id}"
        assert [text in operator.get(url).content.decode() for text in words] == [True, True]
        refuse(item)
        assert [text in operator.get(url).content.decode() for text in words] == [False, True]

    def test_who_may_not_release_cannot_end_a_quarantine_so(self, operator: Client, item: OutletProduct) -> None:
        Group.objects.get(name="Operator").permissions.remove(Permission.objects.get(codename="change_rejecteditem"))
        refuse(item, quarantined_at=timezone.now(), identical_count=3)
        assert "/send/" not in operator.get(f"/products/{item.product_id}/").content.decode()
        assert post(operator, item, "send").status_code == 403
        assert RejectedItem.objects.get().quarantined_at is not None

    def test_send_again_twice_starts_one_push(self, operator: Client, item: OutletProduct) -> None:
        post(operator, item, "send")
        post(operator, item, "send")
        assert PushHistory.objects.count() == 2

    def test_send_again_in_a_pause_says_that_it_waits(self, operator: Client, item: OutletProduct) -> None:
        PushPause.objects.create(paused_at=timezone.now(), reason="stock-taking")
        answer = post(operator, item, "send")
        page = operator.get(answer["Location"]).content.decode()
        assert "It is sent with the next push, which cannot start now" in page
        assert PushHistory.objects.count() == 1
