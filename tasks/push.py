"""push_all_outlets (beat) -> push_outlet -> push_chunk. Thin: ids in, a service call, ring what it returns."""

import logging
import time
from typing import Any

from celery import Task
from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils import timezone

from integration.changes import has_unsynced
from integration.delivery import send_chunk
from integration.history import LONGEST_COUNTDOWN
from integration.holds import attend
from integration.models import Outlet, PushHistory, TaskRun
from integration.next_push import INTERVAL_HEADER
from integration.obstacles import CannotPush
from integration.push_queue import Ring, Started, start_push
from integration.ring_labels import label_rings
from integration.sums import note_run
from tasks import app, doorbell

logger = logging.getLogger(__name__)

# A message costs about 2 ms. Then others have their turn, and a worker that is told to end is not held up; and the last
# chunk's requests, which end with its claim's time, have to be over before the task's time limit.
AT_ONCE_SECONDS = 1.0


def ring(rings: list[Ring]) -> None:
    """Wake the workers, and say in the message what it is about."""
    labels = label_rings(one for one in rings if one.delay <= LONGEST_COUNTDOWN)
    for one, label in labels.items():
        task: Task[Any, Any] = push_outlet if one.kind == "push" else push_chunk
        ids = {f"{one.kind}_id": one.id}
        if not doorbell.ring(task, kwargs=ids, countdown=one.delay, argsrepr=label, kwargsrepr=repr(ids)):
            return


def work(first: Ring) -> None:
    """Do what is asked for, and the next chunk, as long as that is quick; ring the others for other workers."""
    ends_at = time.monotonic() + AT_ONCE_SECONDS
    following: Ring | None = first
    while following:
        rings = do(following)
        is_next = bool(rings) and can_follow(rings[0]) and time.monotonic() < ends_at
        following = rings.pop(0) if is_next else None
        ring(rings)


def can_follow(one: Ring) -> bool:
    """A chunk of the same push that need not wait."""
    return one.kind == "chunk" and not one.delay


def do(one: Ring) -> list[Ring]:
    step = attend if one.kind == "push" else send_chunk
    return list(step(one.id, timezone.now()))


def ring_rows(rings: list[Ring]) -> None:
    """Wake the workers once what was written is committed."""
    transaction.on_commit(lambda: ring(rings), robust=True)


def ring_outlet(
    outlet_id: int, *, push_type: str = "partial", trigger: str = "manual", user_id: int | None = None
) -> Started:
    """Start a push of the outlet, or join the open one, and wake the workers once it is committed."""
    outlet = Outlet.objects.defer("api_key", "api_secret").get(pk=outlet_id)
    return start_and_ring(outlet, push_type, trigger, user_id)


def start_and_ring(outlet: Outlet, push_type: str, trigger: str, user_id: int | None = None) -> Started:
    started = start_push(outlet, push_type, trigger, timezone.now(), user_id)
    ring_rows(started.rings)
    return started


def ring_all_outlets(user_id: int) -> bool:
    """Have a worker push whatever has gathered in any outlet; False if the broker does not answer."""
    return doorbell.ring(push_all_outlets, kwargs={"trigger": PushHistory.Trigger.MANUAL.value, "user_id": user_id})


@app.task(bind=True)
def push_all_outlets(self: "Task[Any, Any]", *, trigger: str = "schedule", user_id: int | None = None) -> None:
    """Start a partial push of every enabled outlet that has something to push. One query finds them.

    The schedule asks for the outlets without an interval of their own, or for those with the one in the message's
    header: as an argument, workers of an earlier release would fail at it.
    """
    outlets = Outlet.objects.filter(has_unsynced(timezone.now()), is_active=True, push_enabled=True)
    outlets = outlets.defer("api_key", "api_secret")
    user_id = user_id and find_person(user_id)
    minutes = getattr(self.request, INTERVAL_HEADER, None)
    is_scheduled = trigger == PushHistory.Trigger.SCHEDULE
    for outlet in outlets.filter(push_interval_minutes=minutes) if is_scheduled else outlets:
        try:
            start_and_ring(outlet, PushHistory.PushType.PARTIAL, trigger, user_id)
        except CannotPush as exc:
            logger.warning("an outlet was skipped", extra={"outlet_id": outlet.pk, "reason": str(exc)})
    if is_scheduled and minutes is None:
        note_run(TaskRun.Task.SCHEDULE, timezone.now())


def find_person(user_id: int) -> int | None:
    """Who has asked may have been deleted while the message waited."""
    return get_user_model().objects.filter(pk=user_id).values_list("pk", flat=True).first()


@app.task
def push_outlet(*, push_id: int) -> None:
    """Plan an open push and begin with its first chunk; look again at one that is held."""
    work(Ring("push", push_id))


@app.task
def push_chunk(*, chunk_id: int) -> None:
    """Send one chunk, and go on with what comes next."""
    work(Ring("chunk", chunk_id))
