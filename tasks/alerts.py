"""Sends what is to be told. A task of its own, so that a target that hangs delays no push."""

from django.utils import timezone

from integration.alert_delivery import deliver, due
from integration.alerts import watch
from integration.models import AlertTarget
from tasks import app, doorbell

WATCH_SECONDS = 60
TIME_LIMIT = 30  # seconds; a message is given up after ten


def ring(delivery_ids: list[int]) -> None:
    """Wake a worker for each."""
    doorbell.ring_each(send_alert, "delivery_id", delivery_ids)


def ring_watch() -> None:
    """Have a worker look; what nobody takes within a minute is superseded by the next one."""
    if AlertTarget.objects.filter(is_active=True).exists():
        doorbell.ring(watch_outlets, expires=WATCH_SECONDS)


@app.task(time_limit=WATCH_SECONDS)
def watch_outlets() -> None:
    """See who got into trouble and who recovered, and ring what is to be sent."""
    now = timezone.now()
    watch(now)
    ring(list(due(now).values_list("pk", flat=True)))


@app.task(time_limit=TIME_LIMIT)
def send_alert(*, delivery_id: int) -> None:
    """Send one alert to one target, and ring what comes next for it."""
    following = deliver(delivery_id, timezone.now())
    if following is not None:
        ring([following])
