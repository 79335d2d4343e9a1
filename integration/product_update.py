"""Prices and stock come in: validated, written in bulk, announced after the commit.

Rows are checked one by one and refused one by one; what is good is written in batches, each a transaction
with a constant number of statements. Only what changed is written, and `pushed_*` never.
"""

import json
import logging
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice
from typing import NamedTuple

from django.db import connection, transaction

from integration import revisions
from integration.models import Outlet, OutletProduct, Product
from integration.product_row import BadRow, GoodRow, Row, read_rows
from integration.signals import product_updated
from integration.update_record import BY_CODE, Change, Sender, UpdateRecord

logger = logging.getLogger(__name__)

BATCH = 2000
REPORTED = 10_000  # bad rows kept in a result; all are counted


Progress = Callable[[int], object]
OnChanges = Callable[[list[Change]], object]


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

    @property
    def good_count(self) -> int:
        return self.row_count - self.bad_count - self.duplicate_count

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
    may_rename: bool = True,
    sender: Sender = BY_CODE,
    progress: Progress = lambda count: None,
    on_changes: OnChanges | None = None,
) -> ProductUpdateResult:
    """Bring the outlet's products to these values. All rows are read and checked before the first one is written.

    Each row: sku, selling_price, stock_status (or enabled), and where known name, barcode and the row's number.
    The last row of a SKU counts. Names and barcodes are all outlets': who may not rename only gives what has none one.
    `sender` is written down with what it changes. `progress` is told of rows that are done with, `on_changes` of each
    batch's changes, within its transaction.
    """
    result, record = ProductUpdateResult(), UpdateRecord(outlet.pk, sender)
    listeners = [on_changes] if on_changes else []
    listeners += [] if dry_run else [record.add]
    stage = Stage()
    collect(rows, stage, result, strict, progress)
    try:
        for batch in stage.batches():
            apply_batch(outlet, batch, result, dry_run, may_rename, listeners)
            progress(len(batch))
    finally:  # a database that fails in the middle leaves whole batches: they are announced
        if result.changed_count + result.created_count and not dry_run:
            transaction.on_commit(lambda: announce(outlet.pk, result))
    return result


def collect(rows: Iterable[Row], stage: "Stage", result: ProductUpdateResult, strict: bool, progress: Progress) -> None:
    """Put the good rows on the stage, and report bad and repeated ones."""
    checked = read_rows(rows)
    while batch := list(islice(checked, BATCH)):
        good = [row for row in batch if isinstance(row, GoodRow)]
        for bad in (row for row in batch if isinstance(row, BadRow)):
            if strict:
                raise ProductUpdateError(f"{bad}; nothing was written")
            result.refuse(bad)
        repeated = stage.put(good)
        for row in repeated:
            result.repeat(BadRow(row.row, row.sku, "sku", "occurs again: this row wins"))
        result.row_count += len(batch)
        progress(len(batch) - len(good) + len(repeated))


def announce(outlet_id: int, result: ProductUpdateResult) -> None:
    count = result.changed_count + result.created_count
    for receiver, answer in product_updated.send_robust(sender=None, outlet_id=outlet_id, changed_count=count):
        if isinstance(answer, Exception):
            logger.error("receiver %r failed", receiver, exc_info=answer)


class Stage:
    """The last good row of each SKU, in a file of its own that goes with it: memory does not grow with the update."""

    def __init__(self) -> None:
        self.database = sqlite3.connect("", isolation_level=None)
        self.database.execute(
            "CREATE TABLE row (sku TEXT PRIMARY KEY, number, price, stock, name, barcode) WITHOUT ROWID"
        )

    def put(self, rows: list[GoodRow]) -> list[GoodRow]:
        """Keep these rows; the ones that take the place of an earlier row of their SKU."""
        skus = [row.sku for row in rows]
        marks = ",".join("?" * len(skus))
        known = {sku for (sku,) in self.database.execute(f"SELECT sku FROM row WHERE sku IN ({marks})", skus)}
        repeated = []
        for row in rows:
            if row.sku in known:
                repeated.append(row)
            known.add(row.sku)
        values = [(r.sku, r.row, str(r.selling_price), r.stock_status, r.name, r.barcode) for r in rows]
        self.database.execute("BEGIN")
        self.database.executemany("INSERT OR REPLACE INTO row VALUES (?, ?, ?, ?, ?, ?)", values)
        self.database.execute("COMMIT")
        return repeated

    def batches(self) -> Iterator[dict[str, GoodRow]]:
        """The rows by SKU, in its order: so two updates wait for each other and do not deadlock."""
        rows = self.database.execute("SELECT number, sku, price, stock, name, barcode FROM row ORDER BY sku")
        while batch := rows.fetchmany(BATCH):
            yield {sku: GoodRow(number, sku, Decimal(price), *rest) for number, sku, price, *rest in batch}


