"""Pushes as rows: open one, cut it into chunks, go from chunk to chunk, end it.

The rows are the queue. Every step returns what to ring; whether anybody hears it does not matter.
"""

import logging
import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction

from integration import changes, claims, guard, health, history, revisions
from integration.contracts import MISCONFIGURED, contract_of, contract_or_default
from integration.models import EndpointHealth, Outlet, PushChunk, PushHistory
from integration.obstacles import CannotPush, check_startable, check_switches
from integration.platforms.contract import Contract

logger = logging.getLogger(__name__)

PLAN_BATCH = 1000
OPEN_TRIES = 5  # an open push may end before it is joined, and another one begin


class NothingToPush(Exception):
    """The shop knows everything by now."""


@dataclass(frozen=True, slots=True)
class Ring:
    """Somebody should look at this push (plan it) or this chunk (send it)."""

    kind: str  # "push" or "chunk"
    id: int
    delay: float = 0  # seconds
    label: str = field(default="", compare=False)  # for people, where it is known without a query


def ring_push(push: PushHistory, delay: float = 0) -> Ring:
    return Ring("push", push.pk, delay, label_push(push.pk, push.outlet.store_id, push.platform))


def ring_chunk(push: PushHistory, chunk_id: int, delay: float = 0) -> Ring:
    label = label_push(push.pk, push.outlet.store_id, push.platform)
    return Ring("chunk", chunk_id, delay, f"chunk {chunk_id} of {label}")


def label_push(push_id: int, store_id: str, platform: str) -> str:
    """Ids and the outlet's store id only: it goes through the broker."""
    return f"push {push_id} of outlet {store_id} ({platform})"


@dataclass(frozen=True, slots=True)
class Started:
    """`push` is None when there was nothing to push; `joined` when another one was already open.

    `delay`: seconds in which further product updates gather in it. `hurried`: somebody does not wait for them.
    """

    push: PushHistory | None
    joined: bool = False
    delay: float = 0
    hurried: bool = False

    @property
    def rings(self) -> list[Ring]:
        """One that is held is looked at again, it may do no harm any more; one that gathers updates may be hurried."""
        if self.push is None:
            return []
        state = (self.push.status, self.push.trigger)
        gathers = state == (PushHistory.Status.QUEUED, PushHistory.Trigger.PRODUCT_UPDATE)
        is_heard = self.push.status == PushHistory.Status.HELD or (gathers and self.hurried)
        return [ring_push(self.push, self.delay)] if not self.joined or is_heard else []


# --- start ----------------------------------------------------------------------------------------------


def start_push(
    outlet: Outlet, push_type: str, trigger: str, now: datetime, created_by_id: int | None = None
) -> Started:
    """Open a push, or join the one that is open: it then starts what was asked for when it ends."""
    check_switches(outlet)
    if not changes.items_to_push(outlet.pk, push_type, now).exists():
        return Started(None)
    check_startable(outlet, now)
    hurried = trigger != PushHistory.Trigger.PRODUCT_UPDATE
    asked = {"next_push_type": push_type, "next_trigger": trigger, "next_created_by_id": created_by_id}
    for tries_left in reversed(range(OPEN_TRIES)):
        try:
            with transaction.atomic():
                push = open_push(outlet, push_type, trigger, now, created_by_id)
            return Started(push, delay=0 if hurried else seconds_to_gather(push, now))
        except NothingToPush:
            break
        except IntegrityError:
            if joined := join_push(outlet, asked):
                return Started(joined, joined=True, hurried=hurried)
            if not tries_left:  # it is not the other push: the outlet or the person has gone
                raise
    return Started(None)


def seconds_to_gather(push: PushHistory, now: datetime) -> float:
    """A product update that comes soon after another's push waits, so that a hundred of them make few pushes.

    `push` is the one that it has opened: before that, the push that it comes after may not have ended.
    """
    others = PushHistory.objects.filter(outlet=push.outlet_id).exclude(pk=push.pk)
    pushes = others.order_by("-push_timestamp", "-pk")
    last = pushes.values_list("push_timestamp", "trigger", "finished_at").first()
    if last is None or last[1] != PushHistory.Trigger.PRODUCT_UPDATE:
        return 0
    left = ((last[2] or last[0]) - now).total_seconds() + settings.UPDATE_GAP_SECONDS
    return min(max(left, 0), settings.UPDATE_GAP_SECONDS)


