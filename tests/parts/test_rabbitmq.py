"""RabbitMQ in the place of Redis: pushes arrive, nothing is lost with it, and what needs a Redis says so."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from dashboard import env, processes
from integration import backing
from integration.diagnosis import diagnose
from integration.metrics import describe_broker
from integration.mock_shop import MockShop
from integration.models import Outlet, PushAttempt, PushHistory
from tests.conftest import stock
from tests.faults.local import LocalProcess, wait_until
from tests.faults.service import in_tests
from tests.parts.proof import prove_alive, prove_settled
from tests.parts.servers import rabbitmq

pytestmark = pytest.mark.django_db(transaction=True)
ASK = """
import time
from tasks.push import ring_outlet
started = time.monotonic()
assert ring_outlet({outlet}, push_type="full").push
print(time.monotonic() - started)
"""


@pytest.fixture
def broker(tmp_path: Path, start: Any) -> LocalProcess:
    port, *others = (processes.free_port() for _ in range(3))
    programs = rabbitmq(tmp_path, port, *others)
    nodes = [start(program) for program in programs]
    nodes[-1].url = f"amqp://guest:guest@127.0.0.1:{port}//"
    return nodes[-1]


@pytest.fixture
def through_rabbitmq(broker: LocalProcess) -> dict[str, str]:
    return {"BROKER_URL": broker.url, "REDIS_URL": ""}  # type: ignore[attr-defined]


def ask(branch: Outlet, variables: dict[str, str]) -> float:
    """Have another process ask for a full push; how long that took it."""
    environment = {**(in_tests(processes.worker()).environment or {}), **variables}
    command = [sys.executable, "manage.py", "shell", "-v", "0", "-c", ASK.format(outlet=branch.pk)]
    done = subprocess.run(command, cwd=env.BASE_DIR, env=environment, check=True, capture_output=True, text=True)
    return float(done.stdout)


def test_a_push_survives_a_rabbitmq_that_is_killed_in_the_middle(
    start: Any,
    broker: LocalProcess,
    through_rabbitmq: dict[str, str],
    branch: Outlet,
    shop: MockShop,
    every_second: None,
) -> None:
    stock(branch, 5000)
    shop.misbehave(mode="slow", seconds=0.3)
    worker = start(processes.worker(), **through_rabbitmq)
    start(processes.beat(), **through_rabbitmq)
    assert ask(branch, through_rabbitmq) < 3
    wait_until(lambda: PushAttempt.objects.filter(outcome="done").count() >= 2)
    broker.kill()
    broker.stop()
    assert PushHistory.objects.filter(finished_at__isnull=True).exists()
    broker.child = broker.start()
    shop.misbehave(mode="ok")
    prove_settled(shop, branch)
    prove_alive(shop, branch)
    assert worker.status == "running"
    assert set(PushHistory.objects.values_list("status", flat=True)) == {"success"}


def test_a_rabbitmq_that_hangs_blocks_no_page_and_what_is_not_known_of_it_is_said(
    broker: LocalProcess, through_rabbitmq: dict[str, str], branch: Outlet, settings: Any
) -> None:
    settings.BROKER_URL, settings.BROKER_REDIS_URL, settings.RATE_LIMIT_URL = through_rabbitmq["BROKER_URL"], "", ""
    settings.CONTRACTS = {"pasons": {"requests_per_minute": 60}}
    stock(branch, 10)
    assert backing.broker_problem() == ""
    assert list(describe_broker()) == []
    (limits,) = diagnose(timezone.now(), "limits")
    assert "requests to pasons are limited, and the Redis that counts them: there is none" in limits.problems[0].text
    hung = [broker.process, *broker.process.children(recursive=True)]
    for process in hung:
        process.suspend()
    assert ask(branch, through_rabbitmq) < 3
    assert PushHistory.objects.get().status == "queued"
    assert backing.broker_problem() == backing.SILENT
    for process in hung:
        process.resume()
    broker.kill()
    broker.stop()
    assert backing.broker_problem() == backing.SILENT
