"""What was left behind: abandoned claims, messages that nobody heard, pushes that nobody ended, items to confirm."""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from integration import history
from integration.abandoned import release_chunk
from integration.holds import changed_holds
from integration.models import UNSETTLED, EndpointHealth, Outlet, OutletProduct, PushChunk, PushHistory, Rescue
from integration.obstacles import CannotPush
from integration.push_queue import Ring, go_on, start_push, stop_push

logger = logging.getLogger(__name__)


def sweep(now: datetime) -> list[Ring]:
    """Bring everything that is stuck on its way again; costs a few queries when nothing is."""
    return [*rescue(now), *ring_waits(now), *ring_holds(), *start_confirmations(now), *start_recoveries(now)]


# --- rescue: in normal running there is nothing to do ---------------------------------------------------


def rescue(now: datetime) -> list[Ring]:
    rings = []
    for kind, help_out in RESCUES.items():
        if found := help_out(now):
            count_rescues(kind, len(found), now)
            rings += [ring for each in found for ring in each]
    return rings


def stop_overdue(now: datetime) -> list[list[Ring]]:
    error = "the push did not end before its deadline"
    return [stop_push(pk, error, now) for pk in list(history.overdue_pushes(now).values_list("pk", flat=True))]


def take_back_abandoned(now: datetime) -> list[list[Ring]]:
    return [release_chunk(chunk, now) for chunk in history.abandoned_chunks()]


def ring_unplanned(now: datetime) -> list[list[Ring]]:
    return [[Ring("push", pk)] for pk in history.unplanned_pushes(now).values_list("pk", flat=True)]


def ring_unheard(now: datetime) -> list[list[Ring]]:
    chunk_ids = list(history.unheard_chunks(now).values_list("pk", flat=True))
    PushChunk.objects.filter(pk__in=chunk_ids).update(rung_at=now)
    return [[Ring("chunk", chunk_id)] for chunk_id in chunk_ids]


def end_unended(now: datetime) -> list[list[Ring]]:
    return [end_one(push_id, now) for push_id in list(history.finished_pushes().values_list("pk", flat=True))]


@transaction.atomic
def end_one(push_id: int, now: datetime) -> list[Ring]:
    return go_on(history.lock_push(push_id), now)


RESCUES: dict[Rescue.Kind, Callable[[datetime], list[list[Ring]]]] = {
    Rescue.Kind.OVERDUE: stop_overdue,
    Rescue.Kind.ABANDONED: take_back_abandoned,
    Rescue.Kind.UNPLANNED: ring_unplanned,
    Rescue.Kind.UNHEARD: ring_unheard,
    Rescue.Kind.UNENDED: end_unended,
}


def count_rescues(kind: Rescue.Kind, count: int, now: datetime) -> None:
    logger.warning("the sweep rescued something", extra={"kind": kind.value, "count": count})
    today = timezone.localdate(now)  # as pushes are counted
    Rescue.objects.get_or_create(date=today, kind=kind)
    Rescue.objects.filter(date=today, kind=kind).update(count=F("count") + count)


# --- what is due ----------------------------------------------------------------------------------------


def ring_waits(now: datetime) -> list[Ring]:
    return [Ring("chunk", chunk_id) for chunk_id in history.long_waits(now).values_list("pk", flat=True)]


def ring_holds() -> list[Ring]:
    """Have held pushes looked at whose outlets' values have changed: they may do no harm any more."""
    return [Ring("push", push_id) for push_id in changed_holds()]


def start_confirmations(now: datetime) -> list[Ring]:
    """Start a push where the shop has had its time to process a request whose outcome is unknown."""
    due = OutletProduct.objects.filter(UNSETTLED, confirm_at__lte=now).values("outlet_id")
    return start_each(due, PushHistory.Trigger.CONFIRM, now)


def start_recoveries(now: datetime) -> list[Ring]:
    """Start a push where a breaker has been open for its time: its first request is the probe."""
    wanted = EndpointHealth.objects.filter(Q(open_until__isnull=True) | Q(open_until__lte=now), full_push_wanted=True)
    full = start_each(wanted.values("outlet_id"), PushHistory.Trigger.RECOVERY, now, PushHistory.PushType.FULL)
    half_open = EndpointHealth.objects.filter(open_until__lte=now).values("outlet_id")
    return full + start_each(half_open, PushHistory.Trigger.RECOVERY, now)


def start_each(
    outlet_ids: Any, trigger: PushHistory.Trigger, now: datetime, push_type: str = PushHistory.PushType.PARTIAL
) -> list[Ring]:
    idle = Outlet.objects.filter(pk__in=outlet_ids, is_active=True, push_enabled=True)
    idle = idle.exclude(pushes__status__in=PushHistory.OPEN).defer("api_key", "api_secret")
    return [ring for outlet in idle for ring in start_one(outlet, trigger, now, push_type)]


def start_one(outlet: Outlet, trigger: PushHistory.Trigger, now: datetime, push_type: str) -> list[Ring]:
    try:
        return start_push(outlet, push_type, trigger, now).rings
    except CannotPush as exc:
        logger.info("no push", extra={"trigger": trigger.value, "reason": str(exc)})
        return []
