"""Prices and stock come in: validated, written in bulk, announced after the commit.

Rows are checked one by one and refused one by one; what is good is written in batches, each a transaction
with a constant number of statements. Only what changed is written, and `pushed_*` never.
"""

import json
import logging
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice
from typing import NamedTuple

from django.db import connection, transaction

from integration.models import Outlet, OutletProduct, Product
from integration.product_row import BadRow, GoodRow, Row, read_rows
from integration.signals import product_updated

logger = logging.getLogger(__name__)

BATCH = 2000
REPORTED = 10_000  # bad rows kept in a result; all are counted


class ProductUpdateError(ValueError):
    """The first bad row of a strict update; nothing was written."""


@dataclass(slots=True)
class ProductUpdateResult:
    row_count: int = 0
    created_count: int = 0
    changed_count: int = 0
    unchanged_count: int = 0
    bad_count: int = 0
    duplicate_count: int = 0
    bad_rows: list[BadRow] = field(default_factory=list)
    duplicates: list[BadRow] = field(default_factory=list)

    def refuse(self, bad: BadRow) -> None:
        self.bad_count += 1
        if len(self.bad_rows) < REPORTED:
            self.bad_rows.append(bad)

    def repeat(self, bad: BadRow) -> None:
        self.duplicate_count += 1
        if len(self.duplicates) < REPORTED:
            self.duplicates.append(bad)


# --- the whole update -----------------------------------------------------------------------------------


def apply_product_update(
    outlet: Outlet,
    rows: Iterable[Row],
    *,
    strict: bool = False,
    dry_run: bool = False,
    progress: Callable[[int], object] = lambda count: None,
) -> ProductUpdateResult:
    """Bring the outlet's products to these values. `rows` are read twice when `strict`: give a list or a file.

    Each row: sku, selling_price, stock_status (or enabled), and where known name, barcode and the row's number.
    """
    if strict:
        refuse_first_bad_row(rows)
    result = ProductUpdateResult()
    seen = SeenSkus()
    checked = read_rows(rows)
    try:
        while batch := list(islice(checked, BATCH)):
            apply_batch(outlet, latest(batch, seen, result), result, dry_run)
            progress(len(batch))
    finally:  # rows that break off leave what was written before: it is announced too
        if result.changed_count + result.created_count and not dry_run:
            transaction.on_commit(lambda: announce(outlet.pk, result))
    return result


def refuse_first_bad_row(rows: Iterable[Row]) -> None:
    for row in read_rows(rows):
        if isinstance(row, BadRow):
            raise ProductUpdateError(f"{row}; nothing was written")


def announce(outlet_id: int, result: ProductUpdateResult) -> None:
    count = result.changed_count + result.created_count
    for receiver, answer in product_updated.send_robust(sender=None, outlet_id=outlet_id, changed_count=count):
        if isinstance(answer, Exception):
            logger.error("receiver %r failed", receiver, exc_info=answer)


class SeenSkus:
    """Which SKUs the update has mentioned, on disk: the memory does not grow with the file."""

    def __init__(self) -> None:
        self.database = sqlite3.connect("")
        self.database.execute("CREATE TABLE seen (sku TEXT PRIMARY KEY) WITHOUT ROWID")

    def add(self, skus: list[str]) -> set[str]:
        """Remember these; the ones that were there before."""
        marks = ",".join("?" * len(skus))
        known = self.database.execute(f"SELECT sku FROM seen WHERE sku IN ({marks})", skus)
        before = {sku for (sku,) in known}
        self.database.executemany("INSERT OR IGNORE INTO seen VALUES (?)", ((sku,) for sku in skus))
        return before


def latest(batch: list[GoodRow | BadRow], seen: SeenSkus, result: ProductUpdateResult) -> dict[str, GoodRow]:
    """The batch's good rows by SKU, the last one of each; bad and repeated ones are reported."""
    good: dict[str, GoodRow] = {}
    for row in batch:
        result.row_count += 1
        if isinstance(row, BadRow):
            result.refuse(row)
            continue
        if row.sku in good:
            result.repeat(BadRow(row.row, row.sku, "sku", "occurs again: this row wins"))
        good[row.sku] = row
    for sku in seen.add(list(good)):
        result.repeat(BadRow(good[sku].row, sku, "sku", "occurs again: this row wins"))
    return good


# --- a batch --------------------------------------------------------------------------------------------


