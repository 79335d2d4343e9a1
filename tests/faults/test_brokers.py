"""The broker forgets, restarts, hangs, or is not there: the rows carry the work."""

import time

import pytest

from integration.mock_shop import MockShop
from integration.models import Outlet, PushAttempt, PushHistory
from tasks.push import ring_outlet
from tests.conftest import stock
from tests.faults.local import wait_until
from tests.faults.service import Service, prove

pytestmark = pytest.mark.django_db(transaction=True)


def begin(branch: Outlet, shop: MockShop) -> None:
    stock(branch, 3000)
    shop.misbehave(mode="slow", seconds=0.2)
    ring_outlet(branch.pk, push_type="full")
    wait_until(lambda: PushAttempt.objects.filter(outcome="done").exists())


def test_a_broker_that_forgets_everything(service: Service, branch: Outlet, shop: MockShop) -> None:
    begin(branch, shop)
    service.redis.flushall()
    prove(shop, branch)


def test_a_broker_that_is_killed_and_restarted(service: Service, branch: Outlet, shop: MockShop) -> None:
    begin(branch, shop)
    service.broker.kill()
    service.broker.restart()
    prove(shop, branch)
    assert service.worker.container.status == "running"


def test_a_broker_that_pauses(service: Service, branch: Outlet, shop: MockShop) -> None:
    begin(branch, shop)
    service.redis.execute_command("CLIENT", "PAUSE", "5000", "ALL")
    time.sleep(5)
    prove(shop, branch)


def test_a_broker_that_hangs_up_on_everybody(service: Service, branch: Outlet, shop: MockShop) -> None:
    begin(branch, shop)
    for _ in range(10):
        service.redis.client_kill_filter(_type="normal", skipme=True)
        time.sleep(0.1)
    prove(shop, branch)


def test_a_broker_that_is_down_when_a_push_is_asked_for(service: Service, branch: Outlet, shop: MockShop) -> None:
    stock(branch, 600)
    service.broker.kill()
    started = time.monotonic()
    assert ring_outlet(branch.pk).push is not None
    assert time.monotonic() - started < 5
    assert PushHistory.objects.get().status == "queued"
    service.broker.restart()
    prove(shop, branch)


def test_a_broker_that_hangs_while_a_page_is_saved(service: Service, branch: Outlet, shop: MockShop) -> None:
    stock(branch, 600)
    service.broker.container.process.suspend()  # type: ignore[attr-defined]
    started = time.monotonic()
    assert ring_outlet(branch.pk).push is not None
    assert time.monotonic() - started < 8  # by design three waits of PUBLISH_SECONDS
    service.broker.container.process.resume()  # type: ignore[attr-defined]
    prove(shop, branch)


def test_broker_and_worker_killed_together(service: Service, branch: Outlet, shop: MockShop) -> None:
    begin(branch, shop)
    service.worker.kill()
    service.broker.kill()
    service.broker.restart()
    service.worker.restart()
    prove(shop, branch)
