"""What the shops refuse, by reason; and letting go again what is not sent any more."""

import csv
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Count, Max, Min, QuerySet

from integration.export_feed import Line, guard
from integration.history import gist, judge_again, lift_quarantine
from integration.models import Outlet, RejectedItem
from integration.outlet_state import is_refused_as_it_is

REASONS_READ = 200  # the most frequent ones; the rest is one group
PAIRS_READ = 5000  # reasons and outlets
NAMES_SHOWN = 3
REST = "rest"
HEADER = (
    "outlet",
    "store_id",
    "sku",
    "name",
    "reason",
    "refused_price",
    "refused_stock_status",
    "selling_price",
    "stock_status",
    "times_refused",
    "first_refused_at",
    "last_refused_at",
    "not_sent_since",
)


@dataclass(slots=True)
class Group:
    """Refusals whose reasons differ in numbers at most. `key` names it in addresses, `REST` the rare reasons."""

    key: str
    gist: str
    reasons: list[str] = field(default_factory=list)
    count: int = 0
    quarantined_count: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None
    outlets: set[int] = field(default_factory=set)
    outlet_names: list[str] = field(default_factory=list)

    @property
    def retried_count(self) -> int:
        return self.count - self.quarantined_count

    @property
    def hidden_outlets(self) -> int:
        return len(self.outlets) - len(self.outlet_names)

    def add(self, row: dict[str, Any]) -> None:
        self.count += row["count"]
        self.quarantined_count += row["quarantined"]
        self.first_at = min(filter(None, (self.first_at, row["first_at"])), default=None)
        self.last_at = max(filter(None, (self.last_at, row["last_at"])), default=None)


SUMS = {
    "count": Count("pk"),
    "quarantined": Count("pk", filter=is_refused_as_it_is()),
    "first_at": Min("first_rejected_at"),
    "last_at": Max("last_rejected_at"),
}


def key_of(reason: str) -> str:
    return hashlib.sha256(gist(reason).encode()).hexdigest()[:16]


def group_items(items: QuerySet[RejectedItem]) -> list[Group]:
    """The groups, largest first, and last the items with rarer reasons. A constant number of queries."""
    groups: dict[str, Group] = {}
    reasons: Any = items.order_by().values("reason").annotate(**SUMS)
    for row in reasons.order_by("-count", "reason")[:REASONS_READ]:
        group = groups.setdefault(key_of(row["reason"]), Group(key_of(row["reason"]), gist(row["reason"])))
        group.reasons.append(row["reason"])
        group.add(row)
    read = [reason for group in groups.values() for reason in group.reasons]
    ranked = sorted(groups.values(), key=lambda group: -group.count)
    add_outlets(items, groups, read)
    if len(read) == REASONS_READ and (rest := rest_of(items, read)).count:
        ranked.append(rest)
    return ranked


def rest_of(items: QuerySet[RejectedItem], read: list[str]) -> Group:
    rest = Group(REST, "")
    rest.add(items.exclude(reason__in=read).order_by().aggregate(**SUMS))
    return rest


def add_outlets(items: QuerySet[RejectedItem], groups: dict[str, Group], read: list[str]) -> None:
    pairs = items.filter(reason__in=read).order_by().values_list("reason", "outlet_product__outlet")
    for reason, outlet_id in pairs.distinct()[:PAIRS_READ]:
        groups[key_of(reason)].outlets.add(outlet_id)
    shown = {pk for group in groups.values() for pk in first_outlets(group)}
    names = dict(Outlet.objects.filter(pk__in=shown).values_list("pk", "name"))
    for group in groups.values():
        group.outlet_names = [names[pk] for pk in first_outlets(group) if pk in names]


def first_outlets(group: Group) -> list[int]:
    return sorted(group.outlets)[:NAMES_SHOWN]


def in_group(items: QuerySet[RejectedItem], key: str) -> QuerySet[RejectedItem]:
    """The items of the group; none if it has gone."""
    reasons = items.order_by().values_list("reason").annotate(count=Count("pk"))
    read = [reason for reason, _ in reasons.order_by("-count", "reason")[:REASONS_READ]]
    if key == REST:
        return items.exclude(reason__in=read)
    return items.filter(reason__in=[reason for reason in read if key_of(reason) == key])


@transaction.atomic
def release_items(items: QuerySet[RejectedItem]) -> tuple[int, list[int]]:
    """Let the next push send them again: (how many were held back, their outlets)."""
    held = RejectedItem.objects.filter(quarantined_at__isnull=False, pk__in=items.order_by().values("pk"))
    outlet_ids = list(held.order_by().values_list("outlet_product__outlet", flat=True).distinct())
    judge_again(outlet_ids)
    return lift_quarantine(held), outlet_ids


def csv_lines(items: QuerySet[RejectedItem]) -> Iterator[str]:
    """The items as CSV, header first. What a shop or a file says must not run as a spreadsheet's formula."""
    writer: Any = csv.writer(Line(), lineterminator="\n")
    yield writer.writerow(HEADER)
    for item in items.iterator(chunk_size=2000):
        yield writer.writerow([guard(str(value)) for value in csv_row(item)])


def csv_row(item: RejectedItem) -> Iterable[object]:
    here = item.outlet_product
    yield from (here.outlet.name, here.outlet.store_id, here.product.sku, here.product.name, item.reason)
    yield from (f"{item.rejected_price:.2f}", item.rejected_stock_status)
    yield from (f"{here.selling_price:.2f}", here.stock_status, item.rejection_count)
    yield from (item.first_rejected_at.isoformat(), item.last_rejected_at.isoformat())
    yield item.quarantined_at.isoformat() if item.quarantined_at else ""
