"""What an outlet can be asked to do, in this process and at once: the same code that workers run.

start_push -> plan_push -> send_chunk ... send_chunk -> (the last one ends the push and starts what was asked since)
"""

import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import httpx
from django.db import transaction
from django.utils import timezone

from integration import changes, health
from integration.abandoned import release_abandoned
from integration.contracts import contract_of
from integration.delivery import send_chunk
from integration.history import judge_again, lift_quarantine
from integration.holds import attend
from integration.models import Outlet, OutletProduct, PushChunk, PushHistory, RejectedItem
from integration.obstacles import CannotPush, check_ready
from integration.platforms import load
from integration.platforms.base import ConnectionResult
from integration.platforms.oauth import TokenError
from integration.push_queue import Started, start_push
from integration.sending import trusting_endpoint
from integration.tokens import admit

POLL_SECONDS = 0.05
VALUES = ("selling_price", "stock_status")


class ItemsDisagree(ValueError):
    """Rows to push that the dashboard does not hold; each is named with its reason."""


class PushService:
    """What one outlet can be asked to do, in this process and at once."""

    def __init__(self, outlet: Outlet, platform: str | None = None) -> None:
        if platform and platform != outlet.platform:
            raise CannotPush(f"{outlet} is not on {platform}")
        self.outlet = outlet

    def test_connection(self) -> ConnectionResult:
        """Ask the shop without changing anything there. An answer that is well closes the endpoint's breaker."""
        result = ask_connection(self.outlet)
        if result.ok:
            health.note_success(self.outlet.pk)
        return result

    def push(
        self, data: Iterable[str | Mapping[str, Any]] | None = None, push_type: str = "partial"
    ) -> tuple[bool, dict[str, Any]]:
        """Push and wait for the end: (success, {"push_id", "status", "item_count", ...}).

        `data` names items to send even if the shop knows their values: SKUs, or rows of sku, selling_price,
        stock_status. What is sent are the dashboard's values; rows that say otherwise raise ItemsDisagree.
        An item whose last outcome is unknown is sent when the shop has surely done with that request.
        """
        now = timezone.now()
        check_ready(self.outlet)
        if data is not None:
            send_again(self.outlet, data, now)
        return summary(run_started(start_push(self.outlet, push_type, PushHistory.Trigger.MANUAL, now)))


def ask_connection(outlet: Outlet) -> ConnectionResult:
    contract, started = contract_of(outlet.platform), time.monotonic()
    try:
        endpoint = admit(trusting_endpoint(outlet, contract), contract)
        return load(outlet.platform, contract, endpoint).test_connection()
    except TokenError as exc:
        elapsed_ms = round((time.monotonic() - started) * 1000)
        return ConnectionResult(False, exc.result.error_kind, str(exc), exc.result.status_code, elapsed_ms)
    except httpx.InvalidURL as exc:  # a stored address that the form would refuse
        return ConnectionResult(False, "bad_url", f"InvalidURL: {exc}", None, 0)


def send_again(outlet: Outlet, data: Iterable[str | Mapping[str, Any]], now: datetime) -> None:
    rows = [{"sku": row} if isinstance(row, str) else row for row in data]
    products = OutletProduct.objects.filter(outlet=outlet, product__sku__in=[row.get("sku") for row in rows])
    known = {product.product.sku: product for product in products.select_related("product")}
    problems = [text for number, row in enumerate(rows, 1) if (text := disagreement(number, row, known))]
    if problems:
        raise ItemsDisagree("; ".join(problems[:20]))
    ids = [product.pk for product in known.values()]
    with transaction.atomic():
        judge_again([outlet.pk])
        changes.confirm_later(ids, now)
        lift_quarantine(RejectedItem.objects.filter(outlet_product__in=ids))


def disagreement(number: int, row: Mapping[str, Any], known: Mapping[str, OutletProduct]) -> str:
    product = known.get(str(row.get("sku")))
    if product is None:
        return f"row {number}: sku {row.get('sku')!r} is not in the dashboard"
    for name in [name for name in VALUES if name in row]:
        held = getattr(product, name)
        if not is_same(row[name], held):
            return f"row {number}: {name} {row[name]} is not the dashboard's {held}"
    return ""


def is_same(given: object, held: Decimal | int) -> bool:
    try:
        return Decimal(str(given)) == held
    except InvalidOperation:
        return False


# Told of each chunk that was sent here, and of None while there is nothing to send yet.
Progress = Callable[[int | None], None]


def run_started(started: Started, on_progress: Progress = lambda chunk_id: None) -> PushHistory | None:
    """Drive to its end, in this process, what was started; a push that was joined, and then the one asked for."""
    if started.push is None:
        return None
    push = run_push(started.push.pk, on_progress)
    following = PushHistory.objects.filter(outlet=push.outlet_id, status__in=PushHistory.OPEN).first()
    return run_push(following.pk, on_progress) if started.joined and following else push


def run_push(push_id: int, on_progress: Progress) -> PushHistory:
    """Drive a push to its end in this process, or until it is held. Workers may help: claims keep them apart."""
    attend(push_id, timezone.now())
    while (push := PushHistory.objects.get(pk=push_id)).is_open and push.status != PushHistory.Status.HELD:
        chunk_id = due_chunk(push_id)
        if chunk_id is None:
            release_abandoned(timezone.now(), push=push_id)
            on_progress(None)
            time.sleep(POLL_SECONDS)
            continue
        send_chunk(chunk_id, timezone.now())
        on_progress(chunk_id)
    return push


def due_chunk(push_id: int) -> int | None:
    waiting = PushChunk.objects.filter(push=push_id, status=PushChunk.Status.WAITING)
    return waiting.exclude(not_before__gt=timezone.now()).values_list("pk", flat=True).first()


def summary(push: PushHistory | None) -> tuple[bool, dict[str, Any]]:
    if push is None:
        return True, {"push_id": None, "status": "nothing to push", "item_count": 0}
    return push.status == PushHistory.Status.SUCCESS, {
        "push_id": push.pk,
        "status": push.status,
        "push_type": push.push_type,
        "item_count": push.item_count,
        "accepted_count": push.accepted_count,
        "rejected_count": push.rejected_count,
        "quarantined_count": changes.count_quarantined(push.outlet_id),
        "response_code": push.response_code,
        "response_message": push.response_message,
        "error_details": push.error_details,
    }
