"""Export feed: choose an outlet, see how many rows there are, download them."""

from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from integration.models import Outlet, OutletProduct
from integration.pages.export_feed import blocks, file_name
from tests.conftest import NOW, make_outlet, stock
from tests.people import restore_migrated_rows, signed_in

pytestmark = pytest.mark.django_db
PAGE, DOWNLOAD = "/shop-integration/export-feed/", "/shop-integration/export-feed/download/"


@pytest.fixture(autouse=True)
def roles(db: None) -> None:
    restore_migrated_rows()


@pytest.fixture
def viewer() -> Client:
    return signed_in("Viewer")


def text_of(response: Any) -> str:
    return " ".join(response.content.decode().split())


def body_of(response: Any) -> str:
    return b"".join(response.streaming_content).decode()


def test_the_page_asks_for_an_outlet_and_complains_of_nothing(viewer: Client, outlet: Outlet) -> None:
    page = text_of(viewer.get(PAGE))
    assert "Choose an outlet to see how many rows the file has." in page
    assert "text-danger" not in page
    assert "Branch 007" in page


def test_the_rows_are_counted_before_the_download(viewer: Client, outlet: Outlet) -> None:
    stock(outlet, 1234)
    OutletProduct.objects.exclude(product__sku="s00000").update(pushed_price=Decimal("10"), pushed_stock_status=1)
    assert "The file has <strong>1,234 rows</strong>." in text_of(viewer.get(PAGE, {"outlet": outlet.pk}))
    partial = viewer.get(PAGE, {"outlet": outlet.pk, "feed": "partial"})
    assert "The file has <strong>1 row</strong>." in text_of(partial)


def test_htmx_gets_the_count_alone(viewer: Client, outlet: Outlet) -> None:
    stock(outlet, 2)
    answer = viewer.get(PAGE, {"outlet": outlet.pk, "feed": "full"}, headers={"HX-Request": "true"})
    assert text_of(answer).strip() == "The file has <strong>2 rows</strong>."
    assert "HX-Request" in answer["Vary"]


def test_nothing_to_download_is_said_with_what_to_do(viewer: Client, outlet: Outlet) -> None:
    page = text_of(viewer.get(PAGE, {"outlet": outlet.pk}))
    assert "The outlet has no products yet" in page
    assert f'href="/shop-integration/product-update/?outlet={outlet.pk}"' in page
    stock(outlet, 1)
    OutletProduct.objects.update(pushed_price=Decimal("10"), pushed_stock_status=1)
    partial = viewer.get(PAGE, {"outlet": outlet.pk, "feed": "partial"})
    assert "The shop knows everything" in text_of(partial)


@pytest.mark.parametrize(
    "asked", [{"outlet": "x"}, {"outlet": "999999"}, {"outlet": "9" * 30}, {"outlet": "1", "feed": "<b>"}, {}]
)
def test_what_cannot_be_exported_is_not_downloaded(viewer: Client, asked: dict[str, str]) -> None:
    response = viewer.get(DOWNLOAD, asked)
    assert (response.status_code, response["Content-Type"]) == (400, "text/html; charset=utf-8")
    assert viewer.get(PAGE, asked).status_code == 200


def test_a_download_streams_the_feed_and_changes_nothing(viewer: Client, outlet: Outlet) -> None:
    stock(outlet, 1100)
    before = list(OutletProduct.objects.values().order_by("pk"))
    response = viewer.get(DOWNLOAD, {"outlet": outlet.pk, "feed": "full"})
    assert response.streaming
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    lines = body_of(response).splitlines()
    assert (lines[0], lines[1], len(lines)) == ("sku,selling_price,stock_status", "s00000,10.00,1", 1101)
    assert list(OutletProduct.objects.values().order_by("pk")) == before


def test_a_partial_download_holds_what_the_shop_does_not_know(viewer: Client, outlet: Outlet) -> None:
    stock(outlet, 3)
    OutletProduct.objects.exclude(product__sku="s00001").update(pushed_price=Decimal("10"), pushed_stock_status=1)
    response = viewer.get(DOWNLOAD, {"outlet": outlet.pk, "feed": "partial"})
    assert body_of(response) == "sku,selling_price,stock_status\ns00001,10.00,1\n"


def test_a_formula_is_not_exported_as_one(viewer: Client, outlet: Outlet) -> None:
    stock(outlet, 1, prefix="=cmd|")
    response = viewer.get(DOWNLOAD, {"outlet": outlet.pk})
    assert body_of(response).splitlines()[1] == "'=cmd|00000,10.00,1"


def test_the_file_s_name_says_platform_store_and_local_time(viewer: Client, outlet: Outlet) -> None:
    assert file_name(outlet, False, NOW) == "memory-007-full-2026-03-01-130000.csv"
    header = viewer.get(DOWNLOAD, {"outlet": outlet.pk, "feed": "partial"})["Content-Disposition"]
    assert header.startswith(f'attachment; filename="memory-007-partial-{timezone.localtime():%Y-%m-%d}')


def test_a_hostile_store_id_breaks_no_header(viewer: Client) -> None:
    evil = make_outlet('../"\r\nX: 1;<b>')
    assert file_name(evil, True, NOW) == "memory--X-1-b--partial-2026-03-01-130000.csv"
    assert viewer.get(DOWNLOAD, {"outlet": evil.pk}).status_code == 200
    assert "<b>" not in text_of(viewer.get(PAGE, {"outlet": evil.pk}))


def test_lines_are_sent_in_blocks() -> None:
    assert [block.count("\n") for block in blocks("x\n" for _ in range(1200))] == [500, 500, 200]


def test_who_may_not_see_products_gets_neither_page_nor_file(outlet: Outlet) -> None:
    client = signed_in("nobody")
    assert client.get(PAGE).status_code == client.get(DOWNLOAD, {"outlet": outlet.pk}).status_code == 403
    assert Client().get(DOWNLOAD, {"outlet": outlet.pk}).status_code == 302


def test_the_feed_needs_no_secret(viewer: Client, outlet: Outlet, settings: Any) -> None:
    Outlet.objects.update(api_key="correct-key")
    settings.ENCRYPTION_KEYS = ["x" * 43 + "="]
    assert viewer.get(PAGE, {"outlet": outlet.pk}).status_code == 200
    assert viewer.get(DOWNLOAD, {"outlet": outlet.pk}).status_code == 200


@pytest.mark.parametrize("count", [3, 30])
def test_the_page_costs_the_same_queries_for_many_outlets(
    viewer: Client, django_assert_max_num_queries: Any, count: int
) -> None:
    for number in range(count):
        make_outlet(str(number))
    with django_assert_max_num_queries(9):
        viewer.get(PAGE)
