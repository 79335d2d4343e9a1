"""Every migration since the previous release may run while old workers run, and keeps none of them waiting for long."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.db import connection, migrations, models
from django.db.migrations.executor import MigrationExecutor
from django.db.models.functions import Now
from django.db.utils import OperationalError

from integration.online_migrations import AddIndexOnline, AddUniqueOnline, InOneTransaction
from tests.faults.local import wait_until
from tests.upgrade import schema
from tests.upgrade.rules import problems

INDEX = models.Index(fields=["finished_at"], name="made_up")
ONE_OPEN = models.UniqueConstraint(
    fields=["outlet"], condition=models.Q(status__in=["queued", "running", "made up"]), name="made_up_open"
)
WAYS_TO_BREAK_OLD_CODE = {
    "leave the column": migrations.RemoveField("pushhistory", "split_count"),
    "reads and writes outlet.name": migrations.RenameField("outlet", "name", "title"),
    "leave its table": migrations.DeleteModel("rescue"),
    "reads and writes product:": migrations.RenameModel("Product", "Article"),
    "give it db_default": migrations.AddField("outlet", "region", models.CharField(max_length=9, default="")),
    "changes its type": migrations.AlterField("outlet", "name", models.CharField(max_length=20)),
    "as null": migrations.AlterField("pushattempt", "finished_at", models.DateTimeField()),
    "keeps writers waiting while it is built": migrations.AddIndex("pushattempt", INDEX),
    "keeps writers waiting while it is checked": migrations.AddConstraint(
        "outletproduct", models.CheckConstraint(condition=models.Q(selling_price__lt=1_000_000), name="made_up")
    ),
    "by AddUniqueOnline": migrations.AddConstraint("pushhistory", ONE_OPEN),
    "builds an index that keeps": migrations.AddField(
        "outletproduct", "seen_at", models.DateTimeField(null=True, db_index=True)
    ),
    "written anew": migrations.AddField(
        "product",
        "length",
        models.GeneratedField(
            expression=models.F("id"), output_field=models.BigIntegerField(), db_persist=True, null=True
        ),
    ),
    "SQL cannot be judged": migrations.RunSQL("DROP TABLE integration_outlet"),
}
HARMLESS = [
    migrations.AddField("outlet", "region", models.CharField(max_length=9, default="", db_default="")),
    migrations.AddField("outletproduct", "waiting", models.DateTimeField(db_default=Now())),
    migrations.AddField("pushchunk", "note", models.JSONField(null=True)),
    migrations.AddField("outlet", "friends", models.ManyToManyField("integration.Outlet")),
    migrations.AlterField("outlet", "name", models.CharField(max_length=200, help_text="of the branch")),
    AddIndexOnline("pushattempt", INDEX),
    AddUniqueOnline("pushhistory", ONE_OPEN),
    migrations.CreateModel("Region", [("id", models.BigAutoField(primary_key=True))]),
    migrations.RemoveField("productupload", "content"),
]


def made_up(operation: Any) -> migrations.Migration:
    migration = migrations.Migration("made_up", "integration")
    migration.operations = [operation]
    return migration


@pytest.fixture(scope="module")
def known(django_db_setup: None, django_db_blocker: Any) -> Any:
    with django_db_blocker.unblock():
        return MigrationExecutor(connection).loader.project_state([schema.PREVIOUS])


def test_no_migration_of_this_release_breaks_old_code_or_keeps_it_waiting(known: Any, db: None) -> None:
    state, found = known.clone(), []
    for migration in schema.migrations_since():
        found += problems(migration, state, known)
    assert found == []


@pytest.mark.parametrize("text", WAYS_TO_BREAK_OLD_CODE)
@pytest.mark.parametrize("wrap", [lambda operation: operation, lambda operation: InOneTransaction([operation])])
def test_the_rule_finds(text: str, wrap: Any, known: Any) -> None:
    (found,) = problems(made_up(wrap(WAYS_TO_BREAK_OLD_CODE[text])), known.clone(), known)
    assert text in found


def test_the_rule_finds_what_would_be_done_twice(known: Any) -> None:
    migration = made_up(migrations.AddField("pushchunk", "note", models.JSONField(null=True)))
    assert problems(migration, known.clone(), known) == []
    migration.operations.append(AddIndexOnline("pushattempt", INDEX))
    (found,) = problems(migration, known.clone(), known)
    assert "would be done twice" in found


@pytest.mark.parametrize("operation", HARMLESS, ids=lambda operation: operation.describe())
def test_the_rule_lets_pass(operation: Any, known: Any, db: None) -> None:
    state = MigrationExecutor(connection).loader.project_state()
    assert problems(made_up(operation), state, known) == []


@pytest.mark.usefixtures("old_database")
@pytest.mark.parametrize("operation", [AddIndexOnline("pushattempt", INDEX), AddUniqueOnline("pushhistory", ONE_OPEN)])
def test_a_step_online_goes_forth_and_back_and_twice(operation: Any) -> None:
    state = MigrationExecutor(connection).loader.project_state([schema.PREVIOUS])
    after = state.clone()
    operation.state_forwards("integration", after)
    table = after.apps.get_model("integration", operation.model_name)._meta.db_table
    times = 2 if connection.vendor == "postgresql" else 1  # a migration on SQLite happens wholly or not at all
    with connection.schema_editor(atomic=False) as editor:
        for _ in range(times):
            operation.database_forwards("integration", editor, state, after)
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, table)[operation.index_name]
    assert found["unique"] is isinstance(operation, AddUniqueOnline)
    with connection.schema_editor(atomic=False) as editor:
        operation.database_backwards("integration", editor, after, state)
    with connection.cursor() as cursor:
        assert operation.index_name not in connection.introspection.get_constraints(cursor, table)


# --- on PostgreSQL, for real ----------------------------------------------------------------------------

ATTEMPT = """INSERT INTO integration_pushattempt (chunk_id, number, started_at, items, item_count, sent_bytes,
             received_bytes, response_excerpt, outcome, error_kind, error_message)
             SELECT min(id), %s, now(), '[]', 0, 0, 0, '', '', '', '' FROM integration_pushchunk"""
SUMS = ("integration", "0012_attempt_sums")
on_postgres = pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time")


def another_connection(**more: Any) -> Any:
    return psycopg.connect(**{**connection.get_connection_params(), "cursor_factory": None, **more})


@contextmanager
def migrating(target: tuple[str, str], errors: list[Exception]) -> Iterator[threading.Thread]:
    def migrate() -> None:
        try:
            MigrationExecutor(connection).migrate([target])
        except OperationalError as exc:
            errors.append(exc)
        finally:
            connection.close()

    thread = threading.Thread(target=migrate)
    thread.start()
    yield thread
    thread.join(30)


def building() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_progress_create_index")
        return bool(cursor.fetchone()[0])


def is_valid(name: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)", [name])
        return bool(cursor.fetchone()[0])


@on_postgres
@pytest.mark.usefixtures("old_database")
def test_workers_write_while_an_index_on_their_attempts_is_built() -> None:
    errors: list[Exception] = []
    MigrationExecutor(connection).migrate([("integration", "0011_attempt_rejected")])
    with another_connection() as slow, another_connection(autocommit=True, options="-c lock_timeout=2s") as quick:
        slow.execute(ATTEMPT, [7])
        with migrating(SUMS, errors):
            wait_until(building)
            for number in range(8, 20):
                quick.execute(ATTEMPT, [number])
                time.sleep(0.01)
            assert building()
            slow.commit()
    assert errors == []
    assert is_valid("attempt_finished")


@on_postgres
@pytest.mark.usefixtures("old_database")
def test_a_migration_that_was_broken_off_while_it_built_an_index_is_run_again() -> None:
    errors: list[Exception] = []
    MigrationExecutor(connection).migrate([("integration", "0011_attempt_rejected")])
    with another_connection() as slow, another_connection(autocommit=True) as other:
        slow.execute(ATTEMPT, [7])
        with migrating(SUMS, errors):
            wait_until(building)
            other.execute("SELECT pg_cancel_backend(pid) FROM pg_stat_progress_create_index")
    assert len(errors) == 1
    assert not is_valid("attempt_finished")
    schema.go_to_newest()
    assert is_valid("attempt_finished")
    schema.go_to_previous()
    schema.go_to_newest()