# --- a batch --------------------------------------------------------------------------------------------


class Known(NamedTuple):
    product_id: int
    name: str
    barcode: str
    selling_price: Decimal | None
    stock_status: int | None


@transaction.atomic
def apply_batch(
    outlet: Outlet,
    rows: dict[str, GoodRow],
    result: ProductUpdateResult,
    dry_run: bool,
    may_rename: bool = True,
    listeners: Sequence[OnChanges] = (),
) -> None:
    if not dry_run:
        revisions.lock(outlet.pk)
    different = read_different(outlet, rows, may_rename)
    known = read_known(outlet, different, is_locked=not dry_run)
    new, changed = [], []
    for sku, row in different.items():
        before = known.get(sku)
        if before is None or before.selling_price is None:
            new.append(row)
        elif (before.selling_price, before.stock_status) != (row.selling_price, row.stock_status):
            changed.append(row)
    result.created_count += len(new)
    result.changed_count += len(changed)
    result.unchanged_count += len(rows) - len(new) - len(changed)
    if not dry_run:
        write_products(different, known, may_rename)
        write_outlet_products(outlet, sorted(new + changed, key=lambda row: row.sku))
    if (new or changed) and not dry_run:
        revisions.bump(outlet.pk)
    if listeners and (new or changed):
        changes = [change_of(row, known.get(row.sku)) for row in new + changed]
        for listener in listeners:
            listener(changes)


def change_of(row: GoodRow, before: Known | None) -> Change:
    name = row.name or (before.name if before else "")
    old_price, old_stock = (before.selling_price, before.stock_status) if before else (None, None)
    return Change(row.sku, name, old_price, old_stock, row.selling_price, row.stock_status)


def read_different(outlet: Outlet, rows: Mapping[str, GoodRow], may_rename: bool) -> dict[str, GoodRow]:
    """The rows that change anything. The others need no lock: no other update changes the outlet's values meanwhile."""
    values = [[sku, str(row.selling_price), row.stock_status, row.name, row.barcode] for sku, row in rows.items()]
    parameters = {"outlet_id": outlet.pk, "may_rename": int(may_rename)}
    found = {sku for (sku,) in execute_rows(READ_DIFFERENT, values, parameters)}
    return {sku: row for sku, row in rows.items() if sku in found}


def read_known(outlet: Outlet, rows: Mapping[str, GoodRow], is_locked: bool) -> dict[str, Known]:
    products = list(Product.objects.filter(sku__in=list(rows)).values_list("sku", "pk", "name", "barcode"))
    # By the products' ids: joined, without statistics of a table that is just being filled, each would read all others.
    # Locked in the order of their own ids, as an acknowledgement does it: in another order the two would deadlock.
    here = OutletProduct.objects.filter(outlet=outlet, product__in=[pk for _, pk, *_ in products])
    here = here.select_for_update(of=("self",)).order_by("pk") if is_locked else here
    values = {pk: (price, stock) for pk, price, stock in here.values_list("product", "selling_price", "stock_status")}
    return {sku: Known(pk, name, barcode, *values.get(pk, (None, None))) for sku, pk, name, barcode in products}


def write_products(rows: Mapping[str, GoodRow], known: Mapping[str, Known], may_rename: bool) -> None:
    """Add new articles, and take over names and barcodes that the update brings."""
    texts = {sku: texts_of(row, known.get(sku), may_rename) for sku, row in sorted(rows.items())}
    before = {sku: (article.name, article.barcode) for sku, article in known.items()}
    fresh: list[list[object]] = [[sku, *both] for sku, both in texts.items() if before.get(sku) != both]
    execute_rows(WRITE_PRODUCTS if may_rename else FILL_PRODUCTS, fresh, {})


