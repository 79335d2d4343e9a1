"""The command that brings a file into an outlet."""

import json
import tracemalloc
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from integration.models import Outlet, OutletProduct
from integration.product_file import ProductFile
from integration.product_update import apply_product_update

pytestmark = pytest.mark.django_db


@pytest.fixture
def outlet() -> Outlet:
    return Outlet.objects.create(store_id="007", name="Fourteenth Street")


@pytest.fixture
def feed(tmp_path: Path) -> Path:
    path = tmp_path / "feed.csv"
    path.write_text("sku,price,active\n0012,13.99,1\n0013,0,1\n", encoding="utf-8")
    return path


def test_good_rows_are_applied_and_bad_ones_make_the_exit_code_1(
    outlet: Outlet, feed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(CommandError, match="1 bad rows were left out; 1 others were taken"):
        call_command("import_products", str(feed), "--outlet", "007")
    assert capsys.readouterr().out.splitlines() == [
        "2 rows: 1 new, 0 changed, 0 unchanged, 1 bad, 0 repeated",
        "  row 3, sku '0013', selling_price: must be above 0",
    ]
    assert OutletProduct.objects.count() == 1


def test_the_last_line_is_json(outlet: Outlet, feed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CommandError):
        call_command("import_products", str(feed), "--outlet", "007", "--json", "--dry-run")
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == {
        "row_count": 2,
        "created_count": 1,
        "changed_count": 0,
        "unchanged_count": 0,
        "bad_count": 1,
        "duplicate_count": 0,
        "bad_rows": [{"row": 3, "sku": "0013", "field": "selling_price", "reason": "must be above 0"}],
        "duplicates": [],
        "dry_run": True,
    }
    assert not OutletProduct.objects.exists()


def test_strict_stops_at_the_first_bad_row(outlet: Outlet, feed: Path) -> None:
    with pytest.raises(CommandError, match="row 3, sku '0013', selling_price: must be above 0; nothing was written"):
        call_command("import_products", str(feed), "--outlet", "007", "--strict")
    assert not OutletProduct.objects.exists()


def test_an_unknown_outlet_names_the_known_ones(outlet: Outlet, feed: Path) -> None:
    with pytest.raises(CommandError, match=r"no outlet has the store id '7'; known: 007 \(pasons\)"):
        call_command("import_products", str(feed), "--outlet", "7")


def test_a_store_id_on_two_platforms_needs_the_platform(outlet: Outlet, feed: Path) -> None:
    Outlet.objects.create(store_id="007", name="Same", platform="memory")
    with pytest.raises(CommandError, match="on several platforms"):
        call_command("import_products", str(feed), "--outlet", "007")


def test_a_missing_file_is_a_clear_error(outlet: Outlet) -> None:
    with pytest.raises(CommandError, match=r"missing\.csv cannot be read"):
        call_command("import_products", "missing.csv", "--outlet", "007")


def test_memory_does_not_grow_with_the_update(outlet: Outlet, tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    path.write_text("sku,price,active\n" + "".join(f"{n:07},1.50,1\n" for n in range(30_000)), encoding="utf-8")
    tracemalloc.start()
    result = apply_product_update(outlet, ProductFile(path), dry_run=True)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert result.created_count == 30_000
    assert peak < 12_000_000
