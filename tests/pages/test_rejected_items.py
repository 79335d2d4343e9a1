"""What the shops refuse is grouped by reason, released, pushed and downloaded."""

import csv
import io
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from integration import rejections
from integration.models import Outlet, OutletProduct, Product, PushHistory, RejectedItem
from tests.conftest import make_outlet, stock
from tests.people import restore_migrated_rows, signed_in

pytestmark = pytest.mark.django_db
LIST, RELEASE, DOWNLOAD = "/rejected-items/", "/rejected-items/release/", "/rejected-items/download/"


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


def refuse(outlet: Outlet, sku: str, reason: str, held: bool = False) -> RejectedItem:
    item = OutletProduct.objects.get(outlet=outlet, product__sku=sku)
    now = timezone.now()
    return RejectedItem.objects.create(
        outlet_product=item,
        reason=reason,
        rejected_price=item.selling_price,
        rejected_stock_status=item.stock_status,
        first_rejected_at=now,
        last_rejected_at=now,
        rejection_count=3,
        identical_count=3 if held else 1,
        quarantined_at=now if held else None,
    )


@pytest.fixture
def refused(outlet: Outlet) -> Outlet:
    """Two reasons: one with numbers that differ, for two items, one of them held back; and one for one item."""
    stock(outlet, 4)
    refuse(outlet, "s00000", "price 1.00 is below 2.00", held=True)
    refuse(outlet, "s00001", "price 3.00 is below 4.00")
    refuse(outlet, "s00002", "unknown product", held=True)
    return outlet


def groups(client: Client, query: str = "") -> list[tuple[str, int, int]]:
    page = client.get(f"{LIST}?{query}")
    return [(group.gist, group.count, group.quarantined_count) for group in page.context["groups"]]


def key(reason: str) -> str:
    return rejections.key_of(reason)


def skus(client: Client, query: str) -> list[str]:
    return [item.outlet_product.product.sku for item, _ in client.get(f"{LIST}?{query}").context["rows"]]


def test_reasons_with_different_numbers_are_one_group(viewer: Client, refused: Outlet) -> None:
    assert groups(viewer) == [("price # is below #", 2, 1), ("unknown product", 1, 1)]
    assert "Branch 007" in viewer.get(LIST).content.decode()


def test_a_group_opens_to_its_items(viewer: Client, refused: Outlet) -> None:
    found = skus(viewer, f"group={key('price 9 is below 9')}")
    assert sorted(found) == ["s00000", "s00001"]


def test_an_item_whose_price_was_corrected_is_not_held_back_any_more(viewer: Client, refused: Outlet) -> None:
    OutletProduct.objects.filter(product__sku="s00002").update(selling_price=11)
    assert groups(viewer) == [("price # is below #", 2, 1), ("unknown product", 1, 0)]


def test_the_list_is_narrowed_by_outlet_text_and_what_is_held_back(viewer: Client, refused: Outlet) -> None:
    other = make_outlet("008")
    stock(other, 1)
    refuse(other, "s00000", "unknown product")
    assert groups(viewer, f"outlet={other.pk}") == [("unknown product", 1, 0)]
    assert groups(viewer, "held=on") == [("price # is below #", 1, 1), ("unknown product", 1, 1)]
    assert groups(viewer, "q=s00001") == [("price # is below #", 1, 0)]
    assert groups(viewer, "q=UNKNOWN") == [("unknown product", 2, 1)]


@pytest.mark.parametrize("query", ["outlet=x", "outlet=99999", "q=%00", "group=nothing", "held=maybe", "page=x"])
def test_an_address_that_makes_no_sense_is_answered(viewer: Client, refused: Outlet, query: str) -> None:
    assert viewer.get(f"{LIST}?{query}").status_code == 200
    assert viewer.get(f"{DOWNLOAD}?{query}").status_code in (200, 302)


