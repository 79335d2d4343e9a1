"""An error is reported to the Sentry that SENTRY_DSN names, and no secret goes with it."""

import gzip
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from dashboard import env
from dashboard.error_reports import HIDDEN, scrubber

FAIL = """
from django.conf import settings
from django.test import RequestFactory
from unittest import mock
from dashboard.wsgi import application
from tasks.push import push_chunk
import sentry_sdk

def fail(*args, **kwargs):
    local = "in-a-local-variable"
    raise RuntimeError(f"broke with {settings.SECRET_KEY} at https://shop-user:shop-pass@shop.example/x?key=in-an-address")

headers = {"X-Request-ID": "click-1", "Authorization": "Bearer in-a-header"}
factory = RequestFactory(headers=headers)
factory.cookies["csrftoken"], factory.cookies["remember"] = "a" * 32, "in-a-cookie"
form = {"username": "a", "password": "in-a-form", "csrfmiddlewaretoken": "a" * 32}
with mock.patch("integration.sign_in_limit.count_try", fail):
    answered = []
    b"".join(application(factory.post("/login/?q=in-a-query", form).environ, lambda status, _: answered.append(status)))
    assert answered[0].startswith("500"), answered
with mock.patch("tasks.push.send_chunk", fail):
    push_chunk.apply(kwargs={"chunk_id": 9})
if sentry_sdk.is_initialized():
    sentry_sdk.flush(5)
"""
NOWHERE = ("in-a-local-variable", "in-an-address", "in-a-header", "in-a-cookie", "in-a-query", "in-a-form", "shop-pass")


class Receiver:
    """What a Sentry would have got."""

    def __init__(self) -> None:
        received: list[bytes] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                received.append(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *args: object) -> None:
                """Nothing."""

        self.received = received
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def dsn(self) -> str:
        return f"http://public@127.0.0.1:{self.server.server_address[1]}/1"

    def errors(self) -> list[dict[str, Any]]:
        lines = [json.loads(line) for body in self.received for line in body.splitlines() if line.startswith(b"{")]
        return [line for line in lines if "exception" in line]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    threading.Thread(target=receiver.server.serve_forever, args=(0.05,), daemon=True).start()
    yield receiver
    receiver.server.shutdown()
    receiver.server.server_close()


def fail(**variables: str) -> None:
    code = [sys.executable, "manage.py", "shell", "-v", "0", "-c", FAIL]
    own = env.changed(SECRET_KEY="in-the-settings-" + "x" * 40, ALLOWED_HOSTS="testserver", **variables)
    done = subprocess.run(code, cwd=env.BASE_DIR, env=own, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_errors_of_pages_and_tasks_are_reported_without_a_secret(receiver: Receiver) -> None:
    fail(SENTRY_DSN=receiver.dsn)
    page, task = receiver.errors()
    assert page["exception"]["values"][0]["type"] == "RuntimeError"
    assert page["tags"]["request_id"] == "click-1"
    assert page["request"] == {"method": "POST", "url": "http://testserver/login/"}
    assert (task["tags"]["chunk_id"], task["tags"]["task"]) == ("9", "tasks.push.push_chunk")
    sent = b"\n".join(receiver.received).decode()
    assert [secret for secret in (*NOWHERE, "in-the-settings-") if secret in sent] == []
    assert HIDDEN in page["exception"]["values"][0]["value"]


def test_without_an_address_nothing_leaves(receiver: Receiver) -> None:
    fail(SENTRY_DSN="")
    assert receiver.received == []


def test_a_report_keeps_what_is_no_secret() -> None:
    event: Any = {"message": "push 12 of outlet 14 failed: push_outlet", "level": "error"}
    assert scrubber([""])(event, {})["message"] == "push 12 of outlet 14 failed: push_outlet"
