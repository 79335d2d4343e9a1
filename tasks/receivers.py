"""What happens by itself: pushes after product updates, a sweep when a worker starts, children that die with it."""

import gc
import logging
from typing import Any

from celery.signals import celeryd_init, worker_process_init, worker_ready
from django.dispatch import receiver

from dashboard.supervisor import die_with_parent
from integration.models import Outlet, PushHistory
from integration.obstacles import CannotPush
from integration.signals import product_updated
from tasks import app
from tasks.maintenance import sweep
from tasks.push import ring_outlet

logger = logging.getLogger(__name__)
SOCKET_TIMEOUTS = ("socket_timeout", "socket_connect_timeout", "read_timeout", "write_timeout", "connect_timeout")


@receiver(product_updated, dispatch_uid="push_after_update")
def push_after_update(sender: object, outlet_id: int, **kwargs: Any) -> None:
    if not Outlet.objects.filter(pk=outlet_id, push_after_update=True).exists():
        return
    try:
        ring_outlet(outlet_id, trigger=PushHistory.Trigger.PRODUCT_UPDATE)
    except CannotPush as exc:
        logger.info("not pushed after the update", extra={"outlet_id": outlet_id, "reason": str(exc)})


@celeryd_init.connect
def drop_socket_timeouts(**kwargs: Any) -> None:
    """A consumer must not time out: after a broker's hang its acknowledgements would fail for good."""
    options = app.conf.broker_transport_options
    app.conf.broker_transport_options = {k: v for k, v in options.items() if k not in SOCKET_TIMEOUTS}


@worker_process_init.connect
def end_with_the_worker(**kwargs: Any) -> None:
    die_with_parent()
    gc.freeze()  # what has been there since the start is no garbage: it need not be searched again and again


@worker_ready.connect
def sweep_at_start(**kwargs: Any) -> None:
    sweep.delay()
