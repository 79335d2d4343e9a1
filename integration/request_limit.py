"""How many requests a token may make in a minute of the clock, counted for all web servers in Redis."""

import functools
import logging
from datetime import datetime

import redis
from django.conf import settings

from integration import redis_client

logger = logging.getLogger(__name__)

TIMEOUT = 0.5  # seconds that Redis may take
MINUTE = 60


def seconds_to_wait(token_id: int, now: datetime) -> int:
    """0, and the request is counted; or the seconds until the minute is over. Without Redis nobody has to wait."""
    minute, second = divmod(int(now.timestamp()), MINUTE)
    try:
        count = count_request(f"requests:{token_id}:{minute}")
    except (redis.RedisError, OSError, ValueError) as exc:
        logger.warning("requests of tokens cannot be counted (%s): they are let through", type(exc).__name__)
        return 0
    return MINUTE - second if count > settings.TOKEN_REQUESTS_PER_MINUTE else 0


def count_request(name: str) -> int:
    commands = connect(settings.RATE_LIMIT_URL).pipeline()
    commands.incr(name)
    commands.expire(name, 2 * MINUTE)
    return int(commands.execute()[0])


@functools.cache
def connect(url: str) -> redis.Redis:
    """One for the process: its connections are used again."""
    return redis_client.connect(url, TIMEOUT)