def texts_of(row: GoodRow, before: Known | None, may_rename: bool) -> tuple[str, str]:
    """The article's name and barcode from now on."""
    if before is None:
        return row.name, row.barcode
    if may_rename:
        return row.name or before.name, row.barcode or before.barcode
    return before.name or row.name, before.barcode or row.barcode


def write_outlet_products(outlet: Outlet, rows: list[GoodRow]) -> None:
    values = [[row.sku, str(row.selling_price), row.stock_status] for row in rows]
    execute_rows(WRITE_OUTLET_PRODUCTS, values, {"outlet_id": outlet.pk})


# One statement for a batch whatever its size; Django would cut it into pieces of 999 values on SQLite.
# "WHERE true" keeps SQLite from reading ON CONFLICT as a join's ON.
NAMES = "abcde"
COLUMN = {"sqlite": "json_extract(value, '$[{place}]') AS {name}", "postgresql": "value->>{place} AS {name}"}
NOW = {"sqlite": "strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now')", "postgresql": "statement_timestamp()"}
EACH = {"sqlite": "json_each(%(rows)s)", "postgresql": "json_array_elements(%(rows)s::json)"}
READ_DIFFERENT = """
    SELECT v.a FROM ({rows}) AS v
    LEFT JOIN integration_product p ON p.sku = v.a
    LEFT JOIN integration_outletproduct o ON o.product_id = p.id AND o.outlet_id = %(outlet_id)s
    WHERE o.id IS NULL OR o.selling_price <> CAST(v.b AS decimal(10, 2)) OR o.stock_status <> CAST(v.c AS smallint)
        OR (v.d <> '' AND v.d <> p.name AND (p.name = '' OR %(may_rename)s = 1))
        OR (v.e <> '' AND v.e <> p.barcode AND (p.barcode = '' OR %(may_rename)s = 1))"""
WRITE_PRODUCTS = """
    INSERT INTO integration_product (sku, name, barcode) SELECT a, b, c FROM ({rows}) AS v WHERE true
    ON CONFLICT (sku) DO UPDATE SET name = excluded.name, barcode = excluded.barcode"""
# Somebody else may have named the article since it was read.
FILL_PRODUCTS = """
    INSERT INTO integration_product (sku, name, barcode) SELECT a, b, c FROM ({rows}) AS v WHERE true
    ON CONFLICT (sku) DO UPDATE SET name = COALESCE(NULLIF(integration_product.name, ''), excluded.name),
        barcode = COALESCE(NULLIF(integration_product.barcode, ''), excluded.barcode)"""
WRITE_OUTLET_PRODUCTS = """
    INSERT INTO integration_outletproduct (outlet_id, product_id, selling_price, stock_status)
    SELECT %(outlet_id)s, p.id, CAST(v.b AS decimal(10, 2)), CAST(v.c AS smallint)
    FROM ({rows}) AS v JOIN integration_product p ON p.sku = v.a WHERE true ORDER BY p.id
    ON CONFLICT (outlet_id, product_id)
    DO UPDATE SET selling_price = excluded.selling_price, stock_status = excluded.stock_status,
        waiting_since = CASE WHEN integration_outletproduct.differs THEN integration_outletproduct.waiting_since
                             ELSE {now} END"""


def execute_rows(statement: str, rows: list[list[object]], parameters: dict[str, int]) -> list[tuple[str, ...]]:
    """What the statement returns. Its {rows} have the columns a, b, c, ... with the rows' values."""
    if not rows:
        return []
    vendor = connection.vendor
    # Built from constants of this module alone; every value is a parameter.
    columns = ", ".join(COLUMN[vendor].format(place=place, name=NAMES[place]) for place in range(len(rows[0])))
    source = f"SELECT {columns} FROM {EACH[vendor]}"
    with connection.cursor() as cursor:
        cursor.execute(statement.format(rows=source, now=NOW[vendor]), {"rows": json.dumps(rows), **parameters})
        return cursor.fetchall() if cursor.description else []
