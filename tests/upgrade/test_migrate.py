"""`migrate` gives way to whoever works, and neither of them is ended by the database."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import ProgrammingError, connection

from integration.management.commands import migrate
from tests import plugin
from tests.faults.local import wait_until
from tests.upgrade import schema

pytestmark = [
    pytest.mark.usefixtures("old_database"),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time"),
]
READ = "SELECT count(*) FROM integration_{}"
WAITS = """SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'
           AND relation = 'integration_outletproduct'::regclass"""
TIDIED = """SELECT count(*) FROM pg_locks WHERE granted AND mode = 'ShareUpdateExclusiveLock'
            AND relation = 'integration_outletproduct'::regclass"""
SLOWLY = """ALTER TABLE integration_outletproduct SET (autovacuum_vacuum_cost_delay = 100,
            autovacuum_vacuum_cost_limit = 1, autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0)"""
SECONDS = 0.9  # a little later PostgreSQL ends whoever has waited for a second in a circle


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrate, "PAUSES", (0.05, 0.1))


@contextmanager
def worker(**more: Any) -> Iterator[Any]:
    with psycopg.connect(**{**connection.get_connection_params(), "cursor_factory": None, **more}) as other:
        yield other


def is_newest() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('integration_productupdate') IS NOT NULL")
        return bool(cursor.fetchone()[0])


def test_a_worker_that_takes_tables_in_another_order_goes_on_and_so_does_the_migration() -> None:
    errors: list[BaseException] = []

    def run() -> None:
        try:
            schema.go_to_newest()
        except BaseException as exc:
            errors.append(exc)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    with worker() as mine, worker() as slow, worker(autocommit=True) as other:
        mine.execute(READ.format("pushhistory"))
        slow.execute(READ.format("outletproduct"))
        thread.start()
        wait_until(lambda: other.execute(WAITS).fetchone()[0])  # it has the outlets by now, and wants the pushes next
        timer = threading.Timer(SECONDS, slow.commit)
        timer.start()
        assert mine.execute(READ.format("outlet")).fetchone()[0] > 0
        mine.commit()
        timer.join()
        thread.join(60)
    assert errors == []
    assert is_newest()


def test_a_table_that_stays_in_use_is_said_and_what_was_migrated_stays(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(migrate, "TRIES", 3)
    with worker() as mine:
        mine.execute(READ.format("pushhistory"))
        with pytest.raises(CommandError, match=r"in use all the time .*lock timeout.*run it again"):
            call_command("migrate")
    said = capsys.readouterr().out
    assert said.count("once more") == 2
    assert said.count("Applying integration.0006_contracts_and_tokens") == 1
    assert not is_newest()
    schema.go_to_newest()
    assert is_newest()


@pytest.fixture
def vacuum(old_database: str) -> Iterator[Any]:
    """PostgreSQL tidies the items by itself, for half a minute or more; another connection, to look at it."""
    apps = schema.previous_models()
    product, outlet_product = (apps.get_model("integration", name) for name in ("Product", "OutletProduct"))
    products = product.objects.bulk_create(product(sku=f"much-{number:05d}") for number in range(5000))
    (outlet_id, *_) = outlet_product.objects.values_list("outlet_id", flat=True)
    outlet_product.objects.bulk_create(
        outlet_product(outlet_id=outlet_id, product=each, selling_price=1, stock_status=1) for each in products
    )
    outlet_product.objects.update(selling_price=2)
    with worker(autocommit=True) as other:
        for statement in (SLOWLY, "ALTER SYSTEM SET autovacuum_naptime = 1", "SELECT pg_reload_conf()"):
            other.execute(statement)
        wait_until(lambda: other.execute(TIDIED).fetchone()[0], 60)
        yield other
        other.execute("ALTER SYSTEM RESET autovacuum_naptime")
        other.execute("SELECT pg_reload_conf()")


@pytest.mark.skipif(plugin.POSTGRES is None, reason="needs the tests' own PostgreSQL")
@pytest.mark.usefixtures("vacuum")
def test_a_table_that_postgresql_is_tidying_is_migrated(monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL breaks off what it does by itself, but only for who waits longer than a migration does."""
    monkeypatch.setattr(migrate, "TRIES", 4)
    schema.go_to_newest()
    assert is_newest()


def test_what_somebody_has_asked_to_be_tidied_is_not_broken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrate, "TRIES", 2)
    monkeypatch.setattr(migrate, "LONGEST_WAIT_FOR_TIDYING", "1500ms")
    with worker() as mine:
        mine.execute("LOCK TABLE integration_outletproduct IN SHARE UPDATE EXCLUSIVE MODE")  # as VACUUM does
        with pytest.raises(CommandError, match="in use all the time"):
            schema.go_to_newest()
        assert mine.execute(READ.format("outletproduct")).fetchone()[0] > 0
    schema.go_to_newest()
    assert is_newest()


def test_what_fails_otherwise_is_not_tried_again() -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE integration_accesstoken (id int)")
    with pytest.raises(ProgrammingError, match="already exists"):
        schema.go_to_newest()
