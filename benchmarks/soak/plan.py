"""What is going to happen, drawn beforehand from a seed; and which faults are long enough to be told of. Pure."""

import random
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

DEPLOY, ROLLING = "deploy", "rolling deploy"
HANG, REFUSED, WRONG_KEY = "hangs", "refuses an item", "wrong key"
MISTAKE = "mistake"  # an update that nobody means, until somebody sees to it
# One request of a store gets this, and the next one is taken again.
SHORT = ("429 once", "500 once", "hangs once", "cut once", "applied and cut once", "late once", "html once")
# All requests of a store get this for as long as the fault lasts.
LONG = (WRONG_KEY, "429", "500", HANG, "cut", "html", REFUSED, MISTAKE)
# A request that was under way is taken for lost, and counts as one of a chunk's three attempts.
DEADLY = ("worker killed", "worker process killed", "database")
OTHERS = ("beat killed", "broker killed", "broker flushed", "broker hangs up", "broker flushed")
STARTED_ANEW = ("worker killed", "worker process killed", "beat killed")
LEFT_RUNNING = 0.65  # of the time; after it none of these, so that memory shows how it goes

LASTS = (80.0, 130.0)  # seconds: a long fault, that a deploy may fall into
HURRIED, HURRIED_LASTS = 300.0, (60.0, 100.0)  # of a run that is shorter
PAUSES = (35.0, 95.0)  # between the beginnings of two long ones
GAPS = (10.0, 24.0)  # between two short ones
REST = 120.0  # of a store after a long fault, until its next one
CLEAR = 60.0  # of a store between two short faults, and after a long one
DEADLY_GAP = 45.0  # longer than a lease with all that follows: a chunk meets one such fault at most
BEFORE, AFTER = 25.0, 45.0  # around a deploy nothing else begins or ends


class Event(NamedTuple):
    """`at` and `seconds` count from the beginning; without `seconds` it is over at once."""

    at: float
    kind: str
    store_id: str = ""
    seconds: float = 0.0


def draw_plan(seed: int, seconds: float, store_ids: Sequence[str], scheduled: Collection[str] = ()) -> list[Event]:
    """Stores that are only pushed to by schedule refuse no item: that takes three pushes to become trouble."""
    chance = random.Random(seed)
    quiet = min(60.0, seconds / 8)
    deploys = draw_deploys(seconds)
    long = list(draw_long(chance, quiet, seconds, store_ids, deploys, scheduled))
    short = draw_short(chance, quiet, seconds, store_ids, deploys, long)
    return sorted([*deploys, *long, *short])


def draw_deploys(seconds: float) -> list[Event]:
    if seconds < HURRIED:
        return [Event(seconds / 2, DEPLOY)]
    return [Event(seconds / 5, DEPLOY), Event(seconds / 3, ROLLING), Event(seconds / 2, DEPLOY)]


def put_off(at: float, deploys: Sequence[Event]) -> float:
    """The same time, or after the deploy that it falls into."""
    for deploy in deploys:
        if deploy.at - BEFORE <= at <= deploy.at + AFTER:
            return deploy.at + AFTER
    return at


def draw_long(
    chance: random.Random,
    quiet: float,
    seconds: float,
    store_ids: Sequence[str],
    deploys: Sequence[Event],
    scheduled: Collection[str],
) -> Iterator[Event]:
    free_at = dict.fromkeys(store_ids, 0.0)
    hang_ends, at = 0.0, quiet
    lasts = HURRIED_LASTS if seconds < HURRIED else LASTS
    kinds: list[str] = []
    while True:
        at = put_off(at, deploys)
        ends_at = put_off(at + chance.uniform(*lasts), deploys)
        if ends_at > seconds:
            return
        kinds = kinds or chance.sample(LONG, len(LONG))
        kind = kinds.pop()
        unfit = scheduled if kind == REFUSED else ()
        store_id = chance.choice([one for one in store_ids if free_at[one] <= at and one not in unfit])
        if kind == HANG and hang_ends > at:  # two of them would hold half of the workers
            kind = "500"
        hang_ends = ends_at if kind == HANG else hang_ends
        free_at[store_id] = ends_at + REST
        yield Event(at, kind, store_id, ends_at - at)
        at += chance.uniform(*PAUSES)


def draw_short(
    chance: random.Random,
    quiet: float,
    seconds: float,
    store_ids: Sequence[str],
    deploys: Sequence[Event],
    long: Sequence[Event],
) -> Iterator[Event]:
    used_at = dict.fromkeys(store_ids, -CLEAR)
    deadly_at, at = -DEADLY_GAP, quiet
    while (at := put_off(at + chance.uniform(*GAPS), deploys)) < seconds:
        if chance.random() < 0.6:
            free = [one for one in store_ids if used_at[one] + CLEAR <= at and not is_troubled(one, at, long)]
            if free:
                store_id = chance.choice(free)
                used_at[store_id] = at
                yield Event(at, chance.choice(SHORT), store_id)
            continue
        kinds = DEADLY + OTHERS if at - deadly_at >= DEADLY_GAP else OTHERS
        if at > LEFT_RUNNING * seconds:
            kinds = tuple(kind for kind in kinds if kind not in STARTED_ANEW)
        kind = chance.choice(kinds)
        deadly_at = at if kind in DEADLY else deadly_at
        yield Event(at, kind)


def is_troubled(store_id: str, at: float, long: Sequence[Event]) -> bool:
    return any(one.store_id == store_id and one.at - CLEAR <= at <= one.at + one.seconds + CLEAR for one in long)
