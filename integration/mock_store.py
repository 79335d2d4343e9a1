"""What the mock shop's stores hold, and which items they take."""

import sqlite3
import threading
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

LONGEST_PAGE = 1000


class Shelf:
    """What the stores hold: in memory, or in a file that a restart finds again."""

    def __init__(self, path: Path | None = None) -> None:
        self.lock = threading.Lock()
        self.database = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None)
        self.database.execute("PRAGMA journal_mode=WAL")
        self.database.execute(
            "CREATE TABLE IF NOT EXISTS item "
            "(store TEXT, sku TEXT, price TEXT, stock INTEGER, PRIMARY KEY (store, sku)) WITHOUT ROWID"
        )

    def put(self, store_id: str, items: list[tuple[str, str, int]]) -> None:
        with self.lock:
            self.database.execute("BEGIN")
            rows = ((store_id, *item) for item in items)
            self.database.executemany("INSERT OR REPLACE INTO item VALUES (?, ?, ?, ?)", rows)
            self.database.execute("COMMIT")

    def get(self, store_id: str) -> dict[str, tuple[str, int]]:
        with self.lock:
            rows = self.database.execute("SELECT sku, price, stock FROM item WHERE store = ?", (store_id,))
            return {sku: (price, stock) for sku, price, stock in rows}

    def count(self, store_id: str) -> int:
        with self.lock:
            return int(self.database.execute("SELECT count(*) FROM item WHERE store = ?", (store_id,)).fetchone()[0])

    def page(self, store_id: str, after: str, skip: int, size: int) -> list[tuple[str, str, int]]:
        """By SKU: behind `after`, without the first `skip`."""
        query = "SELECT sku, price, stock FROM item WHERE store = ? AND sku > ? ORDER BY sku LIMIT ? OFFSET ?"
        with self.lock:
            return list(self.database.execute(query, (store_id, after, size, skip)))

    def take_away(self, store_id: str, sku: str) -> None:
        with self.lock:
            self.database.execute("DELETE FROM item WHERE store = ? AND sku = ?", (store_id, sku))

    def clear(self) -> None:
        with self.lock:
            self.database.execute("DELETE FROM item")


def sort_items(items: list[Any], refused: dict[str, str]) -> tuple[list[tuple[str, str, int]], list[dict[str, str]]]:
    good, errors = [], []
    for item in items:
        try:
            good.append(read_item(item, refused))
        except (ValueError, TypeError, KeyError, InvalidOperation) as exc:
            sku = str(item.get("sku")) if isinstance(item, dict) else ""
            errors.append({"sku": sku, "error": str(exc)})
    return good, errors


def read_item(item: dict[str, Any], refused: dict[str, str]) -> tuple[str, str, int]:
    sku, price, stock = item["sku"], item["selling_price"], item["stock_status"]
    if not isinstance(sku, str) or not sku:
        raise ValueError("sku must be text")
    if sku in refused:
        raise ValueError(refused[sku])
    if isinstance(price, bool) or not isinstance(price, int | Decimal) or price <= 0:
        raise ValueError("selling_price must be a number above 0")
    if stock not in (0, 1):
        raise ValueError("stock_status must be 0 or 1")
    return sku, f"{price:.2f}", int(stock)


def list_page(shelf: Shelf, store_id: str, query: dict[str, str]) -> dict[str, Any]:
    """What a store has, as it is asked for: `page` and `per_page`, or `after` the last SKU of the page before."""
    size = min(max(number(query.get("per_page"), 100), 1), LONGEST_PAGE)
    after = query.get("after", "")
    page = 1 if after else max(number(query.get("page"), 1), 1)
    rows = shelf.page(store_id, after, (page - 1) * size, size + 1)
    items = [{"sku": sku, "selling_price": float(price), "stock_status": stock} for sku, price, stock in rows[:size]]
    cursor = items[-1]["sku"] if len(rows) > size else None
    return {"store_id": store_id, "count": shelf.count(store_id), "page": page, "items": items, "next": cursor}


def number(text: str | None, otherwise: int) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 10 else otherwise
