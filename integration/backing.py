"""What the service stands on, the database and the broker: whether each answers, in plain words and without secrets."""

import socket
import ssl
from functools import cache
from urllib.parse import urlsplit

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from integration.redis_client import connect

BROKER_SECONDS = 0.5  # to connect, and as much to answer
AMQP = ("amqp://", "amqps://", "pyamqp://")
AMQP_GREETING, METHOD_FRAME = b"AMQP\x00\x00\x09\x01", b"\x01"
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
    """Why the broker cannot be used, or nothing; known within two seconds. Of one that is no Redis or AMQP: nothing."""
    try:
        if settings.BROKER_REDIS_URL:
            with connect(settings.BROKER_REDIS_URL, BROKER_SECONDS) as client:
                client.ping()
        elif settings.BROKER_URL.startswith(AMQP):
            greet(settings.BROKER_URL)
    except (redis.RedisError, OSError):
        return SILENT
    return ""


def greet(url: str) -> None:
    """Say what a client says first; a broker answers with a frame of its own."""
    address = urlsplit(url)
    port = address.port or (5671 if address.scheme == "amqps" else 5672)
    with socket.create_connection((address.hostname or "localhost", port), BROKER_SECONDS) as plain:
        context = ssl.create_default_context()
        talk = context.wrap_socket(plain, server_hostname=address.hostname) if address.scheme == "amqps" else plain
        talk.sendall(AMQP_GREETING)
        if talk.recv(1) != METHOD_FRAME:
            raise ConnectionError("it does not speak AMQP")


def counter_problem() -> str:
    """Why requests to shops cannot be counted, or nothing."""
    try:
        with connect(settings.RATE_LIMIT_URL, BROKER_SECONDS) as client:
            client.ping()
    except (redis.RedisError, OSError):
        return SILENT if settings.RATE_LIMIT_URL else "there is none"
    return ""


def eviction_policy() -> str:
    """What the broker does when its memory is full; nothing where it does not say."""
    if not settings.BROKER_REDIS_URL:
        return ""
    with connect(settings.BROKER_REDIS_URL, BROKER_SECONDS) as client:
        try:
            return str(client.config_get("maxmemory-policy").get("maxmemory-policy", ""))
        except redis.ResponseError:  # hosted brokers do not let everybody ask
            return ""
