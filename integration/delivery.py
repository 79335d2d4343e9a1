"""One chunk is sent and written down; then it is decided what comes next."""

import dataclasses
import logging
import random
import time
from datetime import datetime, timedelta
from typing import Any

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F
from django.utils import timezone

from integration import changes, claims, guard, health, history, log_context, revisions
from integration.contracts import MISCONFIGURED
from integration.decision import STOPPING, Decision, Situation, counts_as_failure, decide, is_refused_item
from integration.holds import look_again
from integration.models import PushChunk, PushHistory
from integration.platforms.base import Outcome, SendResult, skus
from integration.platforms.contract import Contract
from integration.preparation import prepare
from integration.push_queue import Ring, confirm_time, go_on, go_on_quickly, ring_chunk, stop_push
from integration.sending import Sending, ask_shop, interrupted
from integration.verdicts import read_verdicts

logger = logging.getLogger(__name__)

CONFIRM_AGAIN = 3  # processing times until an item is confirmed again that the shop has not taken
RECORD_AGAIN_AFTER = (0.1, 1.0, 3.0)  # seconds: after a deadlock, a restart of the database


def send_chunk(chunk_id: int, now: datetime) -> list[Ring]:
    """Send one chunk once, if it is there to be sent. A message that was delivered twice finds nothing to do.

    The values are read with the claim; no transaction is open while the shop is asked.
    """
    with log_context.bound(chunk_id=chunk_id):
        try:
            sending, rings = prepare(chunk_id, now)
        except MISCONFIGURED as exc:
            return stop_push(claims.push_of(chunk_id), str(exc), now)
        except guard.Stale as exc:
            return [*look_again(exc.push_id, now), Ring("chunk", chunk_id)]
        if sending is None:
            return rings
        log_context.bind(push_id=sending.push.pk, attempt_id=sending.attempt.pk)
        return ask_and_record(sending)


def ask_and_record(sending: Sending) -> list[Ring]:
    try:
        result = ask_shop(sending)
    except (KeyboardInterrupt, SystemExit):
        record_surely(sending, interrupted(sending))
        raise
    return record_surely(sending, result)


def record_surely(sending: Sending, result: SendResult) -> list[Ring]:
    """An answer that is lost makes its items' outcome unknown: where the database cannot take it now, ask it again.

    That does no harm where the first one was written after all: then the claim is no longer held.
    """
    logger.info("the shop was asked", extra=log_facts(result))
    for seconds in RECORD_AGAIN_AFTER:
        try:
            return record(sending, result, timezone.now())
        except (OperationalError, InterfaceError) as exc:
            logger.warning("the answer could not be written down", extra={"error": type(exc).__name__})
            time.sleep(seconds)
    return record(sending, result, timezone.now())


@transaction.atomic
def record(sending: Sending, result: SendResult, now: datetime) -> list[Ring]:
    """Write down what came of an attempt, if its claim still holds, and go on."""
    push = sending.push
    is_failing = history.lock_known_push(push)
    if sending.contract.job or result.outcome in STOPPING or counts_as_failure(result, sending.contract):
        revisions.lock(push.outlet_id)  # the push may be stopped here, and then its other jobs' items are locked too
    situation = situation_of(sending, push, result)
    chance = random.Random(str(sending.claim.token)).random()
    decision = decide(result, situation, sending.contract, chance)
    if is_refused_item(result, situation, sending.contract):
        result = dataclasses.replace(result, rejected={sending.items[0].sku: result.message})
    verdicts = read_verdicts(sending.attempt.items, sending.items, result)
    history.finish_attempt(sending.attempt, result, now, **verdicts)
    if not claims.release_claim(sending.claim, **chunk_changes(sending, result, decision, now)):
        confirm_stale(sending, result, now)
        return []
    if decision.status == PushChunk.Status.FAILED:
        result = give_up_job(sending, result)
    if decision.status == PushChunk.Status.SPLIT:
        confirm_unknown(sending, result, now)
    elif not is_pending(result, decision):
        record_items(sending, result, now)
    if decision.status in (PushChunk.Status.DONE, PushChunk.Status.FAILED):
        record_rejections(sending, result, now)
        put_off_confirmations(sending, result, now)
    is_open = tell_breaker(push.outlet_id, sending.contract, result, is_failing, now)
    return follow(sending, push, result, decision, is_open, now)


def log_facts(result: SendResult) -> dict[str, Any]:
    """Counts and kinds: no word of the shop's."""
    counts = {name: len(getattr(result, name)) for name in ("accepted", "rejected", "unknown")}
    elapsed_ms = round(result.elapsed_seconds * 1000)
    kinds = {"outcome": result.outcome.name.lower(), "error_kind": result.error_kind}
    return {**kinds, "response_code": result.status_code, "elapsed_ms": elapsed_ms, **counts}


def is_pending(result: SendResult, decision: Decision) -> bool:
    """The job is not over: what it refuses is recorded with its end, and counted once."""
    return result.outcome is Outcome.JOB and decision.status == PushChunk.Status.WAITING


def situation_of(sending: Sending, push: PushHistory, result: SendResult) -> Situation:
    """Only of a refusal it matters what the shop has taken before."""
    attempts = sending.claim.chunk.attempt_count
    has_accepted = result.outcome is not Outcome.REFUSED or history.has_accepted(push)
    return Situation(len(sending.items), attempts, push.split_count, push.stopped_at is not None, has_accepted)


def confirm_stale(sending: Sending, result: SendResult, now: datetime) -> None:
    """Our answer came after the claim was lost: it may have overtaken a newer value, so send these once more."""
    is_known = not result.unknown and result.outcome is not Outcome.JOB
    at = now if is_known else confirm_time(sending.contract, now)
    changes.confirm_later([item.id for item in sending.items], at)