def open_push(outlet: Outlet, push_type: str, trigger: str, now: datetime, created_by_id: int | None) -> PushHistory:
    push = PushHistory.objects.create(
        outlet=outlet,
        platform=outlet.platform,
        push_type=push_type,
        trigger=trigger,
        push_timestamp=now,
        created_by_id=created_by_id,
    )
    # To open it may have waited for the end of another push, which brought the items there.
    if not changes.items_to_push(outlet.pk, push_type, now).exists():
        raise NothingToPush
    if push_type == PushHistory.PushType.FULL:
        EndpointHealth.objects.filter(pk=outlet.pk, full_push_wanted=True).update(full_push_wanted=False)
    logger.info("push opened", extra={"push_id": push.pk, "outlet_id": outlet.pk, "trigger": str(trigger)})
    return push


@transaction.atomic
def join_push(outlet: Outlet, asked: dict[str, Any]) -> PushHistory | None:
    """None if the open push has ended meanwhile. A full push that was asked for is not reduced to a partial one."""
    push = history.lock_open_push(outlet.pk)
    if push is None or (asked["next_push_type"], push.next_push_type) == ("partial", "full"):
        return push
    for name, value in asked.items():
        setattr(push, name, value)
    push.save(update_fields=[*asked])
    return push


# --- plan -----------------------------------------------------------------------------------------------


def plan_push(push_id: int, now: datetime) -> list[Ring]:
    """Cut the push into chunks. Planning twice, or at once in two workers, is planning once."""
    push = history.read_push(push_id)
    if push is None or push.status != PushHistory.Status.QUEUED:
        return []
    try:
        contract = contract_of(push.platform)
    except MISCONFIGURED as exc:
        return stop_push(push_id, str(exc), now)
    look = guard.look(push, contract, now)
    slices = changes.cut(changes.items_to_push(push.outlet_id, push.push_type, now), contract.batch_size)
    with transaction.atomic():
        push = history.lock_push(push_id)
        if push.status != PushHistory.Status.QUEUED or guard.settle(push, look, now):
            return []
        if is_contained(push, look):
            push.next_push_type = ""
        return open_chunks(push, slices, now)


def is_contained(push: PushHistory, look: guard.Look) -> bool:
    """The product updates that joined the push were there when it was cut: none needs a push of its own."""
    wanted = (push.next_push_type, push.next_trigger)
    is_update = wanted == (PushHistory.PushType.PARTIAL, PushHistory.Trigger.PRODUCT_UPDATE)
    return is_update and revisions.revision_of(push.outlet_id) == look.revision


def open_chunks(push: PushHistory, slices: list[changes.Slice], now: datetime) -> list[Ring]:
    chunks = [PushChunk(push=push, first_id=s.first_id, last_id=s.last_id) for s in slices]
    PushChunk.objects.bulk_create(chunks, batch_size=PLAN_BATCH)
    push.status = PushHistory.Status.RUNNING
    push.item_count = sum(s.item_count for s in slices)
    push.save(update_fields=["status", "item_count", "next_push_type"])
    return go_on(push, now)


# --- go on, and end -------------------------------------------------------------------------------------


def go_on(push: PushHistory, now: datetime) -> list[Ring]:
    """Ring the next chunks, or end the push with its last one. Runs inside the transaction that ended a chunk and
    has locked the push.

    One request goes alone until the shop has answered one: a dead shop holds one worker process and not a window
    of them.
    """
    if push.status == PushHistory.Status.HELD:
        return []
    progress = history.read_progress(push.pk)
    if push.is_open and not progress.open_count:
        return end_push(push, now)
    window = widest_window(contract_or_default(push.platform)) if progress.ended_count else 1
    return [ring_chunk(push, chunk_id) for chunk_id in claims.ring_next(push.pk, window, now)]


def go_on_quickly(push: PushHistory, contract: Contract, now: datetime) -> list[Ring]:
    """The same where the shop has just answered: one statement, as long as there is a next chunk."""
    if push.status == PushHistory.Status.HELD:
        return []
    chunk_ids = claims.ring_next(push.pk, widest_window(contract), now)
    if chunk_ids or history.read_progress(push.pk).open_count or not push.is_open:
        return [ring_chunk(push, chunk_id) for chunk_id in chunk_ids]
    return end_push(push, now)


