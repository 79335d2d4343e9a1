"""A Redis with a replica, looked after by three sentinels: when it dies in mid-push the replica takes its place."""

import time
from pathlib import Path
from typing import Any

import pytest
import redis

from dashboard import processes
from integration.mock_shop import MockShop
from integration.models import Outlet, PushAttempt, PushHistory
from integration.redis_client import connect
from tests.conftest import stock
from tests.faults.local import wait_until
from tests.parts.proof import prove_alive, prove_settled
from tests.parts.servers import kept, sentinel

pytestmark = pytest.mark.django_db(transaction=True)
# So that each request is counted, in the Redis of the moment.
LIMITED = '{"pasons": {"requests_per_minute": 6000, "backoff_seconds": 0.1, "processing_seconds": 2}}'


def port_of_master(client: redis.Redis) -> int:
    return int(client.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "push")[1])


def answers(url: str) -> bool:
    try:
        return bool(connect(url, 1).ping())
    except redis.RedisError:
        return False


def has_replica_and_sentinels(client: redis.Redis) -> bool:
    master = client.sentinel_master("push")
    return (master["num-slaves"], master["num-other-sentinels"]) == (1, 2)


def test_a_failover_in_mid_push_loses_nothing(
    tmp_path: Path, start: Any, branch: Outlet, shop: MockShop, every_second: None, settings: Any
) -> None:
    first, second, *watchers = (processes.free_port() for _ in range(5))
    master = start(kept(tmp_path, "first", first))
    start(kept(tmp_path, "second", second, first))
    for number, port in enumerate(watchers):
        start(sentinel(tmp_path, f"sentinel{number}", port, first))
    watcher = redis.Redis(port=watchers[0])
    wait_until(lambda: has_replica_and_sentinels(watcher), 30, 0.2)
    url = ";".join(f"sentinel://127.0.0.1:{port}" for port in watchers)
    variables = {"REDIS_URL": url, "SENTINEL_MASTER": "push", "CONTRACTS": LIMITED}
    settings.SENTINEL_MASTER = "push"
    stock(branch, 20_000)
    shop.misbehave(mode="slow", seconds=0.2)
    worker = start(processes.worker(), **variables)
    beat = start(processes.beat(), **variables)
    wait_until(lambda: PushAttempt.objects.filter(outcome="done").count() >= 3)
    assert any(b"rate:" in key for key in connect(url, 1).scan_iter())
    master.kill()
    killed_at = time.monotonic()
    wait_until(lambda: port_of_master(watcher) == second)
    print(f"\nfailover after {time.monotonic() - killed_at:.1f} s")
    assert PushHistory.objects.filter(finished_at__isnull=True).exists()
    wait_until(lambda: answers(url), 20, 0.2)
    prove_settled(shop, branch, 90)
    print(f"settled after {time.monotonic() - killed_at:.1f} s")
    prove_alive(shop, branch)
    assert (worker.status, beat.status) == ("running", "running")
    assert set(PushHistory.objects.values_list("status", flat=True)) == {"success"}