def test_the_number_of_queries_stays_the_same(viewer: Client, refused: Outlet) -> None:
    def queries(url: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            viewer.get(url)
        return len(captured)

    urls = [LIST, f"{LIST}?group={key('unknown product')}"]
    few = [queries(url) for url in urls]
    for number in range(30):
        other = make_outlet(f"x{number}")
        stock(other, 2)
        refuse(other, "s00000", "unknown product")
        refuse(other, "s00001", f"reason {'a' * number}")
    assert [queries(url) for url in urls] == few


def test_rare_reasons_are_one_group(viewer: Client, refused: Outlet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rejections, "REASONS_READ", 1)
    (frequent, *_), (text, count, held) = groups(viewer)
    assert (frequent, text, count, held) == ("price # is below #", "", 2, 1)
    assert skus(viewer, "group=rest") != []


def test_a_shop_s_words_are_only_text(viewer: Client, outlet: Outlet) -> None:
    stock(outlet, 1)
    refuse(outlet, "s00000", "<img src=x onerror=alert(1)>")
    for query in ("", f"group={key('<img src=x onerror=alert(1)>')}"):
        page = viewer.get(f"{LIST}?{query}").content.decode()
        assert "<img" not in page
        assert "&lt;img" in page


def test_nothing_refused_is_said_in_words(viewer: Client) -> None:
    assert "No shop refuses anything" in viewer.get(LIST).content.decode()


class TestRelease:
    def test_a_viewer_sees_no_button_and_is_refused(self, viewer: Client, refused: Outlet) -> None:
        assert "Release" not in viewer.get(f"{LIST}?group={key('unknown product')}").content.decode()
        assert viewer.post(RELEASE, {"all": "1", "group": key("unknown product")}).status_code == 403
        assert RejectedItem.objects.filter(quarantined_at__isnull=False).count() == 2

    def test_the_checked_ones_alone_are_released(self, operator: Client, refused: Outlet) -> None:
        item = RejectedItem.objects.get(reason="unknown product")
        operator.post(RELEASE, {"item": [item.pk, "x"], "group": key("unknown product")})
        item.refresh_from_db()
        assert (item.quarantined_at, item.identical_count) == (None, 0)
        assert RejectedItem.objects.filter(quarantined_at__isnull=False).count() == 1
        assert not PushHistory.objects.exists()

    def test_a_whole_group_is_released_and_no_other(self, operator: Client, refused: Outlet) -> None:
        operator.post(RELEASE, {"all": "1", "group": key("price 0 is below 0")})
        held = RejectedItem.objects.filter(quarantined_at__isnull=False)
        assert [item.reason for item in held] == ["unknown product"]

    def test_the_whole_group_means_what_the_list_was_narrowed_to(self, operator: Client, refused: Outlet) -> None:
        other = make_outlet("008")
        stock(other, 1)
        elsewhere = refuse(other, "s00000", "unknown product", held=True)
        operator.post(RELEASE, {"all": "1", "group": key("unknown product"), "outlet": refused.pk})
        elsewhere.refresh_from_db()
        assert elsewhere.quarantined_at is not None
        assert RejectedItem.objects.filter(quarantined_at__isnull=False).count() == 2

    def test_releasing_twice_says_that_nothing_was_held_back(self, operator: Client, refused: Outlet) -> None:
        data = {"all": "1", "group": key("unknown product")}
        operator.post(RELEASE, data)
        page = operator.post(RELEASE, data, follow=True).content.decode()
        assert "None of these items was held back" in page

    def test_with_nothing_checked_it_asks_for_it_and_stays_with_the_group(
        self, operator: Client, refused: Outlet
    ) -> None:
        group = key("unknown product")
        answer = operator.post(RELEASE, {"group": group, "push": "on"}, follow=True)
        text = answer.content.decode()
        assert "Check the items to release first." in text
        assert "None of these items was held back" not in text
        assert answer.context["group"].key == group
        assert RejectedItem.objects.filter(quarantined_at__isnull=False).count() == 2
        assert not PushHistory.objects.exists()

    def test_their_outlets_are_pushed_if_that_is_asked_for(self, operator: Client, refused: Outlet) -> None:
        operator.post(RELEASE, {"all": "1", "group": key("unknown product"), "push": "on"})
        push = PushHistory.objects.get()
        assert (push.outlet_id, push.push_type, push.trigger) == (refused.pk, "partial", "manual")

    def test_an_outlet_that_cannot_be_pushed_says_why(self, operator: Client, refused: Outlet) -> None:
        Outlet.objects.update(push_enabled=False)
        page = operator.post(RELEASE, {"all": "1", "group": key("unknown product"), "push": "on"}, follow=True)
        assert "pushing is switched off" in page.content.decode()
        assert not PushHistory.objects.exists()


class TestDownload:
    def read(self, client: Client, query: str = "") -> list[dict[str, Any]]:
        answer = client.get(f"{DOWNLOAD}?{query}")
        assert answer["Content-Type"] == "text/csv; charset=utf-8"
        content = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
        return list(csv.DictReader(io.StringIO(content)))

    def test_it_holds_what_the_list_shows(self, viewer: Client, refused: Outlet) -> None:
        assert len(self.read(viewer)) == 3
        (row,) = self.read(viewer, f"group={key('unknown product')}")
        assert (row["sku"], row["reason"], row["refused_price"]) == ("s00002", "unknown product", "10.00")

    def test_no_cell_is_a_formula(self, viewer: Client) -> None:
        outlet = make_outlet(name="=HYPERLINK(1)")
        stock(outlet, 1)
        Product.objects.update(sku="-1+1", name="@SUM(A1)")
        refuse(outlet, "-1+1", "\t=cmd|'/c calc'!A1")
        (row,) = self.read(viewer)
        cells = [row["outlet"], row["sku"], row["name"], row["reason"]]
        assert [cell[0] for cell in cells] == ["'"] * 4

    def test_who_may_not_look_may_not_download(self, refused: Outlet) -> None:
        assert signed_in("nobody").get(DOWNLOAD).status_code == 403
