"""What the service stands on, the database and the broker: whether each answers, in plain words and without secrets."""

from functools import cache

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from redis.backoff import NoBackoff
from redis.retry import Retry

BROKER_SECONDS = 0.5  # to connect, and as much to answer
SILENT = "it does not answer"
EVICTS_NOTHING = "noeviction"


def database_problem() -> str:
    """Why the database cannot be used, or nothing. One query where all is well."""
    try:
        applied = MigrationRecorder(connection).applied_migrations()
    except DatabaseError:
        return SILENT
    missing = sorted(last_migrations() - set(applied))
    return f"migrations are missing, up to {', '.join('.'.join(key) for key in missing)}" if missing else ""


@cache
def last_migrations() -> frozenset[tuple[str, str]]:
    """The last one of each app in this release; the files do not change while the process runs."""
    return frozenset(MigrationLoader(None).graph.leaf_nodes())


def broker_problem() -> str:
    """Why the broker cannot be used, or nothing; known within a second."""
    try:
        with ask_broker() as client:
            client.ping()
    except (redis.RedisError, OSError):
        return SILENT
    return ""


def ask_broker() -> redis.Redis:
    return redis.Redis.from_url(
        settings.RATE_LIMIT_URL,
        socket_timeout=BROKER_SECONDS,
        socket_connect_timeout=BROKER_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )


def eviction_policy() -> str:
    """What the broker does when its memory is full; nothing where it does not say."""
    with ask_broker() as client:
        try:
            return str(client.config_get("maxmemory-policy").get("maxmemory-policy", ""))
        except redis.ResponseError:  # hosted brokers do not let everybody ask
            return ""
