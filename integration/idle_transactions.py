"""A machine that vanishes inside a transaction would keep its locks until TCP gives up: PostgreSQL ends what idles."""

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.dispatch import receiver

# As a statement, since poolers refuse it as an option of the connection. What the role or DATABASE_URL says stays.
LIMIT = """
    SELECT set_config('idle_in_transaction_session_timeout', '60s', false)
    WHERE current_setting('idle_in_transaction_session_timeout') = '0'"""


@receiver(connection_created, dispatch_uid="limit_idle_transactions")
def limit_idle_transactions(sender: object, connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    """Not with PGBOUNCER: between two transactions the server's connection is another one's."""
    if connection.vendor == "postgresql" and not connection.settings_dict["DISABLE_SERVER_SIDE_CURSORS"]:
        with connection.cursor() as cursor:
            cursor.execute(LIMIT)
