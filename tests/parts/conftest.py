"""Programs that a test starts, with the variables that it needs; they end with it."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from dashboard.supervisor import Program
from integration.mock_shop import MockShop
from integration.models import Outlet
from tests.conftest import KEY, make_outlet
from tests.faults.local import LocalProcess
from tests.faults.service import in_tests


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Any]:
    """start(program, NAME="value"); a program with an environment of its own keeps it."""
    started: list[LocalProcess] = []

    def begin(program: Program, **variables: str) -> LocalProcess:
        if program.environment is None:
            program = in_tests(program)
        with_it = dataclasses.replace(program, environment={**(program.environment or {}), **variables})
        started.append(LocalProcess(with_it, tmp_path / str(len(started))))
        return started[-1]

    yield begin
    for process in reversed(started):
        process.teardown()


@pytest.fixture
def branch(shop: MockShop, transactional_db: None) -> Outlet:
    return make_outlet("14", "pasons", api_endpoint=f"{shop.url}/stores/14/products", api_key=KEY)


@pytest.fixture
def every_second(transactional_db: None) -> None:
    """Beat asks for a push of all outlets, and for the sweep."""
    schedule = IntervalSchedule.objects.create(every=1, period="seconds")
    for task in ("tasks.push.push_all_outlets", "tasks.maintenance.sweep"):
        PeriodicTask.objects.create(name=task, task=task, interval=schedule)
