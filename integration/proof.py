"""What is proved of the whole chain: how many items were seen in the shops as the dashboard has them, and when."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from django.db.models import Count, F, Min, OuterRef, Subquery, Sum

from integration.models import EQUAL_SUM, Difference, Outlet, OutletProduct, Reconciliation

ENDED = [status.value for status in Reconciliation.ENDED]


class Proof(NamedTuple):
    """Of each outlet that is to be pushed its last result, added up. `at`: the oldest of them, None: there is none."""

    outlet_count: int  # to be pushed
    compared_outlets: int  # with a result
    item_count: int
    equal_count: int
    different_count: int  # other values, missing in the shop, or not to be read
    moving_count: int  # waiting to be sent, or under way
    extra_count: int
    at: datetime | None


def last_results() -> Subquery:
    """Of an outlet: its last comparison that had a result."""
    results = Reconciliation.objects.filter(outlet=OuterRef("pk"), status__in=ENDED)
    return Subquery(results.order_by("-created_at").values("pk")[:1])


def read_proof() -> Proof:
    """In two queries."""
    outlets = Outlet.objects.filter(is_active=True, push_enabled=True).order_by()
    ids = outlets.annotate(last=last_results()).values("last")
    different = F("differing_count") + F("missing_count") + F("unreadable_count")
    sums = Reconciliation.objects.filter(pk__in=ids).aggregate(
        outlets=Count("pk"),
        items=Sum("item_count", default=0),
        equal=EQUAL_SUM,
        different=Sum(different, default=0),
        moving=Sum("skipped_count", default=0),
        extra=Sum("extra_count", default=0),
        at=Min("finished_at"),
    )
    return Proof(outlets.count(), *sums.values())


def last_of(outlet_ids: Iterable[int]) -> dict[int, Reconciliation]:
    """The last result of each of these outlets, in one query."""
    outlets = Outlet.objects.filter(pk__in=list(outlet_ids)).order_by().annotate(last=last_results()).values("last")
    return {row.outlet_id: row for row in Reconciliation.objects.filter(pk__in=outlets)}


def first_tries(outlet_ids: Iterable[int]) -> dict[int, datetime]:
    """Since when these outlets were to be compared."""
    rows = Reconciliation.objects.filter(outlet__in=list(outlet_ids)).order_by()
    return dict(rows.values_list("outlet").annotate(first=Min("created_at")))


def seen_otherwise(item: OutletProduct) -> Difference | None:
    """What the last comparison has found of it, if the shop has acknowledged nothing of it since."""
    last = last_of([item.outlet_id]).get(item.outlet_id)
    if last is None or item.pushed_at is None or last.started_at is None or item.pushed_at > last.started_at:
        return None
    found = Difference.objects.filter(reconciliation=last, sku=item.product.sku).exclude(kind=Difference.Kind.EXTRA)
    return found.select_related("reconciliation").first()
