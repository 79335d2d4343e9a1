"""What every group of figures needs: a database, a receiver, a broker and workers, and pushes that are waited for."""

import dataclasses
import http.client
import json
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db import connection

from dashboard import env, processes
from dashboard.supervisor import Child, Program, Supervisor
from integration.models import Outlet, PushHistory
from tasks.push import ring_outlet

PATIENCE = 900.0  # seconds
OPEN = "SELECT count(*) FROM integration_pushhistory WHERE status IN ('queued', 'running')"


class WrongOutcome(Exception):
    """What was to be measured did not happen."""


@dataclasses.dataclass
class Scene:
    """One group's run: which figures are wanted, how large it is, and what was measured."""

    keys: list[str]
    is_quick: bool
    samples: dict[str, list[float]] = dataclasses.field(default_factory=dict)
    url: str = ""

    def prepare_database(self) -> None:
        call_command("migrate", verbosity=0)

    def wants(self, *keys: str) -> bool:
        return any(key in self.keys for key in keys)

    def record(self, key: str, value: float) -> None:
        if self.wants(key):
            self.samples.setdefault(key, []).append(value)

    def rounds(self, count: int) -> range:
        return range(min(count, 2) if self.is_quick else count)

    def size(self, count: int) -> int:
        return count // 10 if self.is_quick else count

    def endpoint(self, store_id: object, before: str = "") -> str:
        return f"{self.url}{before}/stores/{store_id}/products"

    def seen(self) -> dict[str, Any]:
        """What the receiver has got since it was last asked."""
        asked = http.client.HTTPConnection(self.url.removeprefix("http://"))
        asked.request("GET", "/seen")
        told: dict[str, Any] = json.loads(asked.getresponse().read())
        asked.close()
        return told

    @contextmanager
    def running(self, worker_count: int = 4, **variables: object) -> Iterator[Supervisor]:
        """A receiver, a broker and a worker of so many processes."""
        port = processes.free_port()
        self.url = f"http://127.0.0.1:{port}"
        environment = {name: str(value) for name, value in variables.items()}
        environment = env.changed(WORKER_CONCURRENCY=str(worker_count), **environment)
        worker = dataclasses.replace(processes.worker(), environment=environment)
        with Supervisor([receiver(port), processes.broker(), worker], settings.DATA_DIR / "logs") as supervisor:
            supervisor.start()
            time.sleep(0.5)  # the sweep that each worker begins with
            yield supervisor


def receiver(port: int) -> Program:
    command = [processes.PYTHON, "-m", "benchmarks.receiver", str(port)]
    return Program("receiver", command, lambda child: processes.listens(port))


def worker_of(supervisor: Supervisor) -> Child:
    return next(child for child in supervisor.children if child.program.name == "worker")


def push_all(outlets: Iterable[Outlet], push_type: str = "full") -> float:
    """Seconds from the trigger until every push is over, as the database says."""
    pks, started = [outlet.pk for outlet in outlets], time.perf_counter()
    for pk in pks:
        ring_outlet(pk, push_type=push_type)
    wait_over(step=0.004 if len(pks) == 1 else 0.02)
    return time.perf_counter() - started


def wait_over(which: str = "", step: float = 0.004) -> None:
    ends_at = time.monotonic() + PATIENCE
    with connection.cursor() as cursor:
        while cursor.execute(OPEN + which) and cursor.fetchone()[0]:
            if time.monotonic() > ends_at:
                raise WrongOutcome(f"pushes are still open after {PATIENCE:.0f} s")
            time.sleep(step)


def check_pushed(count: int, **which: Any) -> None:
    """All pushes went well, and so many items were acknowledged."""
    pushes = PushHistory.objects.filter(**which)
    if wrong := pushes.exclude(status=PushHistory.Status.SUCCESS).first():
        raise WrongOutcome(f"a push ended as {wrong.status}: {wrong.error_details or wrong.response_message}")
    if (accepted := sum(pushes.values_list("accepted_count", flat=True))) != count:
        raise WrongOutcome(f"{accepted} items were acknowledged, not {count}")
