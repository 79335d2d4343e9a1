"""A cluster of real processes: a Valkey, a worker, and beat where a test asks for it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from pytest_celery import CeleryTestBroker, CeleryTestWorker

from dashboard import env, processes
from integration.mock_shop import MockShop
from integration.models import Outlet
from tasks import app
from tests.conftest import KEY, make_outlet
from tests.faults.local import LocalProcess
from tests.faults.service import CONTRACT, TIMES, Service, in_tests


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
def start_beat(log_dir: Path) -> Iterator[Callable[[], LocalProcess]]:
    """Starts a beat, when the schedule is there: it may overlook what is changed in its first seconds."""
    started: list[LocalProcess] = []

    def start() -> LocalProcess:
        started.append(LocalProcess(in_tests(processes.beat()), log_dir / f"beat-{len(started)}"))
        return started[-1]

    yield start
    for process in started:
        process.teardown()


@pytest.fixture(scope="module")
def running_service(
    tmp_path_factory: pytest.TempPathFactory, django_db_setup: None, django_db_blocker: Any
) -> Iterator[Service]:
    with django_db_blocker.unblock():
        service = Service(tmp_path_factory.mktemp("service"))
        yield service
        service.teardown()


@pytest.fixture
def service(running_service: Service, transactional_db: None) -> Service:
    running_service.ensure()
    return running_service


@pytest.fixture
def branch(shop: MockShop, transactional_db: None) -> Outlet:
    """An outlet whose shop is the mock shop."""
    endpoint = f"{shop.url}/stores/14/products"
    return make_outlet("14", "pasons", api_endpoint=endpoint, api_key=KEY, push_after_update=True)


@pytest.fixture(autouse=True)
def short_times(settings: Any) -> None:
    for name, value in TIMES.items():
        setattr(settings, name, value)
    settings.CONTRACTS = {"pasons": CONTRACT}