class Known(NamedTuple):
    product_id: int
    name: str
    barcode: str
    selling_price: Decimal | None
    stock_status: int | None


@transaction.atomic
def apply_batch(outlet: Outlet, rows: dict[str, GoodRow], result: ProductUpdateResult, dry_run: bool) -> None:
    known = read_known(outlet, rows)
    new, changed = [], []
    for sku in sorted(rows):  # always in the same order, so that two updates wait instead of deadlocking
        row, before = rows[sku], known.get(sku)
        if before is None or before.selling_price is None:
            new.append(row)
        elif (before.selling_price, before.stock_status) != (row.selling_price, row.stock_status):
            changed.append(row)
    result.created_count += len(new)
    result.changed_count += len(changed)
    result.unchanged_count += len(rows) - len(new) - len(changed)
    if not dry_run:
        write_products(rows, known)
        write_outlet_products(outlet, sorted(new + changed, key=lambda row: row.sku))


def read_known(outlet: Outlet, rows: Mapping[str, GoodRow]) -> dict[str, Known]:
    products = Product.objects.filter(sku__in=list(rows)).values_list("sku", "pk", "name", "barcode")
    # Locked in the order of their ids, as an acknowledgement does it: in another order the two would deadlock.
    here = OutletProduct.objects.filter(outlet=outlet, product__sku__in=list(rows))
    here = here.select_for_update(of=("self",)).order_by("pk")
    values = {pk: (price, stock) for pk, price, stock in here.values_list("product", "selling_price", "stock_status")}
    return {sku: Known(pk, name, barcode, *values.get(pk, (None, None))) for sku, pk, name, barcode in products}


def write_products(rows: Mapping[str, GoodRow], known: Mapping[str, Known]) -> None:
    """Add new articles, and take over names and barcodes that the update brings."""
    fresh = [
        Product(
            sku=sku,
            name=row.name or (before.name if before else ""),
            barcode=row.barcode or (before.barcode if before else ""),
        )
        for sku, row in sorted(rows.items())
        if (before := known.get(sku)) is None
        or (row.name or before.name, row.barcode or before.barcode) != (before.name, before.barcode)
    ]
    execute_rows(WRITE_PRODUCTS, [[p.sku, p.name, p.barcode] for p in fresh], {})


def write_outlet_products(outlet: Outlet, rows: list[GoodRow]) -> None:
    values = [[row.sku, str(row.selling_price), row.stock_status] for row in rows]
    execute_rows(WRITE_OUTLET_PRODUCTS, values, {"outlet_id": outlet.pk})


# One statement for a batch whatever its size; Django would cut it into pieces of 999 values on SQLite.
# "WHERE true" keeps SQLite from reading ON CONFLICT as a join's ON.
COLUMNS = {
    "sqlite": "json_extract(value, '$[0]') AS a, json_extract(value, '$[1]') AS b, json_extract(value, '$[2]') AS c",
    "postgresql": "value->>0 AS a, value->>1 AS b, value->>2 AS c",
}
EACH = {"sqlite": "json_each(%(rows)s)", "postgresql": "json_array_elements(%(rows)s::json)"}
WRITE_PRODUCTS = """
    INSERT INTO integration_product (sku, name, barcode) SELECT a, b, c FROM ({rows}) AS v WHERE true
    ON CONFLICT (sku) DO UPDATE SET name = excluded.name, barcode = excluded.barcode"""
WRITE_OUTLET_PRODUCTS = """
    INSERT INTO integration_outletproduct (outlet_id, product_id, selling_price, stock_status)
    SELECT %(outlet_id)s, p.id, CAST(v.b AS decimal(10, 2)), CAST(v.c AS smallint)
    FROM ({rows}) AS v JOIN integration_product p ON p.sku = v.a WHERE true ORDER BY p.id
    ON CONFLICT (outlet_id, product_id)
    DO UPDATE SET selling_price = excluded.selling_price, stock_status = excluded.stock_status"""


def execute_rows(statement: str, rows: list[list[object]], parameters: dict[str, int]) -> None:
    if not rows:
        return
    vendor = connection.vendor
    # Built from constants of this module alone; every value is a parameter.
    source = f"SELECT {COLUMNS[vendor]} FROM {EACH[vendor]}"
    with connection.cursor() as cursor:
        cursor.execute(statement.format(rows=source), {"rows": json.dumps(rows), **parameters})
