"""Limits of requests and items in a time, shared by all workers through Redis; nobody waits in here."""

import hashlib
import logging
from typing import NamedTuple

import redis
from django.conf import settings
from pyrate_limiter import Rate, RateItem, RedisBucket

from integration.platforms.base import Endpoint
from integration.platforms.contract import Contract
from integration.redis_client import connect

logger = logging.getLogger(__name__)

WAIT_WITHOUT_REDIS = 10.0
TIMEOUT = 2  # seconds that Redis may take


class Limit(NamedTuple):
    """So many requests or items in so many seconds, and how many this request is."""

    name: str
    most: int | None
    seconds: float
    weight: int


def seconds_to_wait(endpoint: Endpoint, contract: Contract, item_count: int) -> float:
    """0, and a request of so many items is counted; or the seconds until it is worth asking again."""
    asked = [limit for limit in limits_of(contract, item_count) if limit.weight]
    if not asked:
        return 0
    try:
        return take_all(f"rate:{credential(endpoint)}", asked)
    except (redis.RedisError, OSError) as exc:
        logger.warning("the rate limit cannot be asked for: nothing is sent", extra={"error": type(exc).__name__})
        return WAIT_WITHOUT_REDIS


def limits_of(contract: Contract, item_count: int) -> list[Limit]:
    """What the contract allows, as windows; a request of no items asks for a job."""
    requests = len(contract.steps) if item_count else 1
    windows = [
        Limit("gap", 1 if contract.gap_seconds else None, contract.gap_seconds, 1),
        Limit("requests", contract.requests_per_minute, 60, requests),
        Limit("items", contract.items_per_minute, 60, item_count),
        Limit("window", contract.items_per_window, contract.window_seconds, item_count),
    ]
    return [window for window in windows if window.most is not None]


def take_all(name: str, limits: list[Limit]) -> float:
    """The first limit that is reached decides; what was counted for the others before it is not given back."""
    for limit in limits:
        if wait := take(f"{name}:{limit.name}", limit):
            return wait
    return 0


def credential(endpoint: Endpoint) -> str:
    """Whom the shop counts: a key, or where there is none an address. Not to be read back from its name."""
    return hashlib.sha256(f"{endpoint.api_key or endpoint.url}".encode()).hexdigest()[:32]


def take(key: str, limit: Limit) -> float:
    """A request with more items than a window allows takes the whole window.

    The bucket counts what is older than the caller's own time: without the lock and Redis' clock, of two callers
    with nearly the same time one would not be counted.
    """
    with (
        connect(settings.RATE_LIMIT_URL, TIMEOUT) as client,
        client.lock(f"{key}:lock", timeout=TIMEOUT, blocking_timeout=TIMEOUT, sleep=0.005),
    ):
        seconds, microseconds = client.time()
        count = limit.most or 1
        bucket = RedisBucket.init([Rate(count, round(limit.seconds * 1000))], client, key)
        item = RateItem(key, seconds * 1000 + microseconds // 1000, weight=min(limit.weight, count))
        bucket.leak(item.timestamp)
        taken = bucket.put(item)
        client.expire(key, round(2 * limit.seconds) + 1)
        return 0 if taken else max(float(bucket.waiting(item)) / 1000, 0.1)
