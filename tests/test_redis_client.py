"""Redis by its address."""

from typing import Any

import pytest
import redis

from integration.redis_client import connect, sentinels

PASSWORD = "a-password-of-the-server"


def test_without_an_address_there_is_none() -> None:
    with pytest.raises(redis.ConnectionError, match="REDIS_URL is not set"):
        connect("", 1)


def test_an_address_of_sentinels_is_read_as_the_broker_s_library_reads_it(settings: Any) -> None:
    settings.SENTINEL_MASTER, settings.SENTINEL_PASSWORD = "push", "their-own"
    url = f"sentinel://:{PASSWORD}@one:26380/3;sentinel://:{PASSWORD}@two"
    kept = connect(url, 0.5).connection_pool.connection_kwargs
    assert (kept["db"], kept["password"], kept["socket_timeout"]) == (3, PASSWORD, 0.5)
    watchers = [watcher.connection_pool.connection_kwargs for watcher in sentinels(url, 0.5, "their-own").sentinels]
    assert [(one["host"], one["port"], one["password"]) for one in watchers] == [
        ("one", 26380, "their-own"),
        ("two", 26379, "their-own"),
    ]
