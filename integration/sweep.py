"""What was left behind: abandoned claims, messages that nobody heard, pushes that nobody ended, items to confirm."""

import logging
from datetime import datetime

from django.db import transaction

from integration import history
from integration.models import Outlet, OutletProduct, PushChunk, PushHistory
from integration.push_queue import CannotPush, Ring, go_on, release_abandoned, start_push

logger = logging.getLogger(__name__)


def sweep(now: datetime) -> list[Ring]:
    """Bring everything that is stuck on its way again; costs a few queries when nothing is."""
    rings = release_abandoned(now)
    rings += [Ring("push", pk) for pk in history.unplanned_pushes(now).values_list("pk", flat=True)]
    rings += ring_unheard(now)
    for push_id in history.finished_pushes().values_list("pk", flat=True):
        with transaction.atomic():
            rings += go_on(push_id, now)
    if rings:
        logger.warning("the sweep rescued %d pushes or chunks", len(rings))
    return rings + start_confirmations(now)


def ring_unheard(now: datetime) -> list[Ring]:
    chunk_ids = list(history.unheard_chunks(now).values_list("pk", flat=True))
    PushChunk.objects.filter(pk__in=chunk_ids).update(rung_at=now)
    return [Ring("chunk", chunk_id) for chunk_id in chunk_ids]


def start_confirmations(now: datetime) -> list[Ring]:
    """Start a push where the shop has had its time to process a request whose outcome is unknown."""
    due = OutletProduct.objects.filter(confirm_at__lte=now).values("outlet_id")
    idle = Outlet.objects.filter(pk__in=due, is_active=True, push_enabled=True)
    idle = idle.exclude(pushes__status__in=PushHistory.OPEN).defer("api_key", "api_secret")
    return [ring for outlet in idle for ring in start_confirmation(outlet, now)]


def start_confirmation(outlet: Outlet, now: datetime) -> list[Ring]:
    try:
        return start_push(outlet, PushHistory.PushType.PARTIAL, PushHistory.Trigger.CONFIRM, now).rings
    except CannotPush as exc:
        logger.warning("not confirmed: %s", exc)
        return []
