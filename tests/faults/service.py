"""The running service for a module's tests, and the four facts that must hold after every fault."""

import dataclasses
import json
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.db import connection
from django.utils import timezone
from pytest_celery import CeleryTestBroker, CeleryTestWorker

from dashboard import env, processes
from dashboard.supervisor import Program
from integration.changes import items_to_push
from integration.contracts import store_contract
from integration.mock_shop import MockShop
from integration.models import Outlet, PushAttempt, PushHistory
from tasks import app
from tasks.maintenance import sweep
from tasks.push import push_all_outlets, ring_outlet
from tests.conftest import acknowledged_state, dashboard_state, set_price
from tests.faults.local import LocalProcess, wait_until

# Times that a test can wait for; in the order that the real ones have.
CONTRACT = {
    "backoff_seconds": 0.1,
    "timeout_seconds": 1,
    "slow_seconds": 0.9,
    "processing_seconds": 2,
    "breaker_seconds": 0.5,
    "guard": {"enabled": False},  # most of these tests send what nobody would mean
}
PATIENT = {"timeout_seconds": 5, "slow_seconds": 4}  # a claim's time is what ends a request then
TIMES = {"CHUNK_LEASE_SECONDS": 2, "RING_AGAIN_SECONDS": 2, "UPDATE_GAP_SECONDS": 0}


def store_times(**changes: Any) -> None:
    """Other times than these, for a test that counts requests or has to act between two of them."""
    store_contract("pasons", "", {**CONTRACT, **changes}, timezone.now())


def database_url() -> str:
    """The address of the tests' own database."""
    name = connection.settings_dict["NAME"]
    if connection.vendor == "sqlite":
        return f"sqlite:///{name}"
    return urlsplit(env.database_url())._replace(path=f"/{name}").geturl()


def in_tests(program: Program, broker_url: str = "", **contract: Any) -> Program:
    """The program with the tests' database, times and weak points."""
    variables = {name: str(value) for name, value in TIMES.items()}
    contracts = json.dumps({"pasons": {**CONTRACT, **contract}})
    settings = {"DJANGO_SETTINGS_MODULE": "tests.faults.settings", "CONTRACTS": contracts, "REDIS_URL": broker_url}
    return dataclasses.replace(program, environment=env.changed(DATABASE_URL=database_url(), **variables, **settings))


class Service:
    """A broker and a worker as pytest-celery's nodes, which a test may kill: the next one finds them running."""

    def __init__(self, log_dir: Path, worker_broker_url: str = "", **contract: Any) -> None:
        url = env.broker_url()
        self.log_dir = log_dir
        self.broker = CeleryTestBroker(LocalProcess(processes.broker(), log_dir, url=url, host_url=url))
        worker = in_tests(processes.worker(), worker_broker_url, **contract)
        self.worker = CeleryTestWorker(LocalProcess(worker, log_dir), app)

    def ensure(self) -> None:
        """Everything runs, and no message of another test is left."""
        for node in (self.broker, self.worker):
            if node.container.status != "running":
                node.restart()
        self.redis.flushall()

    @property
    def redis(self) -> Any:
        with app.connection_for_write() as broker:
            return broker.default_channel.client

    def teardown(self) -> None:
        self.worker.teardown()
        self.broker.teardown()


# --- the four facts -------------------------------------------------------------------------------------


def tick() -> None:
    """What beat asks for, more often."""
    push_all_outlets.delay()
    sweep.delay()


def is_over() -> bool:
    return not PushHistory.objects.filter(status__in=PushHistory.OPEN).exists()


def is_settled(outlets: Iterable[Outlet]) -> bool:
    """Nothing is open, unsynced, or to be confirmed later."""
    later = timezone.now() + timedelta(hours=1)
    return is_over() and not any(items_to_push(outlet.pk, "partial", later).exists() for outlet in outlets)


def settle(*outlets: Outlet, seconds: float = 60) -> None:
    def ask() -> bool:
        tick()
        time.sleep(0.3)
        return is_settled(outlets)

    wait_until(ask, seconds)


def prove(shop: MockShop, *outlets: Outlet, refused: Callable[[str], bool] = lambda sku: False) -> None:
    """The four facts. Items that the shop refuses are the dashboard's alone."""
    settle(*outlets)
    for outlet in outlets:
        ours = {sku: values for sku, values in dashboard_state(outlet).items() if not refused(sku)}
        assert shop.shelf.get(outlet.store_id) == ours
        recorded = {(outlet.store_id, sku, *values) for sku, values in acknowledged_state(outlet).items()}
        assert recorded - shop.accepted == set()
    assert not PushHistory.objects.filter(finished_at__isnull=True).exists()
    assert not PushAttempt.objects.filter(finished_at__isnull=True).exists()
    for outlet in outlets:
        prove_alive(shop, outlet)


def prove_alive(shop: MockShop, outlet: Outlet) -> None:
    """No process hangs: one more change arrives, without the sweep's help."""
    sku = next(iter(acknowledged_state(outlet)))
    set_price(outlet, sku, "4321.00")
    ring_outlet(outlet.pk)
    wait_until(lambda: shop.shelf.get(outlet.store_id)[sku][0] == "4321.00", 15)
    wait_until(is_over, 15)
