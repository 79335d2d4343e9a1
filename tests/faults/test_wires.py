"""The wire to the broker breaks while a message comes: the message is gone, and the work is not."""

from collections.abc import Iterator
from typing import Any

import pytest

from dashboard import env
from integration.mock_shop import MockShop
from integration.models import Outlet
from tasks.push import ring_outlet
from tests.conftest import stock
from tests.faults.local import wait_until
from tests.faults.proxy import BreakingProxy
from tests.faults.service import Service, prove

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def proxy() -> Iterator[BreakingProxy]:
    proxy = BreakingProxy(env.broker_socket())
    yield proxy
    proxy.close()


@pytest.fixture(scope="module")
def running_service(
    tmp_path_factory: pytest.TempPathFactory, django_db_setup: None, django_db_blocker: Any, proxy: BreakingProxy
) -> Iterator[Service]:
    """Its worker reaches the broker through the wire."""
    with django_db_blocker.unblock():
        service = Service(tmp_path_factory.mktemp("service"), worker_broker_url=proxy.url)
        yield service
        service.teardown()


def test_a_broker_that_hangs_up_in_mid_answer(
    service: Service, branch: Outlet, shop: MockShop, proxy: BreakingProxy
) -> None:
    stock(branch, 3000)
    shop.misbehave(mode="slow", seconds=0.1)
    proxy.cut(b"push_chunk", times=3)
    ring_outlet(branch.pk, push_type="full")
    wait_until(lambda: proxy.cut_count >= 1)
    prove(shop, branch)
    assert service.worker.container.status == "running"
