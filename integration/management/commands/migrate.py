"""Django's own migrate, beside workers that go on.

A migration takes tables one after the other, and so do the workers, in other orders. So it waits for none for long: it
gives up what it has before the database has to end either of the two, and begins once more. On PostgreSQL each
migration, or the part of it that is no index, happens wholly or not at all.

PostgreSQL breaks off its own tidying of a table (autovacuum) for who has waited for `deadlock_timeout`, a second unless
it is set: https://www.postgresql.org/docs/current/routine-vacuuming.html. So before it begins once more, it waits so
long for that, with a lock that no worker's stands in the way of, and nothing else in its hands.
"""

import random
import time
from typing import Any

from django.core.management import CommandError
from django.core.management.commands import migrate
from django.db import OperationalError, connections, transaction

LONGEST_WAIT = "300ms"  # for a table; PostgreSQL looks for deadlocks after a second
TRIES = 60
PAUSES = (0.5, 1.5)  # seconds
IN_USE = ("55P03", "40P01")  # lock_not_available, deadlock_detected
STAYS_IN_USE = (
    "a table is in use all the time ({reason}). What was migrated stays: run it again. "
    "manage.py doctor names transactions that are open for long."
)
CHANGES = ("ALTER", "CREATE", "DROP")
LONGEST_WAIT_FOR_TIDYING = "3s"
TIDIED = """SELECT DISTINCT relation::regclass::text FROM pg_locks JOIN pg_class ON pg_class.oid = relation
            WHERE granted AND mode = 'ShareUpdateExclusiveLock' AND relkind = 'r'
            AND relnamespace = current_schema()::regnamespace AND has_table_privilege(relation, 'UPDATE')
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"""


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        connection = connections[options["database"]]
        if connection.vendor != "postgresql":
            super().handle(*args, **options)
            return
        with connection.execute_wrapper(wait_briefly):
            for tries_left in reversed(range(TRIES)):
                if self.is_done(tries_left, *args, **options):
                    return
                time.sleep(random.uniform(*PAUSES))
                break_off_tidying(connection)

    def is_done(self, tries_left: int, *args: Any, **options: Any) -> bool:
        try:
            super().handle(*args, **options)
        except OperationalError as exc:
            if not is_in_use(exc):
                raise
            reason = str(exc).partition("\n")[0]
            if not tries_left:
                raise CommandError(STAYS_IN_USE.format(reason=reason)) from exc
            if options["verbosity"]:
                self.stdout.write(f"\n  a table is in use ({reason}): once more")
            return False
        return True


def is_in_use(exc: OperationalError) -> bool:
    return getattr(exc.__cause__, "sqlstate", None) in IN_USE


def wait_briefly(execute: Any, sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
    """For the rest of the transaction: a pooler's connection stays as it was, and indexes are built in none."""
    if context["connection"].in_atomic_block and str(sql).lstrip().upper().startswith(CHANGES):
        context["cursor"].execute(f"SET LOCAL lock_timeout = '{LONGEST_WAIT}'")
    return execute(sql, params, many, context)


def break_off_tidying(connection: Any) -> None:
    """It comes back a minute later at the earliest. A VACUUM that somebody has asked for goes on."""
    with connection.cursor() as cursor:
        cursor.execute(TIDIED)
        tables = [name for (name,) in cursor.fetchall()]
    for table in tables:
        try:
            lock_briefly(connection, table)
        except OperationalError as exc:  # what stays in use, the next try of the migration says
            if not is_in_use(exc):
                raise


def lock_briefly(connection: Any, table: str) -> None:
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = '{LONGEST_WAIT_FOR_TIDYING}'")
        cursor.execute(f"LOCK TABLE {table} IN SHARE UPDATE EXCLUSIVE MODE")
