"""Looks at the service all the time: memory, files, database, queue, health, metrics, and how fast changes arrive."""

import os
import re
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psutil
import redis
from django.conf import settings
from django.db import Error, connection

from benchmarks.soak import clock
from benchmarks.soak.chain import Chain
from benchmarks.soak.journal import Journal
from benchmarks.soak.memory import Sample
from benchmarks.soak.service import Service
from benchmarks.soak.traffic import Probe, Traffic
from integration.backing import BROKER_SECONDS
from integration.models import OutletProduct
from integration.redis_client import connect

MEMORY_EVERY, METRICS_EVERY, READY_EVERY, ARRIVALS_EVERY = 10.0, 15.0, 2.0, 1.0
LONGEST_RESTART = 20  # seconds, of a PostgreSQL on a busy machine
MIB = 1 << 20
OLDEST = re.compile(r'^shop_outlet_oldest_change_age_seconds\{.*store_id="(\w+)".*\} ([\d.e+-]+)$', re.MULTILINE)
QUEUE = re.compile(r'^shop_broker_messages\{queue="celery"\} ([\d.e+-]+)$', re.MULTILINE)
RECENT = 60.0  # seconds after a fault in which its store may still be late
GIVEN_UP = 300.0  # seconds after which a change that was timed has to have arrived


