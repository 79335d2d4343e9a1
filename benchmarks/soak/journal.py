"""What was done to the service and the shops, and when; what went wrong that must not."""

import threading
from collections import Counter

from benchmarks.soak import clock
from benchmarks.soak.told import Fault


class Journal:
    """Written by several threads."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.faults: list[Fault] = []
        self.lasting: dict[str, tuple[str, float]] = {}  # by store: what it suffers, and since when
        self.updates = Counter[str]()
        self.problems: list[str] = []

    def note(self, kind: str, store_id: str, began_at: float) -> None:
        with self.lock:
            self.faults.append(Fault(kind, store_id, began_at, clock.now()))

    def begin(self, kind: str, store_id: str) -> None:
        with self.lock:
            self.lasting[store_id] = (kind, clock.now())

    def end(self, store_id: str) -> None:
        with self.lock:
            kind, began_at = self.lasting.pop(store_id)
            self.faults.append(Fault(kind, store_id, began_at, clock.now()))

    def count(self, kind: str) -> None:
        with self.lock:
            self.updates[kind] += 1

    def complain(self, problem: str) -> None:
        with self.lock:
            self.problems.append(problem)

    def troubled(self, and_before: float = 0.0) -> set[str]:
        """Stores that suffer, or did so many seconds ago."""
        since = clock.now() - and_before
        with self.lock:
            recent = {fault.store_id for fault in self.faults if and_before and fault.ended_at >= since}
            return recent - {""} | set(self.lasting)
