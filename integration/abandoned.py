"""Claims that have run out: their workers died, or lost the database before the write-back."""

from datetime import datetime
from typing import Any

from django.db import transaction

from integration import changes, claims, health, history
from integration.contracts import contract_or_default
from integration.models import PushAttempt, PushChunk, PushHistory
from integration.platforms.base import Outcome, SendResult
from integration.push_queue import Ring, confirm_jobs, confirm_time, go_on, ring_chunk


def release_abandoned(now: datetime, **which: Any) -> list[Ring]:
    """Take back the claims that have run out: their workers died, or lost the database before the write-back."""
    return [ring for chunk in history.abandoned_chunks(**which) for ring in release_chunk(chunk, now)]


@transaction.atomic
def release_chunk(chunk: PushChunk, now: datetime) -> list[Ring]:
    push = history.lock_push(chunk.push_id)
    token = chunk.claim_token
    if token is None:
        return []
    tries_left = chunk.attempt_count < contract_or_default(push.platform).attempts
    again = not push.stopped_at and (tries_left or chunk.job is not None)
    status = PushChunk.Status.WAITING if again else PushChunk.Status.FAILED
    if not claims.release_claim(claims.Claim(chunk, token), status=status, rung_at=now):
        return []
    if not again:
        confirm_jobs(push, now, pk=chunk.pk)
    confirm_abandoned(chunk, push, now)
    health.leave_probe(push.outlet_id)
    return [ring_chunk(push, chunk.pk)] if again else go_on(push, now)


def confirm_abandoned(chunk: PushChunk, push: PushHistory, now: datetime) -> None:
    """What a dead worker sent may have arrived, or may still."""
    for attempt in PushAttempt.objects.filter(chunk=chunk, finished_at__isnull=True):
        lost = SendResult(Outcome.RETRY, error_kind="worker_lost", message="the worker did not report back")
        history.finish_attempt(attempt, lost, now)
        at = confirm_time(contract_or_default(push.platform), now)
        changes.confirm_later([row[0] for row in attempt.items], at)
