"""The end: everything is settled by itself, and the shops' shelves are the dashboard's."""

import time
from collections import Counter
from datetime import timedelta
from typing import Any

from django.db.models import Count, Sum
from django.utils import timezone

from benchmarks.soak.chain import Chain
from benchmarks.soak.clients import ShopOwner
from benchmarks.soak.traffic import patiently
from integration.changes import items_to_push
from integration.models import (
    AlertDelivery,
    OutletAlert,
    OutletProduct,
    PushAttempt,
    PushChunk,
    PushHistory,
    Rescue,
    TaskRun,
)

SETTLE_SECONDS = 240.0
CALM_SECONDS = 10.0  # for which it has to stay settled, so that an alert too many would have come


def settle(chain: Chain) -> tuple[bool, float]:
    """Wait, and do nothing; whether all is settled, and after how many seconds."""
    started, calm_since = time.monotonic(), None
    while time.monotonic() - started < SETTLE_SECONDS:
        if not patiently(lambda: is_settled(chain)):
            calm_since = None
        elif calm_since is None:
            calm_since = time.monotonic()
        elif time.monotonic() - calm_since > CALM_SECONDS:
            return True, calm_since - started
        time.sleep(0.5)
    return False, SETTLE_SECONDS


def is_settled(chain: Chain) -> bool:
    """Nothing is open, unsynced, to be confirmed later, or to be told."""
    return not any(open_rows().values()) and not any(
        items_to_push(pk, "partial", timezone.now() + timedelta(hours=1)).exists() for pk in chain.outlet_ids.values()
    )


def open_rows() -> dict[str, int]:
    return {
        "pushes": PushHistory.objects.filter(status__in=PushHistory.OPEN).count(),
        "chunks": PushChunk.objects.filter(status__in=PushChunk.OPEN).count(),
        "attempts": PushAttempt.objects.filter(finished_at__isnull=True).count(),
        "alerts": AlertDelivery.objects.filter(status__in=AlertDelivery.OPEN).count(),
        "outlets_told_to_be_in_trouble": OutletAlert.objects.filter(is_trouble=True).count(),
    }


def compare_shelves(shop: ShopOwner, chain: Chain) -> dict[str, Any]:
    """Item by item; the first differences are named."""
    equal, different = 0, []
    for store_id, outlet_id in chain.outlet_ids.items():
        shelf, ours = shop.shelf(store_id), dashboard_state(outlet_id)
        equal += sum(shelf.get(sku) == values for sku, values in ours.items())
        wrong = [sku for sku in ours.keys() | shelf.keys() if shelf.get(sku) != ours.get(sku)]
        different += [{"store": store_id, "sku": sku, "shop": shelf.get(sku), "ours": ours.get(sku)} for sku in wrong]
    return {"equal": equal, "different": len(different), "first": different[:10]}


def dashboard_state(outlet_id: int) -> dict[str, tuple[str, int]]:
    rows = OutletProduct.objects.filter(outlet=outlet_id)
    values = rows.values_list("product__sku", "selling_price", "stock_status")
    return {sku: (f"{price:.2f}", stock) for sku, price, stock in values}


def history() -> dict[str, Any]:
    """What the service did, as its own rows say."""
    attempts = PushAttempt.objects.order_by().values_list("outcome", "error_kind").annotate(count=Count("pk"))
    return {
        "pushes": counted("status"),
        "triggers": counted("trigger"),
        "attempts": {"/".join(filter(None, row[:2])): row[2] for row in attempts},
        "items_accepted": PushHistory.objects.aggregate(all=Sum("accepted_count", default=0))["all"],
        "rescues": dict(Rescue.objects.order_by().values_list("kind").annotate(count=Sum("count"))),
        "alert_deliveries": dict(Counter(AlertDelivery.objects.values_list("status", flat=True))),
        "last_runs": {run.task: run.ran_at.isoformat(timespec="seconds") for run in TaskRun.objects.all()},
    }


def counted(name: str) -> dict[str, int]:
    return dict(PushHistory.objects.order_by().values_list(name).annotate(count=Count("pk")))