def chunk_changes(sending: Sending, result: SendResult, decision: Decision, now: datetime) -> dict[str, Any]:
    split = decision.status == PushChunk.Status.SPLIT
    has_job = decision.status == PushChunk.Status.WAITING and result.outcome is Outcome.JOB
    # What an earlier attempt of a partial push brought into the shop is not sent again.
    earlier, is_partial = sending.claim.chunk, sending.push.push_type == PushHistory.PushType.PARTIAL
    changed: dict[str, Any] = {
        "status": decision.status,
        "item_count": max(len(sending.items), earlier.item_count),
        "accepted_count": len(result.accepted) + (earlier.accepted_count if is_partial else 0),
        "rejected_count": 0 if split else len(result.rejected),
        "job": (sending.job or {"id": result.job_id, "rejected": result.rejected}) if has_job else None,
    }
    if decision.status == PushChunk.Status.WAITING:
        changed |= {"not_before": now + timedelta(seconds=decision.delay), "rung_at": now}
    return changed


def record_items(sending: Sending, result: SendResult, now: datetime) -> None:
    accepted = [item for item in sending.items if item.sku in result.accepted]
    if len(accepted) < len(sending.items):
        changes.lock(item.id for item in sending.items)
    changes.acknowledge(accepted, sending.attempt.started_at, now)
    history.clear_rejections([item for item in accepted if item.id in sending.refused_before])
    confirm_unknown(sending, result, now)


def record_rejections(sending: Sending, result: SendResult, now: datetime) -> None:
    """With the chunk's end: tries of one push are one refusal."""
    is_named = result.outcome is not Outcome.REFUSED
    history.record_rejections(sending.push, sending.items, result.rejected, now, is_named=is_named)


def confirm_unknown(sending: Sending, result: SendResult, now: datetime) -> None:
    if result.unknown:
        unknown = [item.id for item in sending.items if item.sku in result.unknown]
        changes.confirm_later(unknown, confirm_time(sending.contract, now))


def give_up_job(sending: Sending, result: SendResult) -> SendResult:
    """Nobody will ask for the job any more: what it has not accepted may still be applied."""
    if sending.job is None and result.outcome is not Outcome.JOB:
        return result
    return dataclasses.replace(result, unknown=skus(sending.items) - result.accepted - result.rejected.keys())


def put_off_confirmations(sending: Sending, result: SendResult, now: datetime) -> None:
    """What was due to be confirmed and was not taken is not tried again at once."""
    done = result.accepted | result.unknown
    ids = [item.id for item in sending.items if item.sku not in done]
    at = now + CONFIRM_AGAIN * timedelta(seconds=sending.contract.processing_seconds)
    changes.put_off(ids, sending.attempt.started_at, at)


def follow(
    sending: Sending, push: PushHistory, result: SendResult, decision: Decision, is_open: bool, now: datetime
) -> list[Ring]:
    """The push stops, also because the breaker is open now, or it waits, or goes on."""
    if result.outcome in STOPPING:
        return stop_push(push.pk, result.message, now)
    if is_open:
        if push.push_type == PushHistory.PushType.FULL:
            health.want_full_push(push.outlet_id)
        return stop_push(
            push.pk, f"{result.message}; after several failures the endpoint is left alone for a while", now
        )
    if decision.status == PushChunk.Status.WAITING:
        others = go_on(push, now) if result.outcome is Outcome.JOB else []
        return [ring_chunk(push, sending.claim.chunk.pk, decision.delay), *others]
    if decision.status == PushChunk.Status.SPLIT:
        split_chunk(sending, push, result)
    has_answered = decision.status in (PushChunk.Status.DONE, PushChunk.Status.SPLIT)
    return go_on_quickly(push, sending.contract, now) if has_answered else go_on(push, now)


def tell_breaker(outlet_id: int, contract: Contract, result: SendResult, is_failing: bool, now: datetime) -> bool:
    """True if the breaker is open now. Refused credentials open it at once: no other request would fare better."""
    if result.retry_after:
        health.leave_alone(outlet_id, result.retry_after, now)
    is_silent = result.outcome is Outcome.FORBIDDEN or result.error_kind == "late"
    if is_silent or (result.outcome is Outcome.JOB and result.error_kind):
        health.leave_probe(outlet_id)
        return False
    if not counts_as_failure(result, contract):
        if result.outcome is Outcome.REFUSED:
            health.leave_probe(outlet_id)
        elif is_failing:
            health.note_success(outlet_id)
        return False
    reason = result.message or f"the answer took {result.elapsed_seconds:.0f} s"
    limit = 1 if result.outcome is Outcome.CREDENTIALS else contract.breaker_failures
    first, longest = contract.breaker_seconds, contract.breaker_longest_seconds
    return health.note_failure(
        outlet_id, reason, now, limit=limit, first=first, longest=longest, chance=random.random()
    )


def split_chunk(sending: Sending, push: PushHistory, result: SendResult) -> None:
    """Two halves take the place of a chunk that was refused whole."""
    chunk = sending.claim.chunk
    middle = sending.items[len(sending.items) // 2].product_id
    halves = [(chunk.first_id, middle - 1), (middle, chunk.last_id)]
    PushChunk.objects.bulk_create(PushChunk(push=push, first_id=first, last_id=last) for first, last in halves)
    if result.error_kind != "too_large":  # nothing was asked of the shop
        PushHistory.objects.filter(pk=push.pk).update(split_count=F("split_count") + 1)
