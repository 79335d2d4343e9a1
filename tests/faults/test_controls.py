"""The suite itself is proved: without the sweep, or without confirming, it fails."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.conf import settings

from integration.mock_shop import MockShop
from integration.models import Outlet, PushAttempt, PushHistory
from tasks.push import ring_outlet
from tests.conftest import acknowledged_state, dashboard_state, set_price, stock
from tests.faults.local import wait_until
from tests.faults.service import Service, settle, store_times

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def switched_off(order: str) -> Iterator[None]:
    path = Path(settings.DATA_DIR) / order
    path.touch()
    try:
        yield
    finally:
        path.unlink()


def test_without_the_sweep_a_broker_that_forgets_leaves_a_push_open(
    service: Service, branch: Outlet, shop: MockShop
) -> None:
    stock(branch, 4500)
    shop.misbehave(mode="slow", seconds=0.4)
    ring_outlet(branch.pk, push_type="full")
    wait_until(lambda: PushAttempt.objects.filter(outcome="done").exists())
    with switched_off("no-sweep"):
        service.worker.kill()
        service.redis.flushall()
        service.worker.restart()
        with pytest.raises(AssertionError, match="not within"):
            settle(branch, seconds=8)
        assert PushHistory.objects.filter(status__in=PushHistory.OPEN).exists()
    settle(branch)


def test_without_confirming_a_late_request_leaves_a_wrong_price(
    service: Service, branch: Outlet, shop: MockShop
) -> None:
    sku, *_ = stock(branch, 50)
    store_times(backoff_seconds=1, processing_seconds=8)
    shop.misbehave(mode="late", seconds=7, times=1)
    with switched_off("no-confirming"):
        ring_outlet(branch.pk)
        wait_until(lambda: PushAttempt.objects.filter(error_kind="timeout").exists())
        set_price(branch, sku, "99")
        wait_until(lambda: shop.shelf.get("14").get(sku) == ("99.00", 1), step=0.01)
        wait_until(lambda: shop.shelf.get("14").get(sku) == ("10.00", 1), step=0.01)
        settle(branch)
    assert acknowledged_state(branch) == dashboard_state(branch)
    assert shop.shelf.get("14") != dashboard_state(branch)
