"""A limit of requests and items a minute, shared by all workers through Redis; nobody waits in here."""

import hashlib
import logging

import redis
from django.conf import settings
from pyrate_limiter import Duration, Rate, RateItem, RedisBucket

from integration.platforms.base import Endpoint
from integration.platforms.contract import Contract

logger = logging.getLogger(__name__)

WAIT_WITHOUT_REDIS = 10.0
KEY_LIFETIME = 120  # seconds
TIMEOUT = 2  # seconds that Redis may take


def seconds_to_wait(endpoint: Endpoint, contract: Contract, item_count: int) -> float:
    """0, and a request of so many items is counted; or the seconds until it is worth asking again."""
    limits = [(contract.requests_per_minute, 1, "requests"), (contract.items_per_minute, item_count, "items")]
    asked = [(limit, weight, name) for limit, weight, name in limits if limit is not None]
    if not asked:
        return 0
    try:
        return max(take(f"rate:{credential(endpoint)}:{name}", limit, weight) for limit, weight, name in asked)
    except (redis.RedisError, OSError) as exc:
        logger.warning("the rate limit cannot be asked for (%s): nothing is sent without it", type(exc).__name__)
        return WAIT_WITHOUT_REDIS


def credential(endpoint: Endpoint) -> str:
    """Whom the shop counts: a key, or where there is none an address. Not to be read back from its name."""
    return hashlib.sha256(f"{endpoint.api_key or endpoint.url}".encode()).hexdigest()[:32]


def take(key: str, limit: int, weight: int) -> float:
    """A request with more items than a minute allows takes the whole minute.

    The bucket counts what is older than the caller's own time: without the lock and Redis' clock, of two callers
    with nearly the same time one would not be counted.
    """
    with (
        redis.Redis.from_url(settings.RATE_LIMIT_URL, socket_timeout=TIMEOUT) as client,
        client.lock(f"{key}:lock", timeout=TIMEOUT, blocking_timeout=TIMEOUT, sleep=0.005),
    ):
        seconds, microseconds = client.time()
        bucket = RedisBucket.init([Rate(limit, Duration.MINUTE)], client, key)
        item = RateItem(key, seconds * 1000 + microseconds // 1000, weight=min(weight, limit))
        bucket.leak(item.timestamp)
        taken = bucket.put(item)
        client.expire(key, KEY_LIFETIME)
        return 0 if taken else max(float(bucket.waiting(item)) / 1000, 0.1)
