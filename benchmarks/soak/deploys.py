"""The service is stopped and started again while it pushes; how long that takes, and that no request is lost."""

import time
from datetime import UTC, datetime
from typing import Any

from benchmarks.soak import clock
from benchmarks.soak.chain import Chain
from benchmarks.soak.clients import ShopOwner, Till
from benchmarks.soak.journal import Journal
from benchmarks.soak.service import Service
from benchmarks.soak.traffic import patiently
from integration.models import PushAttempt, PushHistory

STORES, SLOW_SECONDS = 3, 0.5  # so many full pushes are under way, to shops that take so long
WAIT_SECONDS = 15.0


class Deploys:
    def __init__(self, service: Service, shop: ShopOwner, till: Till, chain: Chain, journal: Journal) -> None:
        self.service, self.shop, self.till = service, shop, till
        self.chain, self.journal = chain, journal
        self.results: list[dict[str, Any]] = []

    def deploy(self) -> None:
        """All processes end by SIGTERM to their supervisor, and start anew."""
        stores, began_at = self.begin_pushes(), clock.now()
        under_way = self.open_attempts()
        stopped = self.service.stop()
        left = self.open_attempts()
        started = self.service.start()
        if left:
            self.journal.complain(f"a deploy left {left} requests open")
        self.note("deploy", stores, began_at, under_way, stop_seconds=stopped, start_seconds=started)

    def roll(self) -> None:
        """A new worker starts before the old one ends; everything else stays."""
        stores, began_at = self.begin_pushes(), clock.now()
        under_way = self.open_attempts()
        self.note("rolling deploy", stores, began_at, under_way, seconds=self.service.replace_worker())

    def begin_pushes(self) -> list[str]:
        """The stores of full pushes of which a request is under way."""
        healthy = [store for store in self.chain.outlet_ids if store not in self.journal.troubled()]
        stores = healthy[len(self.results) * STORES :][:STORES]
        for store_id in stores:
            self.shop.misbehave(store_id, "slow", seconds=SLOW_SECONDS)
            self.till.push_fully(self.chain.outlet_ids[store_id])
        ends_at = time.monotonic() + WAIT_SECONDS
        while not self.open_attempts() and time.monotonic() < ends_at:
            time.sleep(0.05)
        return stores

    def open_attempts(self) -> int:
        return int(patiently(PushAttempt.objects.filter(finished_at__isnull=True).count))

    def note(self, kind: str, stores: list[str], began_at: float, under_way: int, **seconds: float) -> None:
        for store_id in stores:
            self.shop.recover(store_id)
        result = {"kind": kind, "began_at": began_at, "ended_at": clock.now(), "requests_under_way": under_way}
        self.results.append(result | {name: round(value, 1) for name, value in seconds.items()})
        if not under_way:
            self.journal.complain(f"a {kind} met no request that was under way")

    # --- afterwards -------------------------------------------------------------------------------------

    def review(self) -> None:
        """What came of the requests and of the full pushes of each deploy."""
        for result in self.results:
            span = [moment(result.pop(name)) for name in ("began_at", "ended_at")]
            lost = PushAttempt.objects.filter(error_kind="worker_lost", started_at__range=span)
            full = PushHistory.objects.filter(push_type="full", push_timestamp__range=(moment_before(span[0]), span[1]))
            result["lost_requests"] = lost.count()
            result["full_pushes"] = full.count()
            result["full_pushes_that_went_well"] = full.filter(status=PushHistory.Status.SUCCESS).count()
            if result["lost_requests"]:
                self.journal.complain(f"a {result['kind']} lost {result['lost_requests']} requests")


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(clock.began_at + seconds, UTC)


def moment_before(at: datetime) -> datetime:
    return datetime.fromtimestamp(at.timestamp() - WAIT_SECONDS, UTC)
