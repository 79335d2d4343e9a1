"""A client of Redis by its address, also of one that sentinels look after. No attempt lasts longer than its time."""

import functools
from urllib.parse import unquote, urlsplit

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import Sentinel

SENTINEL_PORT = 26379


def connect(url: str, seconds: float) -> redis.Redis:
    """To connect, and to answer, it has so many seconds each; nothing is tried twice."""
    if not url:
        raise redis.ConnectionError("no Redis is configured: REDIS_URL is not set")
    if url.startswith("sentinel://"):
        return master(url, seconds)
    limits = {"socket_timeout": seconds, "socket_connect_timeout": seconds}
    return redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0), **limits)


def master(url: str, seconds: float) -> redis.Redis:
    """Whichever server the sentinels name at the moment of each connection."""
    database = int(urlsplit(url.split(";", 1)[0]).path.strip("/") or 0)  # of the first, as kombu reads it
    client: redis.Redis = sentinels(url, seconds, settings.SENTINEL_PASSWORD).master_for(
        settings.SENTINEL_MASTER, db=database, retry=Retry(NoBackoff(), 0)
    )
    return client


@functools.cache
def sentinels(url: str, seconds: float, password: str) -> Sentinel:
    parts = [urlsplit(part) for part in url.split(";")]
    limits = {"socket_timeout": seconds, "socket_connect_timeout": seconds}
    own = {"username": parts[0].username, "password": unquote(parts[0].password or "")}
    return Sentinel(
        [(part.hostname, part.port or SENTINEL_PORT) for part in parts],
        sentinel_kwargs={**limits, **({"password": password} if password else {})},
        **limits,
        **{name: value for name, value in own.items() if value},
    )
