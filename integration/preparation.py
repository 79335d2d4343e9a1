"""One chunk is claimed, and what is sent in it is read; or it is said why nothing is sent now."""

import dataclasses
import functools
import time
from collections.abc import Sequence
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, QuerySet

from integration import changes, claims, guard, health, history
from integration.contracts import contract_from, with_contract
from integration.models import PushAttempt, PushChunk, PushHistory
from integration.obstacles import CannotPush, check_pause, check_switches, open_pauses
from integration.platforms.base import Item
from integration.platforms.contract import Contract
from integration.push_queue import Ring, go_on, ring_chunk, stop_push
from integration.rate_limit import seconds_to_wait
from integration.sending import Sending, endpoint_of


class Taken(Exception):
    """Another worker has the chunk, or has done with it."""


class Stopped(Exception):
    """The chunk's push has been stopped."""


class KeptBack(Exception):
    """The chunk came back, or came in, while its push was held."""


class NothingLeft(Exception):
    """The chunk's items need not be sent any more."""


@dataclasses.dataclass
class NotNow(Exception):
    """The endpoint's breaker or the shop's limit keeps the request back for so many seconds."""

    chunk: PushChunk
    seconds: float
    by_limit: bool = False


def prepare(chunk_id: int, now: datetime) -> tuple[Sending | None, list[Ring]]:
    """Claim the chunk, read its items and write its attempt; or what to ring if nothing may be sent now.

    Then nothing is claimed and no attempt is counted, and the push is locked only now: before its chunks, as the
    write-back does it. In the other order the two would wait for each other.
    """
    try:
        return begin(chunk_id, now), []
    except Taken:
        return None, []
    except CannotPush as exc:  # people have said so: it is no failure
        return None, stop_by_people(claims.push_of(chunk_id), f"stopped meanwhile: {exc}", now)
    except Stopped:
        return None, stop_push(claims.push_of(chunk_id), "", now)
    except KeptBack:
        return None, keep_back(chunk_id)
    except NothingLeft:
        return None, skip_chunk(chunk_id, now)
    except NotNow as exc:
        return None, wait(exc, now)


@transaction.atomic
def stop_by_people(push_id: int, error: str, now: datetime) -> list[Ring]:
    """A full push is wanted again once it may be: what the shop knows already would not follow by itself."""
    push = history.lock_push(push_id)
    rings = stop_push(push_id, error, now, is_cancelled=True)
    if push.is_open and not push.is_cancelled and PushHistory.PushType.FULL in (push.push_type, push.next_push_type):
        health.want_full_push(push.outlet_id)
    return rings


def wait(exc: NotNow, now: datetime) -> list[Ring]:
    push, chunk_id = exc.chunk.push, exc.chunk.pk
    claims.postpone(chunk_id, exc.seconds, now)
    if exc.by_limit:
        history.count_rate_wait(push)
    return [ring_chunk(push, chunk_id, exc.seconds)]


@transaction.atomic
def begin(chunk_id: int, now: datetime) -> Sending:
    """The claim, the items' values and the attempt; whatever is raised undoes all of it."""
    ends_at = time.monotonic() + claims.LEASE_PART * settings.CHUNK_LEASE_SECONDS
    chunk = read_due_chunk(chunk_id)
    outlet = chunk.push.outlet
    contract = contract_from(chunk, chunk.push.platform)
    enter(chunk, now)
    claim = claims.claim_chunk(chunk)
    if claim is None:
        raise Taken
    items, refused = read_chunk(chunk, contract, now)
    if not items:
        raise NothingLeft
    if seconds := seconds_to_wait(endpoint_of(outlet), contract, 0 if chunk.job else len(items)):
        raise NotNow(chunk, seconds, by_limit=True)
    attempt = find_attempt(chunk, items, now)
    return Sending(claim, attempt, history.revision_of(attempt), items, refused, contract, ends_at)


def read_due_chunk(chunk_id: int) -> PushChunk:
    """The chunk with its push, outlet and contract in one query; CannotPush if people do not want it sent any more."""
    chunk: PushChunk | None = next(iter(due_chunks().filter(pk=chunk_id)), None)
    if chunk is None:
        raise Taken
    check_switches(chunk.push.outlet)
    if chunk.push.stopped_at:
        raise Stopped
    if chunk.is_paused:  # type: ignore[attr-defined]
        check_pause()
    if guard.is_kept_back(chunk):
        raise KeptBack
    return chunk


def enter(chunk: PushChunk, now: datetime) -> None:
    """Past the breaker. A probe changes the endpoint's health: whoever does that has locked the push before."""
    known = health.health_of(chunk.push.outlet)
    if known and known.open_until:
        history.lock_push(chunk.push_id)
    if known and (seconds := health.enter_known(known, now)):
        raise NotNow(chunk, seconds)


@functools.cache
def due_chunks() -> QuerySet[PushChunk]:
    """Built once; what is added to it makes a query of its own each time."""
    chunks = with_contract(claims.due_chunks(), "push__platform")
    return chunks.annotate(is_paused=Exists(open_pauses())).order_by()


def find_attempt(chunk: PushChunk, items: Sequence[Item], now: datetime) -> PushAttempt:
    """A new one, or the one that began the chunk's job."""
    return history.last_attempt(chunk) if chunk.job else history.start_attempt(chunk, changes.as_rows(items), now)


def read_chunk(chunk: PushChunk, contract: Contract, now: datetime) -> tuple[list[Item], frozenset[int]]:
    """The chunk's current items, or its job's, and the ids of those that the shop may have refused before.

    Products that came in since it was cut go into a chunk of their own.
    """
    size = contract.batch_size
    if chunk.job:
        asked = [item for item in changes.from_rows(history.last_attempt(chunk).items) if item.product_id]
        return asked, frozenset(item.id for item in asked)
    push = chunk.push
    found = changes.read_slice(push.outlet_id, push.push_type, now, chunk.first_id, chunk.last_id, size + 1)
    guard.check(push, contract, found)
    read = found.items
    if len(read) > size:
        PushChunk.objects.create(push=push, first_id=read[size].product_id, last_id=chunk.last_id)
        PushChunk.objects.filter(pk=chunk.pk).update(last_id=read[size].product_id - 1)
        chunk.last_id = read[size].product_id - 1
    return read[:size], found.refused


@transaction.atomic
def skip_chunk(chunk_id: int, now: datetime) -> list[Ring]:
    push = history.lock_push(claims.push_of(chunk_id))
    claims.end_waiting_chunk(chunk_id)
    return go_on(push, now)


@transaction.atomic
def keep_back(chunk_id: int) -> list[Ring]:
    """Whoever lets the push go has locked it, and finds the chunk held, or this finds the push let go."""
    push = history.lock_push(claims.push_of(chunk_id))
    if push.status != PushHistory.Status.HELD:
        return [ring_chunk(push, chunk_id)]
    claims.hold_waiting_chunk(chunk_id)
    return []
