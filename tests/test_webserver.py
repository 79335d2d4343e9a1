"""How the web server treats connections that clients and proxies keep."""

import http.client
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboard import processes
from tests.faults.local import LocalProcess

GUNICORN_DEFAULT = 2.0  # seconds


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    port = processes.free_port()
    web = LocalProcess(processes.web(port), tmp_path)
    yield port
    web.teardown()


def test_a_kept_connection_is_still_good_after_some_seconds(port: int) -> None:
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    client.request("GET", "/health/live")
    client.getresponse().read()
    kept = client.sock
    time.sleep(GUNICORN_DEFAULT + 1.5)
    client.request("GET", "/health/live")
    assert client.getresponse().status == 200
    assert kept is not None
    assert client.sock is kept
