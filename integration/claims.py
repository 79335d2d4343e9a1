"""The right to send a chunk: who may look at it next, who has it, and how it is given back.

A chunk is claimed by a conditional UPDATE with a token, and every write-back checks that token, so a
worker that was late, stopped or delivered twice changes nothing. Leases use the database's clock.
"""

import functools
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from integration.models import PushChunk

LEASE_PART = 0.8  # of a claim's time, for all requests that are made under it: tokens, calls, pages


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to send one chunk once."""

    chunk: PushChunk
    token: uuid.UUID


@functools.cache
def due_chunks() -> QuerySet[PushChunk]:
    """Chunks that wait and may be sent now, with all that a claim has to know of their push and outlet."""
    due = Q(not_before__isnull=True) | Q(not_before__lte=Now())
    return PushChunk.objects.filter(due, status=PushChunk.Status.WAITING).select_related("push__outlet__health")


def claim_chunk(chunk: PushChunk) -> Claim | None:
    """Claim the chunk if it still waits as it was read: nobody has tried it since, and it was not put off.

    The attempt is counted here, so a chunk that kills its worker ends. To ask for a job is no attempt.
    """
    token, attempt_count = uuid.uuid4(), chunk.attempt_count + int(chunk.job is None)
    as_read = {"attempt_count": chunk.attempt_count, "not_before": chunk.not_before}
    if chunk.not_before is None:
        as_read = {"attempt_count": chunk.attempt_count, "not_before__isnull": True}
    claimed = PushChunk.objects.filter(pk=chunk.pk, status=PushChunk.Status.WAITING, **as_read).update(
        status=PushChunk.Status.SENDING,
        claim_token=token,
        claimed_until=Now() + timedelta(seconds=settings.CHUNK_LEASE_SECONDS),
        attempt_count=attempt_count,
    )
    chunk.attempt_count = attempt_count
    return Claim(chunk, token) if claimed else None


def release_claim(claim: Claim, **changes: Any) -> bool:
    """Write the chunk back if the claim still holds."""
    held = PushChunk.objects.filter(pk=claim.chunk.pk, claim_token=claim.token, status=PushChunk.Status.SENDING)
    return bool(held.update(claim_token=None, claimed_until=None, **changes))


def postpone(chunk_id: int, seconds: float, now: datetime) -> None:
    """Nothing may be sent now, and nothing was claimed."""
    waiting = PushChunk.objects.filter(pk=chunk_id, status=PushChunk.Status.WAITING)
    waiting.update(not_before=now + timedelta(seconds=seconds), rung_at=now)


def push_of(chunk_id: int) -> int:
    push_id: int = PushChunk.objects.values_list("push_id", flat=True).get(pk=chunk_id)
    return push_id


def end_waiting_chunk(chunk_id: int) -> None:
    """There is nothing to send in it any more."""
    waiting = PushChunk.objects.filter(pk=chunk_id, status=PushChunk.Status.WAITING)
    waiting.update(status=PushChunk.Status.DONE)


def hold_waiting_chunk(chunk_id: int) -> None:
    waiting = PushChunk.objects.filter(pk=chunk_id, status=PushChunk.Status.WAITING)
    waiting.update(status=PushChunk.Status.HELD)


# The next chunks that nobody was told of, as many as may be under way beside those that are; jobs are not.
RING_NEXT = """
    UPDATE integration_pushchunk SET rung_at = %(now)s WHERE id IN (
        SELECT id FROM integration_pushchunk
        WHERE push_id = %(push_id)s AND status = 'waiting' AND rung_at IS NULL ORDER BY first_id
        LIMIT (SELECT CASE WHEN count(*) < %(window)s THEN %(window)s - count(*) ELSE 0 END
               FROM integration_pushchunk
               WHERE push_id = %(push_id)s AND status IN ('waiting', 'sending')
               AND rung_at IS NOT NULL AND job IS NULL))
    RETURNING id"""


def ring_next(push_id: int, window: int, now: datetime) -> list[int]:
    """The next chunks of a window, marked as told, in one statement. The caller holds the push's row."""
    values = {"push_id": push_id, "window": window, "now": connection.ops.adapt_datetimefield_value(now)}
    with connection.cursor() as cursor:
        cursor.execute(RING_NEXT, values)
        return sorted(chunk_id for (chunk_id,) in cursor.fetchall())