class Watch(threading.Thread):
    def __init__(self, service: Service, traffic: Traffic, chain: Chain, journal: Journal) -> None:
        super().__init__(daemon=True, name="watch")
        self.service, self.traffic, self.chain, self.journal = service, traffic, chain, journal
        self.client = httpx.Client(base_url=service.url, timeout=30, trust_env=False)
        self.is_over = threading.Event()
        self.roles: dict[str, dict[int, list[Sample]]] = defaultdict(lambda: defaultdict(list))
        self.files: dict[str, int] = defaultdict(int)
        self.totals: list[Sample] = []
        self.database_mib: list[Sample] = []
        self.queue: list[float] = []
        self.load: list[float] = []
        self.oldest: list[float] = []
        self.latencies: list[tuple[Probe, float]] = []
        self.scrapes: list[float] = []
        self.ready_counts = {"ready": 0, "not ready": 0, "not judged": 0}

    def run(self) -> None:
        jobs = [
            (self.measure, MEMORY_EVERY),
            (self.scrape, METRICS_EVERY),
            (self.ask_ready, READY_EVERY),
            (self.note_arrivals, ARRIVALS_EVERY),
        ]
        due = {job: 0.0 for job, _ in jobs}
        while not self.is_over.wait(0.2):
            for job, every in jobs:
                if time.monotonic() >= due[job]:
                    due[job] = time.monotonic() + every
                    self.do(job)
        connection.close()

    def do(self, job: Callable[[], None]) -> None:
        try:
            job()
        except Error:  # the database is being restarted
            connection.close()
        except Exception as exc:  # whatever it is: it must not end the watch, and has to be known
            self.journal.complain(f"{job.__name__} failed after {clock.now():.0f} s: {exc!r}")

    # --- memory, files, database ------------------------------------------------------------------------

    def measure(self) -> None:
        now, total = clock.now(), 0.0
        for role, process in self.service.parts():
            try:
                mib, files = process.memory_info().rss / MIB, process.num_fds()
            except psutil.Error:
                continue
            self.roles[role][process.pid].append(Sample(now, mib))
            self.files[role] = max(self.files[role], files)
            total += mib
        if self.service.is_up():
            self.totals.append(Sample(now, total))
        self.database_mib.append(Sample(now, database_bytes() / MIB))
        self.load.append(os.getloadavg()[0])

    # --- metrics and health -----------------------------------------------------------------------------

    def scrape(self) -> None:
        """It may fail only where the web server, or the database that it reads, is not there."""
        up_since, began_at = self.service.up_since, clock.now()
        problem, text = self.ask_metrics()
        if not problem:
            self.scrapes.append(clock.now() - began_at)
            self.read_metrics(text)
        elif up_since is not None and up_since == self.service.up_since and not self.was_restarted(began_at):
            self.journal.complain(f"/metrics failed after {began_at:.0f} s: {problem}")

    def ask_metrics(self) -> tuple[str, str]:
        try:
            answer = self.client.get("/metrics", headers={"Authorization": f"Bearer {self.chain.token}"})
        except httpx.TransportError as exc:
            return type(exc).__name__, ""
        return ("" if answer.status_code == 200 else str(answer.status_code)), answer.text

    def was_restarted(self, began_at: float) -> bool:
        """PostgreSQL, around that time; a SQLite that is locked can be read."""
        if connection.vendor != "postgresql":
            return False
        waits_until = clock.now() + LONGEST_RESTART  # a fault is noted at its end
        while clock.now() < waits_until:
            faults = [fault for fault in self.journal.faults if fault.kind == "database"]
            if any(fault.began_at - 1 <= clock.now() and fault.ended_at + 5 >= began_at for fault in faults):
                return True
            time.sleep(0.5)
        return False

    def read_metrics(self, text: str) -> None:
        troubled = self.journal.troubled(RECENT)
        ages = [float(age) for store_id, age in OLDEST.findall(text) if store_id not in troubled]
        self.oldest.append(max(ages, default=0.0))
        self.queue += [float(count) for count in QUEUE.findall(text)]

    def ask_ready(self) -> None:
        """Right is what database and broker say themselves, if they say the same before and after."""
        up_since, before = self.service.up_since, self.backing_answers()
        try:
            status = self.client.get("/health/ready").status_code
        except httpx.TransportError as exc:
            status, problem = 0, type(exc).__name__
        else:
            problem = str(status)
        after = self.backing_answers()
        if up_since is None or up_since != self.service.up_since or before != after:
            self.ready_counts["not judged"] += 1
        elif status == (200 if before else 503):
            self.ready_counts["ready" if before else "not ready"] += 1
        else:
            self.journal.complain(
                f"/health/ready said {problem} after {clock.now():.0f} s, and all was there: {before}"
            )

    def backing_answers(self) -> bool:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
        except Error:
            connection.close()
            return False
        try:
            with connect(settings.BROKER_REDIS_URL, BROKER_SECONDS) as client:
                return bool(client.ping())
        except (redis.RedisError, OSError):
            return False

    # --- how fast changes arrive ------------------------------------------------------------------------

    def note_arrivals(self) -> None:
        pending = self.traffic.probes
        if not pending:
            return
        pks = [probe.product_id for probe in pending]
        rows = OutletProduct.objects.filter(product_id__in=pks).values_list(
            "outlet_id", "product_id", "selling_price", "pushed_price", "pushed_at"
        )
        known = {(row[0], row[1]): row[2:] for row in rows}
        for probe in list(pending):
            self.note_arrival(probe, *known[probe.outlet_id, probe.product_id])

    def note_arrival(self, probe: Probe, price: Any, pushed_price: Any, pushed_at: Any) -> None:
        if price == probe.price == pushed_price and pushed_at.timestamp() >= probe.asked_at:
            self.latencies.append((probe, pushed_at.timestamp() - probe.asked_at))
        elif price == probe.price and time.time() - probe.asked_at < GIVEN_UP:
            return
        elif price == probe.price:
            self.journal.complain(f"a change of store {probe.store_id} did not arrive within {GIVEN_UP:.0f} s")
        self.traffic.probes.remove(probe)


def database_bytes() -> int:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_database_size(current_database())")
            return int(cursor.fetchone()[0])
    name = Path(settings.DATABASES["default"]["NAME"])
    files = [name, name.with_name(f"{name.name}-wal")]
    return sum(file.stat().st_size for file in files if file.exists())
