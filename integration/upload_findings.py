"""What an upload would do, in a few numbers and samples: as much as a person can look at, whatever the file's size."""

import heapq
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from integration.product_row import BadRow
from integration.product_update import ProductUpdateResult
from integration.update_record import Change

MOVES = 20  # largest price moves that are kept
SAMPLE = 20
BIG_MOVE = 60  # percent
MANY_BIG_MOVES = 10
MANY_OUT = 30  # percent of the outlet's items
REPEATED = 1000  # rows that are kept


class Move(NamedTuple):
    """A price that changes, in percent of the old one."""

    percent: float
    change: Change


class Findings:
    """Collects from the changes of each batch; `as_json` is what an upload keeps."""

    def __init__(self, item_count: int) -> None:
        self.item_count = item_count
        self.out_count = self.in_count = self.price_count = self.big_move_count = 0
        self.moves: list[Move] = []
        self.sample: list[Change] = []

    def add(self, changes: Sequence[Change]) -> None:
        self.sample += changes[: SAMPLE - len(self.sample)]
        moves = list(moves_of(changes))
        self.price_count += len(moves)
        self.big_move_count += sum(abs(move.percent) > BIG_MOVE for move in moves)
        self.moves = heapq.nlargest(MOVES, [*self.moves, *moves], key=lambda move: abs(move.percent))
        stocks = [(change.old_stock, change.new_stock) for change in changes]
        self.out_count += stocks.count((1, 0))
        self.in_count += stocks.count((0, 1))

    @property
    def warnings(self) -> list[str]:
        """What should make a person look twice: "out_of_stock", "price_moves"."""
        found = []
        if self.out_count * 100 > self.item_count * MANY_OUT:
            found.append("out_of_stock")
        if self.big_move_count >= MANY_BIG_MOVES or self.big_move_count * 2 > self.price_count:
            found.append("price_moves")
        return found

    def as_json(self, result: ProductUpdateResult) -> dict[str, Any]:
        return {
            "created": result.created_count,
            "changed": result.changed_count,
            "unchanged": result.unchanged_count,
            "item_count": self.item_count,
            "out_count": self.out_count,
            "in_count": self.in_count,
            "price_count": self.price_count,
            "big_move_count": self.big_move_count,
            "warnings": self.warnings,
            "moves": [{"percent": move.percent, **as_row(move.change)} for move in self.moves],
            "sample": [as_row(change) for change in self.sample],
            "bad_rows": as_rows(result.bad_rows),
            "repeated_rows": as_rows(result.duplicates[:REPEATED]),
        }


def moves_of(changes: Iterable[Change]) -> Iterable[Move]:
    for change in changes:
        if change.old_price is not None and change.old_price != change.new_price:
            percent = (change.new_price - change.old_price) * 100 / change.old_price
            yield Move(round(float(percent), 1), change)


def as_row(change: Change) -> dict[str, Any]:
    """Prices as text: JSON's numbers are no decimals."""
    return {name: str(value) if isinstance(value, Decimal) else value for name, value in change._asdict().items()}


def as_rows(rows: Iterable[BadRow]) -> list[dict[str, Any]]:
    """PostgreSQL keeps no NUL in JSON."""
    return [{**row._asdict(), "sku": row.sku.replace("\x00", "")} for row in rows]
