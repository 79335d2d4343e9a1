"""The floor: what a programmer writes in an afternoon. Rows are read, encoded, posted by 500 and marked as sent.

It has a plain table of its own, keeps no history, and guarantees nothing.
"""

import time
from collections.abc import Iterator
from decimal import Decimal

import httpx
import psycopg

BATCH = 500
CREATE = """
    CREATE TABLE IF NOT EXISTS floor (
        id bigint PRIMARY KEY, outlet_id int NOT NULL, sku text NOT NULL, price numeric(10, 2) NOT NULL,
        stock smallint NOT NULL, sent_price numeric(10, 2), sent_stock smallint, sent_at timestamptz);
    CREATE INDEX IF NOT EXISTS floor_outlet ON floor (outlet_id);
    TRUNCATE floor;
    INSERT INTO floor SELECT op.id, op.outlet_id, p.sku, op.selling_price, op.stock_status
    FROM integration_outletproduct op JOIN integration_product p ON p.id = op.product_id"""
READ = "SELECT id, sku, price, stock FROM floor WHERE outlet_id = %s ORDER BY id"
MARK = """
    UPDATE floor SET sent_price = v.price, sent_stock = v.stock, sent_at = now()
    FROM unnest(%s::bigint[], %s::numeric[], %s::smallint[]) AS v(id, price, stock) WHERE floor.id = v.id"""

# The same work on the dashboard's own rows, which have more indexes and checks than a plain table.
READ_OURS = """
    SELECT o.id, p.sku, o.selling_price, o.stock_status FROM integration_outletproduct o
    JOIN integration_product p ON p.id = o.product_id WHERE o.outlet_id = %s ORDER BY o.id"""
MARK_OURS = """
    UPDATE integration_outletproduct SET pushed_price = v.price, pushed_stock_status = v.stock, pushed_at = now()
    FROM unnest(%s::bigint[], %s::numeric[], %s::smallint[]) AS v(id, price, stock)
    WHERE integration_outletproduct.id = v.id"""

Row = tuple[int, str, Decimal, int]


def prepare_floor(address: str) -> None:
    with psycopg.connect(address, autocommit=True) as database:
        database.execute(CREATE)
        database.execute("VACUUM ANALYZE floor")


def run_floor(address: str, endpoints: dict[int, str], read: str = READ, mark: str = MARK) -> float:
    """Seconds to send every outlet's rows."""
    started = time.perf_counter()
    with psycopg.connect(address) as database, httpx.Client() as client:
        for outlet_id, endpoint in endpoints.items():
            rows: list[Row] = database.execute(read, [outlet_id]).fetchall()
            for batch in batches(rows):
                client.post(endpoint, json=[as_item(*row) for row in batch]).raise_for_status()
                ids, _, prices, stocks = map(list, zip(*batch, strict=True))
                database.execute(mark, [ids, prices, stocks])
                database.commit()
    return time.perf_counter() - started


def as_item(row_id: int, sku: str, price: Decimal, stock: int) -> dict[str, object]:
    return {"sku": sku, "selling_price": float(price), "stock_status": stock}


def batches(rows: list[Row]) -> Iterator[list[Row]]:
    for start in range(0, len(rows), BATCH):
        yield rows[start : start + BATCH]
