"""A cluster of real processes: a Valkey, a worker, and beat where a test asks for it."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from celery import Celery
from django.db import connection
from pytest_celery import CeleryTestBroker, CeleryTestWorker

from dashboard import env, processes
from dashboard.supervisor import Program
from tasks import app
from tests.cluster.local import LocalProcess


def database_url() -> str:
    """The address of the tests' own database."""
    name = connection.settings_dict["NAME"]
    if connection.vendor == "sqlite":
        return f"sqlite:///{name}"
    return urlsplit(env.database_url())._replace(path=f"/{name}").geturl()


def in_tests(program: Program) -> Program:
    """The program with the tests' database, and times that a test can wait for."""
    variables = {"DATABASE_URL": database_url(), "CHUNK_LEASE_SECONDS": "2", "RING_AGAIN_SECONDS": "2"}
    return dataclasses.replace(program, environment=env.changed(**variables))


@pytest.fixture
def log_dir(tmp_path: Path) -> Path:
    return tmp_path / "logs"


@pytest.fixture
def celery_broker(log_dir: Path, transactional_db: None) -> Iterator[CeleryTestBroker]:
    url = env.broker_url()
    node = CeleryTestBroker(LocalProcess(processes.broker(), log_dir, url=url, host_url=url))
    with app.connection_for_write() as broker:
        broker.default_channel.client.flushall()
    yield node
    node.teardown()


@pytest.fixture
def celery_backend_cluster() -> None:
    """Tasks have no results."""


@pytest.fixture
def celery_worker(log_dir: Path, celery_broker: CeleryTestBroker) -> Iterator[CeleryTestWorker]:
    node = CeleryTestWorker(LocalProcess(in_tests(processes.worker()), log_dir), app)
    yield node
    node.teardown()


@pytest.fixture
def celery_setup_app() -> Celery:
    return app


@pytest.fixture
def beat(log_dir: Path, celery_broker: CeleryTestBroker) -> Iterator[LocalProcess]:
    process = LocalProcess(in_tests(processes.beat()), log_dir)
    yield process
    process.teardown()


@pytest.fixture(autouse=True)
def short_times(settings: Any) -> None:
    settings.CHUNK_LEASE_SECONDS = 2
    settings.RING_AGAIN_SECONDS = 2
