"""From the empty database to the verdict."""

import json
import os
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from django.conf import settings
from django.db import connection

from benchmarks.soak import clock, report
from benchmarks.soak.chain import Chain, make_chain
from benchmarks.soak.check import settle
from benchmarks.soak.clients import Person, ShopOwner, Till
from benchmarks.soak.faults import Faults
from benchmarks.soak.journal import Journal
from benchmarks.soak.plan import Event, draw_plan
from benchmarks.soak.receiver import Receiver
from benchmarks.soak.service import Service
from benchmarks.soak.traffic import Traffic
from benchmarks.soak.watch import Watch

REPORT_EVERY = 60.0


class Soak:
    def __init__(self, seconds: float, seed: int) -> None:
        self.seconds, self.seed, self.told_count = seconds, seed, 0
        self.journal, self.receiver = Journal(), Receiver()
        self.service = Service(settings.DATA_DIR)
        self.chain: Chain = make_chain(self.service.shop_url, self.receiver.url)
        self.shop, self.till = ShopOwner(self.service.shop_url), Till(self.service.url, self.chain)
        person = Person(self.service.url, self.chain)
        self.traffic = Traffic(self.till, person, self.chain, self.journal, seed)
        self.faults = Faults(self.service, self.shop, self.till, self.traffic, self.chain, self.journal, seed)
        self.watch = Watch(self.service, self.traffic, self.chain, self.journal)
        self.plan = draw_plan(seed, seconds, [*self.chain.outlet_ids], self.chain.scheduled)

    def run(self) -> dict[str, object]:
        """Start, let it go, and wait until all has settled by itself."""
        self.first_start = self.service.start()
        clock.begin()
        self.traffic.start()
        self.watch.start()
        self.follow(self.plan)
        self.traffic.is_over.set()
        self.traffic.join()
        self.is_settled, self.settle_seconds = settle(self.chain)
        self.watch.is_over.set()
        self.watch.join()
        self.facts = report.observe(self)
        self.last_stop = self.service.stop()
        return report.conclude(self)

    def follow(self, plan: Sequence[Event]) -> None:
        """One thing after the other; what comes due meanwhile is done as soon as may be."""
        steps = [(event.at, partial(self.faults.carry_out, event)) for event in plan]
        steps += [(event.at + event.seconds, partial(self.faults.end, event)) for event in plan if event.seconds]
        told_at = 0.0
        for at, step in sorted(steps, key=lambda one: one[0]):
            while (left := at - clock.now()) > 0:
                time.sleep(min(left, 1.0))
                if clock.now() - told_at > REPORT_EVERY:
                    told_at = clock.now()
                    self.tell()
            self.take(step)
        time.sleep(max(self.seconds - clock.now(), 0))

    def take(self, step: Callable[[], None]) -> None:
        try:
            step()
        except Exception as exc:  # whatever it is: the run goes on, and has failed
            self.journal.complain(f"a step failed after {clock.now():.0f} s: {exc!r}")

    def tell(self) -> None:
        done, updates = len(self.journal.faults), sum(self.journal.updates.values())
        print(
            f"{clock.now():6.0f} s: {updates} updates, {done} faults, {self.receiver.message_count} alerts", flush=True
        )
        for problem in self.journal.problems[self.told_count :]:
            print(f"         {problem}", flush=True)
        self.told_count = len(self.journal.problems)


def soak(seconds: float, seed: int, output: str) -> int:
    """What the process exits with."""
    run: Soak | None = None
    try:
        run = Soak(seconds, seed)
        found = run.run()
    finally:
        if run is not None:
            run.service.close()
        connection.close()
    Path(output).write_text(json.dumps(found, indent=1, default=str) + "\n")
    print(report.table(found), flush=True)
    os.sync()
    return 1 if found["problems"] else 0
