"""What the shop does not know yet, in slices; and what it has acknowledged. Queries only."""

import functools
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec
from django.db import connection
from django.db.models import DateTimeField, Exists, F, FilteredRelation, Max, OuterRef, Q, QuerySet, Value, Window
from django.db.models.functions import Coalesce, Greatest, RowNumber

from integration import revisions
from integration.compiled import Compiled
from integration.models import UNSETTLED, OutletProduct, RejectedItem
from integration.platforms.base import Item


class Slice(NamedTuple):
    """The products from `first_id` to `last_id`, `item_count` of them when it was cut."""

    first_id: int
    last_id: int
    item_count: int


def unsynced(now: datetime) -> Q:
    """What a partial push sends: other values than the shop's, or an unknown outcome that is due again."""
    return UNSETTLED & (Q(differs=True) | Q(confirm_at__lte=now))


def items_to_push(outlet_id: int, push_type: str, now: datetime) -> QuerySet[OutletProduct]:
    """Without what is in quarantine: the shop has refused these very values several times for the same reason."""
    products = OutletProduct.objects.filter(~is_quarantined(), outlet_id=outlet_id)
    return products if push_type == "full" else products.filter(unsynced(now))


def has_unsynced(now: datetime) -> Exists:
    """Of outlets: whether a partial push would send anything."""
    products = OutletProduct.objects.filter(unsynced(now), ~is_quarantined(), outlet_id=OuterRef("pk"))
    return Exists(products)


def count_quarantined(outlet_id: int) -> int:
    return OutletProduct.objects.filter(is_quarantined(), outlet_id=outlet_id).count()


def is_quarantined() -> Exists:
    same_values = {"rejected_price": OuterRef("selling_price"), "rejected_stock_status": OuterRef("stock_status")}
    rejected = RejectedItem.objects.filter(outlet_product=OuterRef("pk"), **same_values)
    return Exists(rejected.filter(quarantined_at__isnull=False))


def cut(items: QuerySet[OutletProduct], size: int) -> list[Slice]:
    """The slices of `size` items, by product. One query and one row for each slice."""
    numbered = items.annotate(row=Window(RowNumber(), order_by="product_id")).annotate(slot=F("row") % size)
    firsts = list(numbered.filter(slot=1 % size).order_by("product_id").values_list("product_id", flat=True))
    if not firsts:
        return []
    last = items.aggregate(last=Max("product_id"))["last"] or firsts[-1]
    in_last = items.filter(product_id__gte=firsts[-1]).count()
    ends = [following - 1 for following in firsts[1:]] + [last]
    counts = [size] * (len(firsts) - 1) + [in_last]
    return [Slice(*row) for row in zip(firsts, ends, counts, strict=True)]


class SliceRead(NamedTuple):
    """The current values of a slice, read in one statement."""

    items: list[Item]
    refused: frozenset[int]  # the ids of those that the shop has refused before
    pushed: list[tuple[Decimal | None, int | None]]  # what the shop has acknowledged of each
    revision: int  # of the outlet's values


def read_items(items: QuerySet[OutletProduct], first_id: int, last_id: int, limit: int) -> list[Item]:
    """The current values of a slice, `limit` items at most."""
    return [Item(*row[:5]) for row in rows_of(items, first_id, last_id)[:limit]]


def rows_of(
    items: QuerySet[OutletProduct], first_id: int, last_id: int, *more: Any
) -> QuerySet[OutletProduct, tuple[Any, ...]]:
    # The database does not see by itself that the articles lie in the same range, and would read all of them.
    in_range = Q(product__id__gte=first_id, product__id__lte=last_id)
    rows = items.filter(product_id__gte=first_id, product_id__lte=last_id).order_by("product_id")
    rows = rows.annotate(article=FilteredRelation("product", condition=in_range))
    return rows.values_list("pk", "product_id", "article__sku", "selling_price", "stock_status", *more)


EXAMPLES = {"outlet_id": 2**61, "first_id": 2**61 + 1, "last_id": 2**61 + 2}
EXAMPLE_TIME = datetime(9999, 1, 1, tzinfo=UTC)


@functools.cache
def compiled_slice(push_type: str, limit: int) -> Compiled:
    items = items_to_push(EXAMPLES["outlet_id"], push_type, EXAMPLE_TIME)
    known = ("rejection__pk", "pushed_price", "pushed_stock_status", revisions.as_column(EXAMPLES["outlet_id"]))
    rows = rows_of(items, EXAMPLES["first_id"], EXAMPLES["last_id"], *known)[:limit]
    return Compiled(rows, EXAMPLES if push_type == "full" else {**EXAMPLES, "now": EXAMPLE_TIME})


