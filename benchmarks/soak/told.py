"""Which alerts have to come of the faults that there were, and whether they did, exactly. Pure."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from benchmarks.soak.plan import LONG, MISTAKE

TROUBLE, RECOVERY, HELD, LET_GO = "trouble", "recovery", "held", "let go"
TITLES = {"trouble": TROUBLE, "well again": RECOVERY, "no longer held": LET_GO, "held": HELD}  # how they end
RECOVERY_SECONDS = 90.0  # a breaker's longest pause, the schedule's interval, a worker's restart, and the threshold
STORE = re.compile(r"^Outlet: .* \(pasons (\w+)\)$", re.MULTILINE)


class Fault(NamedTuple):
    """What was done, and from when to when (seconds of the same clock as the alerts')."""

    kind: str
    store_id: str
    began_at: float
    ended_at: float


class Told(NamedTuple):
    """An outlet in a message that has arrived."""

    at: float
    kind: str
    store_id: str


class Expected(NamedTuple):
    kind: str
    store_id: str
    earliest: float
    latest: float


@dataclass(slots=True)
class Comparison:
    expected: list[Expected] = field(default_factory=list)
    missing: list[Expected] = field(default_factory=list)
    twice: list[Told] = field(default_factory=list)
    other: list[Told] = field(default_factory=list)
    waits: dict[str, list[float]] = field(default_factory=lambda: {kind: [] for kind in TITLES.values()})

    @property
    def is_exact(self) -> bool:
        return not (self.missing or self.twice or self.other)


def read_message(at: float, message: dict[str, Any]) -> list[Told]:
    """The outlets of a message; one about something else is kept as its title."""
    title = str(message.get("title", ""))
    kind = next((kind for words, kind in TITLES.items() if title.endswith(words)), title)
    return [Told(at, kind, store_id) for store_id in STORE.findall(str(message.get("message", ""))) or ["?"]]


def expect(faults: Iterable[Fault], threshold: float) -> list[Expected]:
    """Of each fault that lasts for longer than the threshold: trouble meanwhile, and recovery soon after. Of a mistake,
    that it is held, and no longer."""
    expected = []
    for fault in faults:
        if fault.kind in LONG and fault.ended_at - fault.began_at > threshold:
            begin, end = (HELD, LET_GO) if fault.kind == MISTAKE else (TROUBLE, RECOVERY)
            expected.append(Expected(begin, fault.store_id, fault.began_at, fault.ended_at))
            expected.append(Expected(end, fault.store_id, fault.ended_at, fault.ended_at + RECOVERY_SECONDS))
    return sorted(expected, key=lambda one: one.earliest)


def compare(expected: Sequence[Expected], told: Sequence[Told]) -> Comparison:
    found, used = Comparison(expected=list(expected)), set[int]()
    for one in expected:
        fits = [number for number, alert in enumerate(told) if number not in used and is_meant(one, alert)]
        used.update(fits)
        if not fits:
            found.missing.append(one)
            continue
        found.waits[one.kind].append(told[fits[0]].at - one.earliest)
        found.twice += [told[number] for number in fits[1:]]
    found.other = [alert for number, alert in enumerate(told) if number not in used]
    return found


def is_meant(one: Expected, alert: Told) -> bool:
    is_same = (alert.kind, alert.store_id) == (one.kind, one.store_id)
    return is_same and one.earliest <= alert.at <= one.latest