def widest_window(contract: Contract) -> int:
    return contract.requests_in_flight or int(settings.PUSH_WINDOW)


def end_push(push: PushHistory, now: datetime) -> list[Ring]:
    """Give the push its final state, and start at once what was asked for while it was open."""
    history.close_push(push, now)
    logger.info("push ended", extra={"push_id": push.pk, "outlet_id": push.outlet_id, "status": push.status})
    if history.is_refused_whole(push):
        count_refused_push(push, now)
    return start_next(push, now) if push.next_push_type else []


def count_refused_push(push: PushHistory, now: datetime) -> None:
    """A push of which the shop took nothing counts once for the breaker, however many requests it was."""
    contract = contract_or_default(push.platform)
    limit, first, longest = contract.breaker_failures, contract.breaker_seconds, contract.breaker_longest_seconds
    reason = f"every request was refused: {push.error_details or push.response_message}"
    chance = random.random()
    health.note_failure(push.outlet_id, reason, now, limit=limit, first=first, longest=longest, chance=chance)


def start_next(push: PushHistory, now: datetime) -> list[Ring]:
    """Start what was asked for while the push was open; in a breaker's pause, a full push waits for its end."""
    if push.next_push_type == PushHistory.PushType.FULL and health.paused_until(push.outlet_id, now):
        health.want_full_push(push.outlet_id)
        return []
    try:
        return start_push(push.outlet, push.next_push_type, push.next_trigger, now, push.next_created_by_id).rings
    except CannotPush as exc:
        logger.warning("a push has no follow-up", extra={"push_id": push.pk, "reason": str(exc)})
        if push.next_push_type == PushHistory.PushType.FULL:
            health.want_full_push(push.outlet_id)
        return []


@transaction.atomic
def stop_push(push_id: int, error: str, now: datetime, **also: Any) -> list[Ring]:
    """Send nothing more of the push. A chunk that is under way still ends for itself, and the push with it."""
    push = history.lock_push(push_id)
    if not push.is_open:
        return []
    was_stopped = push.stopped_at is not None
    changed = also if was_stopped else {"error_details": error, "stopped_at": now, **also}
    if push.status == PushHistory.Status.HELD:  # what is under way has yet to end
        changed = {"status": PushHistory.Status.RUNNING, **changed}
    for name, value in changed.items():
        setattr(push, name, value)
    push.save(update_fields=[*changed])
    if was_stopped:  # a chunk may have come in since
        history.fail_waiting_chunks(push_id)
        return go_on(push, now)
    confirm_jobs(push, now, status=PushChunk.Status.WAITING)
    history.fail_waiting_chunks(push_id)
    return [] if history.read_progress(push_id).open_count else end_push(push, now)


def cancel_push(push_id: int, who: str, now: datetime) -> list[Ring]:
    """Stop a push because somebody wants it; what was asked for meanwhile is cancelled with it."""
    return stop_push(push_id, f"cancelled by {who}", now, is_cancelled=True, next_push_type="", agreed=None)


# --- unknown outcomes ------------------------------------------------------------------------------------


def confirm_jobs(push: PushHistory, now: datetime, **which: Any) -> None:
    """What the shop has taken for later, and nobody will ask for any more, has an unknown outcome."""
    at = confirm_time(contract_or_default(push.platform), now)
    attempts = history.job_attempts(push, **which)
    if attempts:
        revisions.lock(push.outlet_id)  # the items are not locked in the order of their ids
    for attempt in attempts:
        changes.confirm_later([row[0] for row in attempt.items], at)


def confirm_time(contract: Contract, now: datetime) -> datetime:
    """When a request that the shop may have got can do no harm any more: it has surely done with it by then.

    Where the shop goes by revisions, the next one keeps an old value out at once. A job that nobody asks for may be
    worked off until its deadline.
    """
    longest = max(contract.processing_seconds, contract.job.deadline_seconds if contract.job else 0)
    return now if contract.revision_field else now + timedelta(seconds=longest)
