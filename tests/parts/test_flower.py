"""flower: what an operator sees of pushes, and what nobody sees."""

import base64
import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from dashboard import processes
from integration.mock_shop import MockShop
from integration.models import Outlet, PushHistory
from tests.conftest import KEY, stock
from tests.faults.local import wait_until
from tests.faults.service import is_over
from tests.parts.servers import kept
from tests.parts.test_rabbitmq import ask

pytestmark = pytest.mark.django_db(transaction=True)
PASSWORD, BROKER_PASSWORD = "a-password-for-flower", "a-password-of-the-broker"
PAGES = ("/", "/tasks", "/broker", "/worker/{worker}", "/task/{task}")
FOR_PROGRAMS = (
    "/api/tasks",
    "/api/workers?refresh=1",
    "/api/queues/length",
    "/api/task/types",
    "/api/task/info/{task}",
)
REFUSED = (
    "/api/task/async-apply/tasks.push.push_all_outlets",
    "/api/worker/shutdown/{worker}",
    "/api/task/revoke/{task}",
)


def ask_flower(address: str, path: str, password: str = PASSWORD, body: bytes | None = None) -> tuple[int, str]:
    request = urllib.request.Request(address + path, body)
    if password:
        login = base64.b64encode(f"operator:{password}".encode()).decode()
        request.add_header("Authorization", f"Basic {login}")
    try:
        with urllib.request.urlopen(request, timeout=15) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as exc:
        return exc.code, exc.read().decode()


def test_an_operator_sees_what_each_task_is_about_and_nobody_sees_a_secret(
    tmp_path: Path, start: Any, branch: Outlet, shop: MockShop
) -> None:
    port, broker_port = processes.free_port(), processes.free_port()
    broker = kept(tmp_path, "broker", broker_port)
    with (tmp_path / "broker.conf").open("a") as configuration:
        configuration.write(f"requirepass {BROKER_PASSWORD}\n")
    start(broker)
    variables = {
        "REDIS_URL": f"redis://:{BROKER_PASSWORD}@127.0.0.1:{broker_port}/0",
        "FLOWER_BASIC_AUTH": f"operator:{PASSWORD}",
    }
    worker = start(processes.worker(), **variables)
    flower = start(processes.flower(port), **variables)
    address = f"http://127.0.0.1:{port}"
    wait_until(lambda: json.loads(ask_flower(address, "/api/workers?refresh=1")[1] or "{}"), 30, 0.5)
    stock(branch, 3000)
    ask(branch, variables)
    wait_until(is_over)
    push = PushHistory.objects.get()
    about = f"push {push.pk} of outlet 14 (pasons)"
    # A task that goes on with the next request of its push needs no other one: of the chunks some have tasks.
    possible = {about: ("tasks.push.push_outlet", f"{{'push_id': {push.pk}}}", "SUCCESS")}
    for chunk in push.chunks.values_list("pk", flat=True):
        possible[f"chunk {chunk} of {about}"] = ("tasks.push.push_chunk", f"{{'chunk_id': {chunk}}}", "SUCCESS")

    def seen() -> dict[str, tuple[str, str, str]]:
        tasks = json.loads(ask_flower(address, "/api/tasks")[1]).values()
        return {task["args"]: (task["name"], task["kwargs"], task["state"]) for task in tasks if "push" in task["args"]}

    def is_all_seen() -> bool:
        found = seen()
        return about in found and len(found) > 1 and found.items() <= possible.items()

    wait_until(is_all_seen, 15, 0.5)

    tasks = json.loads(ask_flower(address, "/api/tasks")[1])
    workers = json.loads(ask_flower(address, "/api/workers")[1])
    names = {"task": next(iter(tasks)), "worker": next(iter(workers))}
    secrets = [KEY, PASSWORD, BROKER_PASSWORD, settings.SECRET_KEY, *settings.ENCRYPTION_KEYS]
    for path in (*PAGES, *FOR_PROGRAMS, "/metrics"):
        status, text = ask_flower(address, path.format(**names))
        assert status == 200, path
        assert [secret for secret in secrets if secret in text] == [], path
        if path != "/metrics":
            assert ask_flower(address, path.format(**names), password="")[0] == 401, path
            assert ask_flower(address, path.format(**names), password="another")[0] == 401, path
    for path in REFUSED:
        assert ask_flower(address, path.format(**names), body=b'{"args": []}')[0] in (403, 405), path
    assert worker.status == "running"
    for process in (worker, flower):
        assert [secret for secret in secrets if secret in process.logs()] == []
