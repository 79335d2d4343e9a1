"""The outlet's prices and stock as CSV."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from integration.export_feed import count_feed, feed_lines
from integration.models import Outlet, OutletProduct, RejectedItem
from integration.product_file import ProductFile
from integration.product_update import apply_product_update

pytestmark = pytest.mark.django_db
NOW = timezone.now()


@pytest.fixture
def outlet() -> Outlet:
    outlet = Outlet.objects.create(store_id="007", name="Fourteenth Street")
    skus = ["0012", "=1+1", "'=x", "-5", 'a,"b"', "z"]
    apply_product_update(outlet, [{"sku": s, "selling_price": "2.5", "stock_status": 1} for s in skus])
    return outlet


def settle(**changes: object) -> None:
    OutletProduct.objects.update(pushed_price=Decimal("2.50"), pushed_stock_status=1, pushed_at=NOW, **changes)


def test_a_full_feed_is_safe_for_spreadsheets(outlet: Outlet) -> None:
    lines = list(feed_lines(outlet, partial=False, now=NOW))
    assert lines[0] == "sku,selling_price,stock_status\n"
    assert sorted(lines[1:]) == sorted(
        ["0012,2.50,1\n", "'=1+1,2.50,1\n", "''=x,2.50,1\n", "'-5,2.50,1\n", '"a,""b""",2.50,1\n', "z,2.50,1\n"]
    )
    assert count_feed(outlet, partial=False, now=NOW) == 6


def test_a_partial_feed_holds_what_differs_and_what_is_due(outlet: Outlet) -> None:
    settle()
    items = OutletProduct.objects
    items.filter(product__sku="0012").update(selling_price=Decimal("3"))
    items.filter(product__sku="-5").update(confirm_at=NOW)
    items.filter(product__sku="z").update(confirm_at=NOW + timedelta(seconds=1))
    lines = list(feed_lines(outlet, partial=True, now=NOW))
    assert sorted(lines[1:]) == ["'-5,2.50,1\n", "0012,3.00,1\n"]
    assert count_feed(outlet, partial=True, now=NOW) == 2


def test_what_is_in_quarantine_is_exported(outlet: Outlet) -> None:
    item = OutletProduct.objects.get(product__sku="z")
    RejectedItem.objects.create(
        outlet_product=item,
        reason="no",
        rejected_price=item.selling_price,
        rejected_stock_status=item.stock_status,
        first_rejected_at=NOW,
        last_rejected_at=NOW,
        quarantined_at=NOW,
    )
    assert [count_feed(outlet, partial=partial, now=NOW) for partial in (False, True)] == [6, 6]


def test_an_export_comes_in_again_unchanged_and_touches_nothing(outlet: Outlet, tmp_path: Path) -> None:
    before = list(OutletProduct.objects.order_by("pk").values())
    path = tmp_path / "feed.csv"
    call_command("export_feed", "--outlet", "007", "--partial", "--output", str(path))
    result = apply_product_update(outlet, ProductFile(path))
    assert (result.unchanged_count, result.created_count, result.changed_count, result.bad_count) == (6, 0, 0, 0)
    assert list(OutletProduct.objects.order_by("pk").values()) == before
    assert [found.name for found in tmp_path.iterdir()] == ["feed.csv"]


def test_a_feed_goes_to_standard_output(outlet: Outlet, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("export_feed", "--outlet", "007")
    assert capsys.readouterr().out == "".join(feed_lines(outlet, partial=False, now=NOW))


def test_a_folder_that_is_not_there_is_a_clear_error(outlet: Outlet, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be written: No such file"):
        call_command("export_feed", "--outlet", "007", "--output", str(tmp_path / "no" / "feed.csv"))
