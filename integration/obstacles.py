"""What keeps an outlet from being pushed: switches, settings, the pause of everything, an endpoint left alone."""

from datetime import datetime

from django.db.models import QuerySet
from django.utils import timezone

from integration import health
from integration.contracts import MISCONFIGURED, contract_of
from integration.models import EndpointHealth, Outlet, PushPause


class CannotPush(Exception):
    """The outlet is not set up or not allowed to push; the message says what to change.

    `kind` is inactive, disabled, paused, no_endpoint, contract or breaker, where it is one of these.
    """

    def __init__(self, message: str, kind: str = "", detail: str = "", until: datetime | None = None) -> None:
        super().__init__(message)
        self.kind, self.detail, self.until = kind, detail, until


def open_pauses() -> QuerySet[PushPause]:
    return PushPause.objects.filter(ended_at__isnull=True)


def current_pause() -> PushPause | None:
    """What keeps every outlet from being pushed, if somebody has said so."""
    return open_pauses().select_related("paused_by").first()


def check_pause() -> None:
    if pause := current_pause():
        since = timezone.localtime(pause.paused_at).strftime("%Y-%m-%d %H:%M")
        who = pause.paused_by.get_username() if pause.paused_by else "somebody"
        message = f"every push is paused since {since} by {who}{pause.reason and ': '}{pause.reason}"
        raise CannotPush(message, "paused", pause.reason)


def check_switches(outlet: Outlet) -> None:
    if not outlet.is_active:
        raise CannotPush(f"{outlet} is not active: activate the outlet first", "inactive")
    if not outlet.push_enabled:
        raise CannotPush(f"{outlet}: pushing is switched off: set push_enabled", "disabled")


def check_ready(outlet: Outlet) -> None:
    check_switches(outlet)
    check_pause()
    if not outlet.api_endpoint and outlet.platform != "memory":
        raise CannotPush(f"{outlet} has no API endpoint: set api_endpoint", "no_endpoint")
    try:
        contract_of(outlet.platform)
    except MISCONFIGURED as exc:
        raise CannotPush(str(exc), "contract", str(exc)) from exc


def check_startable(outlet: Outlet, now: datetime) -> None:
    """CannotPush if a push of the outlet cannot be started, whatever there is to push."""
    check_ready(outlet)
    if paused := health.paused_until(outlet.pk, now):
        raise CannotPush(describe_pause(outlet, paused), "breaker", paused.reason, paused.open_until)


def find_obstacle(outlet: Outlet, now: datetime) -> CannotPush | None:
    """The first that would keep a push from starting."""
    try:
        check_startable(outlet, now)
    except CannotPush as exc:
        return exc
    return None


def describe_pause(outlet: Outlet, paused: EndpointHealth) -> str:
    until = timezone.localtime(paused.open_until).strftime("%H:%M:%S")
    return (
        f"{outlet}: the endpoint is left alone until {until} after {paused.failure_count} failures "
        f"({paused.reason}); it is tried again then, or at once by testing the connection"
    )
