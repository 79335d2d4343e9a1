"""The service behind PgBouncer, which gives each transaction whichever connection is free."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from dashboard import env, processes
from integration.demo_chain import DEMO_KEY, OUTLETS, change_sample, compare, load_sample_chain
from integration.demo_trouble import MORE_OUTLETS
from integration.mock_shop import MockShop
from integration.models import Outlet, OutletProduct, PushAttempt, PushHistory
from tasks.push import ring_outlet
from tests import plugin
from tests.faults.local import LocalProcess, wait_until
from tests.faults.service import database_url, is_over
from tests.parts.servers import pgbouncer
from tests.people import restore_migrated_rows

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(plugin.POSTGRES is None, reason="needs the tests' own PostgreSQL"),
]
TEN = (*OUTLETS, *MORE_OUTLETS[:5])


@pytest.fixture
def pooled(tmp_path: Path, transactional_db: None) -> Iterator[dict[str, str]]:
    """PgBouncer runs before the tests' database; what a program needs to go through it."""
    port = processes.free_port()
    user = plugin.POSTGRES.system_user if plugin.POSTGRES else None
    node = LocalProcess(pgbouncer(tmp_path, port, database_url(), user), tmp_path / "pgbouncer")
    times = {"CONTRACTS": "", "CHUNK_LEASE_SECONDS": "", "RING_AGAIN_SECONDS": ""}  # those of every day
    yield {"DATABASE_URL": f"postgresql://push@127.0.0.1:{port}/push", "PGBOUNCER": "true", "REDIS_URL": "", **times}
    node.teardown()


@pytest.fixture
def chain_shop() -> Iterator[MockShop]:
    with MockShop(key=DEMO_KEY) as shop:
        yield shop


def differing(outlets: list[Outlet], shop: MockShop) -> list[Any]:
    return [difference for outlet in outlets for difference in compare(outlet, shop.shelf.get(outlet.store_id))]


def settled() -> bool:
    return is_over() and not OutletProduct.objects.filter(differs=True).exists()


def clients() -> list[str]:
    """What each connection did last. PostgreSQL's own processes, as autovacuum's, are none."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT state || ': ' || left(query, 80) FROM pg_stat_activity
               WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()"""
        )
        return [text for (text,) in cursor.fetchall()]


def test_a_chain_of_ten_outlets_is_pushed_through_two_connections(
    start: Any, chain_shop: MockShop, pooled: dict[str, str]
) -> None:
    restore_migrated_rows()
    outlets = load_sample_chain(chain_shop.url, timezone.now(), TEN)
    start(processes.broker(), **pooled)
    workers = [start(processes.worker(), **pooled, WORKER_CONCURRENCY="3") for _ in range(2)]
    beat = start(processes.beat(), **pooled)
    for outlet in outlets:
        ring_outlet(outlet.pk, push_type="full")
    feed = [sys.executable, "manage.py", "export_feed", "--outlet", outlets[0].store_id]
    feeds = [
        subprocess.Popen(
            feed, cwd=env.BASE_DIR, env=env.changed(**pooled), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(2)
    ]
    read = [process.communicate(timeout=120) for process in feeds]
    wait_until(settled, 180)
    assert len(clients()) <= 2, clients()
    assert differing(outlets, chain_shop) == []
    for outlet in outlets:
        change_sample(outlet, 100)
    wait_until(settled, 120)
    assert differing(outlets, chain_shop) == []
    assert set(PushHistory.objects.values_list("status", flat=True)) == {"success"}
    assert set(PushAttempt.objects.values_list("outcome", flat=True)) == {"done"}
    assert [(process.returncode, out.count(b"\n"), err) for process, (out, err) in zip(feeds, read, strict=True)] == [
        (0, 2001, b"")
    ] * 2
    for process in (*workers, beat):
        assert "Traceback" not in process.logs()
