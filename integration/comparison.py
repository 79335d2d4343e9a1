"""What the shop has listed, against what it has acknowledged: item by item, and told apart from what only looks so.

1. Only items at rest are compared: nothing of them waits, is to be confirmed, or is in a request under way, and they
   were acknowledged before the reading began. Of all others the shop may rightly say either value.
2. A difference counts when a second reading says the same of an item that is still at rest: between two pages a
   list may move, and a shop may be at work on itself.
3. What the shop refuses is compared as well, but counts as equal only if the dashboard says the same.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import NamedTuple

from django.db.models import Q, QuerySet

from integration.models import Difference, OutletProduct, PushChunk, PushHistory, RejectedItem
from integration.platforms.base import ShopItem
from integration.shelf import BATCH, Doubts, Shelf

LISTED = 1000  # differences that are kept; all are counted
PRICE_LENGTH = 40
REASON_LENGTH = 200


class Row(NamedTuple):
    """An outlet product as it is now."""

    pk: int
    product_id: int
    sku: str
    pushed_price: Decimal | None
    pushed_stock_status: int | None
    pushed_at: datetime | None
    confirm_at: datetime | None
    differs: bool


COLUMNS = ("pk", "product_id", "product__sku", *Row._fields[3:])


class Verdict(Enum):
    EQUAL = "equal"
    DIFFERS = "differs"
    MISSING = "missing"
    UNREADABLE = "unreadable"
    SKIPPED = "skipped"


IN_DOUBT = (Verdict.DIFFERS, Verdict.MISSING)


@dataclass(slots=True)
class Findings:
    """The counts, and the first of the differences."""

    counts: dict[Verdict, int] = field(default_factory=lambda: dict.fromkeys(Verdict, 0))
    listed: list[Difference] = field(default_factory=list)

    @property
    def compared_count(self) -> int:
        return sum(self.counts[one] for one in (Verdict.EQUAL, *IN_DOUBT))

    @property
    def item_count(self) -> int:
        return sum(self.counts.values())

    def add(self, difference: Difference) -> None:
        if len(self.listed) < LISTED:
            self.listed.append(difference)


# --- two passes -----------------------------------------------------------------------------------------


def look_through(outlet_id: int, shelf: Shelf, settled_before: datetime, findings: Findings, doubts: Doubts) -> None:
    """Count every item of the outlet, but those in doubt: they are noted, and looked at once more."""
    for rows in slices(outlet_id):
        shelf.claim(row.sku for row in rows)
        judged = judge(outlet_id, rows, shelf, settled_before)
        doubts.doubt(row.product_id for row, verdict, _ in judged if verdict in IN_DOUBT)
        for _row, verdict, _is_refused in judged:
            if verdict not in IN_DOUBT:
                findings.counts[verdict] += 1


def look_again(outlet_id: int, shelf: Shelf, settled_before: datetime, findings: Findings, doubts: Doubts) -> None:
    """Count the items in doubt, list what has been confirmed, and note what can be sent again."""
    for product_ids in doubts.doubted():
        rows = read_rows(OutletProduct.objects.filter(outlet=outlet_id, product__in=product_ids))
        found = shelf.find(row.sku for row in rows)
        judged = judge(outlet_id, rows, shelf, settled_before)
        for row, verdict, is_refused in judged:
            findings.counts[verdict] += 1
            if verdict in IN_DOUBT:
                findings.add(describe(row, verdict, found.get(row.sku), is_refused))
        doubts.note_due(row.pk for row, verdict, is_refused in judged if verdict in IN_DOUBT and not is_refused)


def list_strangers(shelf: Shelf, findings: Findings) -> None:
    """What only the shop has, and what cannot be read."""
    for item in shelf.extra(LISTED):
        findings.add(of_shop(Difference.Kind.EXTRA, item))
    for item in shelf.malformed:
        findings.add(of_shop(Difference.Kind.MALFORMED, item))


# --- an item --------------------------------------------------------------------------------------------


def slices(outlet_id: int) -> Iterator[list[Row]]:
    """The outlet's products in the order of an index, a slice at a time."""
    last = 0
    products = OutletProduct.objects.filter(outlet=outlet_id)
    while rows := read_rows(products.filter(product_id__gt=last), BATCH):
        yield rows
        last = rows[-1].product_id


def read_rows(products: QuerySet[OutletProduct], limit: int = BATCH) -> list[Row]:
    return [Row(*row) for row in products.order_by("product_id").values_list(*COLUMNS)[:limit]]


def judge(
    outlet_id: int, rows: Sequence[Row], shelf: Shelf, settled_before: datetime
) -> list[tuple[Row, Verdict, bool]]:
    """(row, what is to be said of it, whether the shop refuses it)"""
    found = shelf.find(row.sku for row in rows)
    moving, refused = under_way(outlet_id), refused_ids(rows)
    judged = []
    for row in rows:
        is_refused = row.pk in refused
        if not is_at_rest(row, settled_before, moving, is_refused):
            verdict = Verdict.SKIPPED
        else:
            verdict = compare(row, found.get(row.sku))
            if verdict is Verdict.EQUAL and row.differs:
                verdict = Verdict.SKIPPED
        judged.append((row, verdict, is_refused))
    return judged


def is_at_rest(row: Row, settled_before: datetime, moving: Sequence[range], is_refused: bool) -> bool:
    if row.pushed_at is None or row.pushed_at > settled_before or row.confirm_at is not None:
        return False
    return (is_refused or not row.differs) and not any(row.product_id in one for one in moving)


def compare(row: Row, found: ShopItem | None) -> Verdict:
    if found is None:
        return Verdict.MISSING
    if found.problem:
        return Verdict.UNREADABLE
    same_price = found.price is None or found.price == row.pushed_price
    same_stock = found.stock is None or found.stock == row.pushed_stock_status
    return Verdict.EQUAL if same_price and same_stock else Verdict.DIFFERS


def under_way(outlet_id: int) -> list[range]:
    """The products that a request is under way for, or a job of the shop's."""
    busy = Q(status=PushChunk.Status.SENDING) | Q(status=PushChunk.Status.WAITING, job__isnull=False)
    chunks = PushChunk.objects.filter(busy, push__outlet=outlet_id, push__status__in=PushHistory.OPEN)
    return [range(first, last + 1) for first, last in chunks.order_by().values_list("first_id", "last_id")]


def refused_ids(rows: Iterable[Row]) -> set[int]:
    rejected = RejectedItem.objects.filter(outlet_product__in=[row.pk for row in rows]).order_by()
    return set(rejected.values_list("outlet_product", flat=True))


def describe(row: Row, verdict: Verdict, found: ShopItem | None, is_refused: bool) -> Difference:
    shop = of_shop(Difference.Kind(verdict.value), found) if found else Difference(kind=verdict.value)
    shop.sku, shop.is_refused = row.sku, is_refused
    shop.pushed_price, shop.pushed_stock_status = row.pushed_price, row.pushed_stock_status
    return shop


def of_shop(kind: Difference.Kind, item: ShopItem) -> Difference:
    values = {
        "shop_price": written(item.price),
        "shop_stock_status": item.stock,
        "reason": item.problem[:REASON_LENGTH],
    }
    return Difference(kind=kind, sku=item.sku[:64], **values)


def written(price: Decimal | None) -> str:
    """With two decimals, or with all that there are."""
    if price is None:
        return ""
    short = f"{price:.2f}"
    return short if Decimal(short) == price else f"{price:f}"[:PRICE_LENGTH]
