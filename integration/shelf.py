"""What a shop has listed, in a file of its own that goes with it: memory does not grow with the catalogue."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from integration.platforms.base import ShopItem

BATCH = 2000
KEPT = 1000  # entries that cannot be read; all are counted


class Shelf:
    """The last that the shop said of each SKU."""

    def __init__(self) -> None:
        self.database = sqlite3.connect("", isolation_level=None)
        columns = "sku TEXT PRIMARY KEY, price TEXT, stock INTEGER, problem TEXT, is_ours INTEGER"
        self.database.execute(f"CREATE TABLE item ({columns}) WITHOUT ROWID")
        self.malformed: list[ShopItem] = []
        self.malformed_count = self.item_count = 0

    def close(self) -> None:
        self.database.close()

    def put(self, items: Sequence[ShopItem]) -> int:
        """Keep these; how many of them were not there before."""
        bad = [item for item in items if item.problem]
        self.malformed_count += len(bad)
        self.malformed += bad[: max(KEPT - len(self.malformed), 0)]
        named = {item.sku: item for item in items if item.sku}
        fresh = len(named) - len(self.find(named)) + sum(not item.sku for item in bad)
        rows = ((i.sku, None if i.price is None else str(i.price), i.stock, i.problem) for i in named.values())
        self.database.execute("BEGIN")
        self.database.executemany("INSERT OR REPLACE INTO item VALUES (?, ?, ?, ?, 0)", rows)
        self.database.execute("COMMIT")
        self.item_count += fresh
        return fresh

    def find(self, skus: Iterable[str]) -> dict[str, ShopItem]:
        wanted = list(skus)
        marks = ",".join("?" * len(wanted))
        rows = self.database.execute(f"SELECT sku, price, stock, problem FROM item WHERE sku IN ({marks})", wanted)
        return {sku: ShopItem(sku, price and Decimal(price), stock, problem) for sku, price, stock, problem in rows}

    def claim(self, skus: Iterable[str]) -> None:
        """These the dashboard has as well."""
        self.database.execute("BEGIN")
        self.database.executemany("UPDATE item SET is_ours = 1 WHERE sku = ?", ((sku,) for sku in skus))
        self.database.execute("COMMIT")

    def count_extra(self) -> int:
        """What is left over can be read, and is not the dashboard's."""
        rows = self.database.execute("SELECT count(*) FROM item WHERE is_ours = 0 AND problem = ''")
        return int(rows.fetchone()[0])

    def extra(self, limit: int) -> Iterator[ShopItem]:
        query = "SELECT sku, price, stock, problem FROM item WHERE is_ours = 0 AND problem = '' ORDER BY sku LIMIT ?"
        for sku, price, stock, problem in self.database.execute(query, (limit,)):
            yield ShopItem(sku, price and Decimal(price), stock, problem)


class Doubts:
    """Outlet products to be looked at again, and those to be sent again: on disk, for it may be all of them."""

    def __init__(self) -> None:
        self.database = sqlite3.connect("", isolation_level=None)
        self.database.execute("CREATE TABLE doubt (product_id INTEGER PRIMARY KEY)")
        self.database.execute("CREATE TABLE due (id INTEGER PRIMARY KEY)")
        self.due_count = 0

    def close(self) -> None:
        self.database.close()

    def doubt(self, product_ids: Iterable[int]) -> None:
        self.put("INSERT OR IGNORE INTO doubt VALUES (?)", product_ids)

    def note_due(self, ids: Iterable[int]) -> None:
        found = list(ids)
        self.put("INSERT OR IGNORE INTO due VALUES (?)", found)
        self.due_count += len(found)

    def put(self, statement: str, ids: Iterable[int]) -> None:
        self.database.execute("BEGIN")
        self.database.executemany(statement, ((one,) for one in ids))
        self.database.execute("COMMIT")

    def doubted(self) -> Iterator[list[int]]:
        return batches(self.database.execute("SELECT product_id FROM doubt ORDER BY product_id"))

    def due(self) -> Iterator[list[int]]:
        return batches(self.database.execute("SELECT id FROM due ORDER BY id"))


def batches(rows: sqlite3.Cursor) -> Iterator[list[int]]:
    while batch := rows.fetchmany(BATCH):
        yield [one for (one,) in batch]
