"""Carries out what the plan says."""

import random
import sqlite3
import time
from collections.abc import Callable
from typing import Any

import redis
from django.conf import settings
from django.db import connection

from benchmarks.postgres import restart_postgres
from benchmarks.soak import clock, plan
from benchmarks.soak.chain import Chain
from benchmarks.soak.clients import ShopOwner, Till
from benchmarks.soak.deploys import Deploys
from benchmarks.soak.journal import Journal
from benchmarks.soak.plan import Event
from benchmarks.soak.service import Service
from benchmarks.soak.traffic import Traffic, patiently
from integration.demo_chain import DEMO_KEY
from integration.models import PushHistory

LOCKED_SECONDS = 3.0
# How the mock shop misbehaves; a hang outlasts a request's deadline, and what is late is applied after it.
MODES: dict[str, dict[str, Any]] = {
    "429": {"mode": "status", "status": 429, "retry_after": "1"},
    "500": {"mode": "status", "status": 500},
    "hangs": {"mode": "hang", "seconds": 5},
    "cut": {"mode": "cut"},
    "html": {"mode": "html"},
    "late": {"mode": "late", "seconds": 4},
    "applied and cut": {"mode": "apply_and_cut"},
}


class Faults:
    def __init__(
        self, service: Service, shop: ShopOwner, till: Till, traffic: Traffic, chain: Chain, journal: Journal, seed: int
    ) -> None:
        self.service, self.shop, self.till = service, shop, till
        self.traffic, self.chain, self.journal = traffic, chain, journal
        self.deploys = Deploys(service, shop, till, chain, journal)
        self.chance = random.Random(seed)

    def carry_out(self, event: Event) -> None:
        """A fault that lasts is only begun here."""
        if event.seconds:
            self.begin(event)
            return
        began_at = clock.now()
        if event.store_id:
            self.misbehave_once(event)
        else:
            self.ACTIONS[event.kind](self)
        self.journal.note(event.kind, event.store_id, began_at)

    # --- shops ------------------------------------------------------------------------------------------

    def begin(self, event: Event) -> None:
        self.journal.begin(event.kind, event.store_id)
        if event.kind == plan.MISTAKE:
            self.traffic.put_all(event.store_id, stock=0)
            return
        if event.kind == plan.WRONG_KEY:
            self.till.set_key(self.chain.outlet_ids[event.store_id], "a-key-that-is-wrong")
        elif event.kind == plan.REFUSED:
            self.shop.misbehave(event.store_id, "reject", skus=[self.traffic.skus[0]])
        else:
            self.shop.misbehave(event.store_id, **MODES[event.kind])
        self.traffic.change(event.store_id, "JSON", reserved=event.kind == plan.REFUSED)

    def end(self, event: Event) -> None:
        if event.kind == plan.MISTAKE:
            self.see_to_mistake(event.store_id)
            return
        if event.kind == plan.WRONG_KEY:
            self.till.set_key(self.chain.outlet_ids[event.store_id], DEMO_KEY)
        else:
            self.shop.recover(event.store_id)
        self.journal.end(event.store_id)
        self.traffic.change(event.store_id, "JSON", reserved=event.kind == plan.REFUSED)

    def see_to_mistake(self, store_id: str) -> None:
        """It is corrected, and the push goes on by itself; or somebody means it, and has new stock a moment later."""
        held = PushHistory.objects.filter(outlet=self.chain.outlet_ids[store_id], status=PushHistory.Status.HELD)
        push_id = patiently(held.values_list("pk", flat=True).first)
        self.journal.end(store_id)
        if push_id is None:
            self.journal.complain(f"a mistake was not held in store {store_id}")
        elif self.chance.random() < 0.5:
            self.traffic.release(push_id)
        self.traffic.put_all(store_id, stock=1)

    def misbehave_once(self, event: Event) -> None:
        mode = MODES[event.kind.removesuffix(" once")]
        self.shop.misbehave(event.store_id, times=1, **mode)
        self.traffic.change(event.store_id, "JSON")

    # --- processes --------------------------------------------------------------------------------------

    def kill(self, role: str) -> None:
        found = self.service.find(role)
        if found:
            self.chance.choice(found).kill()

    def lock_database(self) -> None:
        if connection.vendor == "postgresql":
            restart_postgres(settings.DATA_DIR.parent / "postgres")
            return
        other = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None, timeout=20)
        other.execute("BEGIN IMMEDIATE")
        time.sleep(LOCKED_SECONDS)
        other.execute("ROLLBACK")
        other.close()

    def tell_broker(self, what: Callable[[Any], object]) -> None:
        try:
            with redis.Redis.from_url(settings.RATE_LIMIT_URL, socket_timeout=2) as client:
                what(client)
        except (redis.RedisError, OSError):
            return  # it is down, which is worse

    ACTIONS: dict[str, Callable[["Faults"], None]] = {
        "worker killed": lambda self: self.kill("worker"),
        "worker process killed": lambda self: self.kill("worker child"),
        "beat killed": lambda self: self.kill("beat"),
        "broker killed": lambda self: self.kill("broker"),
        "broker flushed": lambda self: self.tell_broker(lambda client: client.flushall()),
        "broker hangs up": lambda self: self.tell_broker(
            lambda client: client.client_kill_filter(_type="normal", skipme=True)
        ),
        "database": lock_database,
        plan.DEPLOY: lambda self: self.deploys.deploy(),
        plan.ROLLING: lambda self: self.deploys.roll(),
    }