def read_slice(outlet_id: int, push_type: str, now: datetime, first_id: int, last_id: int, limit: int) -> SliceRead:
    """What a push sends of a slice, `limit` items at most, with what the shop knows of them."""
    values: dict[str, Any] = {"outlet_id": outlet_id, "first_id": first_id, "last_id": last_id, "now": now}
    rows = compiled_slice(push_type, limit).read(**values)
    refused = frozenset(row[0] for row in rows if row[5] is not None)
    revision = rows[0][8] if rows else 0
    return SliceRead([Item(*row[:5]) for row in rows], refused, [row[6:8] for row in rows], revision)


def from_rows(rows: Sequence[Sequence[Any]]) -> list[Item]:
    """The items of an attempt, in their places; one whose product has gone meanwhile has no SKU and product 0."""
    products = OutletProduct.objects.filter(pk__in=[row[0] for row in rows])
    known = {pk: (product_id, sku) for pk, product_id, sku in products.values_list("pk", "product_id", "product__sku")}
    return [Item(pk, *known.get(pk, (0, "")), Decimal(price), stock) for pk, price, stock in rows]


def as_rows(items: Iterable[Item]) -> list[list[Any]]:
    """The items as an attempt keeps them: [[id, "13.99", 1], ...] with the outlet product's id."""
    return [[item.id, str(item.selling_price), item.stock_status] for item in items]


# Rows are found by their own id: by outlet and product, SQLite would read the whole outlet for each.
# PostgreSQL locks them first, in the order in which everybody does.
# What still differs after it has changed since the request began.
# An item that was to be confirmed is confirmed by a request that began when it was due, by no earlier one.
ACKNOWLEDGE = {
    "sqlite": """
        UPDATE integration_outletproduct
        SET pushed_price = v.price, pushed_stock_status = v.stock, pushed_at = %(acknowledged_at)s,
            sold_out_at = CASE WHEN v.stock > 0 THEN NULL WHEN pushed_stock_status > 0 THEN %(acknowledged_at)s
                          ELSE sold_out_at END,
            waiting_since = %(started_at)s,
            confirm_at = CASE WHEN confirm_at <= %(started_at)s THEN NULL ELSE confirm_at END
        FROM (SELECT json_extract(value, '$[0]') AS id, json_extract(value, '$[1]') AS price,
                     json_extract(value, '$[2]') AS stock FROM json_each(%(rows)s)) AS v
        WHERE integration_outletproduct.id = v.id""",
    "postgresql": """
        UPDATE integration_outletproduct
        SET pushed_price = v.price, pushed_stock_status = v.stock, pushed_at = %(acknowledged_at)s,
            sold_out_at = CASE WHEN v.stock > 0 THEN NULL WHEN pushed_stock_status > 0 THEN %(acknowledged_at)s
                          ELSE sold_out_at END,
            waiting_since = %(started_at)s,
            confirm_at = CASE WHEN confirm_at <= %(started_at)s THEN NULL ELSE confirm_at END
        FROM (SELECT item.id, (value->>1)::numeric AS price, (value->>2)::smallint AS stock
              FROM json_array_elements(%(rows)s::json)
              JOIN integration_outletproduct AS item ON item.id = (value->>0)::bigint
              ORDER BY item.id FOR UPDATE OF item) AS v
        WHERE integration_outletproduct.id = v.id""",
}


def lock(ids: Iterable[int]) -> None:
    """Lock these outlet products for the rest of the transaction, in the order in which everybody does."""
    if connection.features.has_select_for_update:
        rows = OutletProduct.objects.filter(pk__in=list(ids)).order_by("pk").select_for_update()
        list(rows.values_list("pk"))


def acknowledge(items: Sequence[Item], started_at: datetime, acknowledged_at: datetime) -> None:
    """Record that the shop has these values: the ones that were sent, whatever the dashboard says by now."""
    if not items:
        return
    adapt = connection.ops.adapt_datetimefield_value
    with connection.cursor() as cursor:
        cursor.execute(
            ACKNOWLEDGE[connection.vendor],
            {
                "rows": msgspec.json.encode(as_rows(items)).decode(),
                "started_at": adapt(started_at),
                "acknowledged_at": adapt(acknowledged_at),
            },
        )


def put_off(ids: Sequence[int], due_before: datetime, at: datetime) -> None:
    """Of these outlet products, have those that were due to be confirmed wait until `at`."""
    if ids:
        OutletProduct.objects.filter(pk__in=ids, confirm_at__lte=due_before).update(confirm_at=at)


def confirm_later(ids: Sequence[int], at: datetime) -> None:
    """Have these outlet products sent again from `at` on, whatever the shop did with what it was sent.

    A later time that is set already stays: until then the shop may still apply an older request.
    """
    if ids:
        lock(ids)
        due = Value(at, output_field=DateTimeField())
        OutletProduct.objects.filter(pk__in=ids).update(confirm_at=Greatest(Coalesce("confirm_at", due), due))
