"""The breaker of each outlet's endpoint, kept in the database so that all workers and every page see the same.

It opens after several failures in a row, for longer each time. Then exactly one request may try; its success
closes the breaker, its failure opens it again.
"""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import DateTimeField, F, Q, Value
from django.db.models.functions import Coalesce, Greatest, Now

from integration.models import EndpointHealth, Outlet
from integration.retry import LONGEST_OPEN, RETRY_AFTER_CAP, seconds_open

PROBE_WAIT = 2.0  # seconds that others wait while one tries
REASON_LIMIT = 500
WELL: dict[str, Any] = {"failure_count": 0, "open_count": 0, "open_until": None, "probe_until": None, "reason": ""}


def paused_until(outlet_id: int, now: datetime) -> EndpointHealth | None:
    """The endpoint's health if its breaker is open."""
    return EndpointHealth.objects.filter(pk=outlet_id, open_until__gt=now).first()


def enter(outlet_id: int, now: datetime) -> float:
    """Ask for leave to send a request: 0, or the seconds until it is worth asking again.

    Half-open, only one is let in: the others wait for what comes of it.
    """
    health = EndpointHealth.objects.filter(pk=outlet_id).first()
    return enter_known(health, now) if health else 0


def enter_known(health: EndpointHealth, now: datetime) -> float:
    if pauses := [until for until in (health.open_until, health.hold_until) if until and until > now]:
        return (max(pauses) - now).total_seconds()
    if health.open_until is None:
        return 0
    free = EndpointHealth.objects.filter(Q(probe_until__isnull=True) | Q(probe_until__lt=Now()), pk=health.pk)
    probing = free.update(probe_until=Now() + timedelta(seconds=settings.CHUNK_LEASE_SECONDS))
    return 0 if probing else PROBE_WAIT


def health_of(outlet: Outlet) -> EndpointHealth | None:
    """Of an outlet that was read with it; None: nothing has ever failed there."""
    health: EndpointHealth | None = getattr(outlet, "health", None)
    return health


def note_success(outlet_id: int) -> None:
    """Close the breaker; costs one query when there is nothing to close."""
    troubled = EndpointHealth.objects.filter(pk=outlet_id).exclude(failure_count=0, open_until__isnull=True)
    troubled.update(**WELL)


def leave_probe(outlet_id: int) -> None:
    """The probe has shown neither that the endpoint is well nor that it fails: the next request may try."""
    EndpointHealth.objects.filter(pk=outlet_id, probe_until__isnull=False).update(probe_until=None)


def leave_alone(outlet_id: int, seconds: float, now: datetime) -> None:
    """Send nothing for so long, because the shop has asked for it. A later end that is set already stays."""
    until = Value(now + timedelta(seconds=min(seconds, RETRY_AFTER_CAP)), output_field=DateTimeField())
    EndpointHealth.objects.get_or_create(pk=outlet_id)
    mine = EndpointHealth.objects.filter(pk=outlet_id)
    mine.update(hold_until=Greatest(Coalesce("hold_until", until), until))


def want_full_push(outlet_id: int) -> None:
    """Keep the wish for a full push that cannot start now: the endpoint's recovery starts it."""
    EndpointHealth.objects.update_or_create(pk=outlet_id, defaults={"full_push_wanted": True})


def note_failure(
    outlet_id: int,
    reason: str,
    now: datetime,
    *,
    limit: int,
    first: float,
    chance: float,
    longest: float = LONGEST_OPEN,
) -> bool:
    """Count a failure; True if the breaker is open with it: at the `limit`-th in a row, or when a probe fails.

    It is open for `first` seconds, and for twice as long each time, up to `longest`.
    """
    EndpointHealth.objects.get_or_create(pk=outlet_id)
    mine = EndpointHealth.objects.filter(pk=outlet_id)
    mine.update(failure_count=F("failure_count") + 1, reason=reason[:REASON_LIMIT])
    health = EndpointHealth.objects.select_for_update().get(pk=outlet_id)
    is_open = health.open_until is not None and health.open_until > now
    if is_open or (health.open_until is None and health.failure_count < limit):
        return is_open
    open_count = health.open_count + 1
    open_until = now + timedelta(seconds=seconds_open(open_count, first, chance, longest))
    mine.update(open_count=open_count, open_until=open_until, probe_until=None)
    return True


def reset_health(outlet_id: int) -> None:
    """Forget what was: the endpoint or its credentials are new. What somebody wants pushed stays wanted."""
    EndpointHealth.objects.filter(pk=outlet_id).update(hold_until=None, **WELL)


def reset_platform(platform: str) -> None:
    EndpointHealth.objects.filter(outlet__platform=platform).update(hold_until=None, **WELL)
