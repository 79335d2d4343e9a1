"""Django's own migrate, beside workers that go on.

A migration takes tables one after the other, and so do the workers, in other orders. So it waits for none for long: it
gives up what it has before the database has to end either of the two, and begins once more. On PostgreSQL each
migration, or the part of it that is no index, happens wholly or not at all.
"""

import random
import time
from typing import Any

from django.core.management import CommandError
from django.core.management.commands import migrate
from django.db import OperationalError, connections

LONGEST_WAIT = "300ms"  # for a table; PostgreSQL looks for deadlocks after a second
TRIES = 60
PAUSES = (0.5, 1.5)  # seconds
IN_USE = ("55P03", "40P01")  # lock_not_available, deadlock_detected
STAYS_IN_USE = (
    "a table is in use all the time ({reason}). What was migrated stays: run it again. "
    "manage.py doctor names transactions that are open for long."
)
CHANGES = ("ALTER", "CREATE", "DROP")


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

    def is_done(self, tries_left: int, *args: Any, **options: Any) -> bool:
        try:
            super().handle(*args, **options)
        except OperationalError as exc:
            if getattr(exc.__cause__, "sqlstate", None) not in IN_USE:
                raise
            reason = str(exc).partition("\n")[0]
            if not tries_left:
                raise CommandError(STAYS_IN_USE.format(reason=reason)) from exc
            if options["verbosity"]:
                self.stdout.write(f"\n  a table is in use ({reason}): once more")
            return False
        return True


def wait_briefly(execute: Any, sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
    """For the rest of the transaction: a pooler's connection stays as it was, and indexes are built in none."""
    if context["connection"].in_atomic_block and str(sql).lstrip().upper().startswith(CHANGES):
        context["cursor"].execute(f"SET LOCAL lock_timeout = '{LONGEST_WAIT}'")
    return execute(sql, params, many, context)
