"""Pushes that are held: looked at again, sent after all, or discarded."""

from datetime import datetime

from django.db import transaction
from django.db.models import F, OuterRef

from integration import audit, guard, history
from integration.contracts import MISCONFIGURED, contract_of
from integration.models import PushHistory
from integration.obstacles import check_ready
from integration.push_queue import Ring, go_on, plan_push, ring_push, stop_push
from integration.revisions import as_column

DISCARDED_BY = "discarded by "
Status = PushHistory.Status


class Moved(Exception):
    """The values have changed since somebody looked at them."""


def attend(push_id: int, now: datetime) -> list[Ring]:
    """Plan the push if it has not begun, look at it again if it is held. Twice is once."""
    status = PushHistory.objects.filter(pk=push_id).values_list("status", flat=True).first()
    rings = look_again(push_id, now) if status == Status.HELD else []
    is_new = status == Status.QUEUED or Ring("push", push_id) in rings
    return plan_push(push_id, now) if is_new else rings


def look_again(push_id: int, now: datetime) -> list[Ring]:
    """Hold a push that runs if its values have become what nobody means; have one that is held go on if they no longer
    are."""
    push = history.read_push(push_id)
    if push is None or push.status not in (Status.RUNNING, Status.HELD):
        return []
    try:
        look = guard.look(push, contract_of(push.platform), now)
    except MISCONFIGURED as exc:
        return [] if push.status == Status.HELD else stop_push(push_id, str(exc), now)
    with transaction.atomic():
        push = history.lock_push(push_id)
        if not look.is_of(push):
            return []
        if push.status == Status.RUNNING and not push.stopped_at:
            guard.settle(push, look, now)
            return []
        if push.status != Status.HELD:
            return []
        if look.findings.trips:
            guard.keep(push, look)
            return []
        return resume(push, look, now)


def resume(push: PushHistory, look: guard.Look, now: datetime) -> list[Ring]:
    guard.let_go(push, look, now)
    return [ring_push(push)] if push.status == Status.QUEUED else go_on(push, now)


def release_push(push_id: int, now: datetime, user_id: int | None = None, revision: int | None = None) -> list[Ring]:
    """Send it after all: somebody has looked at what it would do, when the values had this revision.

    CannotPush if nothing can be sent to the outlet, Moved if the values are others by now.
    """
    push = history.read_push(push_id)
    if push is None or push.status != Status.HELD:
        return []
    check_ready(push.outlet)
    look = guard.look(push, contract_of(push.platform), now)
    if revision not in (None, look.revision):
        raise Moved
    with transaction.atomic():
        push = history.lock_push(push_id)
        if push.status != Status.HELD:
            return []
        guard.agree(push, look, user_id, now)
        rings = resume(push, look, now)
        record(push, "sent after all", user_id, now)
        return rings


@transaction.atomic
def discard_push(push_id: int, who: str, now: datetime, user_id: int | None = None) -> list[Ring]:
    """End it; what it would have sent stays unsynced, and the next push is judged anew."""
    push = history.lock_push(push_id)
    if push.status != Status.HELD:
        return []
    record(push, "discarded", user_id, now)
    return stop_push(push_id, f"{DISCARDED_BY}{who}", now, is_cancelled=True, next_push_type="", agreed=None)


def record(push: PushHistory, what: str, user_id: int | None, now: datetime) -> None:
    if user_id is not None:
        audit.record(user_id, push, {"status": "held"}, {"status": what}, now)


def changed_holds() -> list[int]:
    """Held pushes whose outlets' values have changed since they were looked at."""
    held = guard.held_pushes().annotate(revision=as_column(OuterRef("outlet")))
    return list(held.exclude(revision=F("guard_revision")).values_list("pk", flat=True))
