"""Tills that send each change by itself make few pushes, and the newest value arrives all the same."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from integration.mock_shop import MockShop
from integration.models import Outlet, PushHistory
from integration.product_update import apply_product_update
from tests.conftest import dashboard_state, stock
from tests.faults.local import wait_until
from tests.faults.service import TIMES, Service, is_over, prove

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def gathering(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: Any, transactional_db: None
) -> Iterator[Service]:
    """A service in which updates gather for two seconds."""
    settings.UPDATE_GAP_SECONDS = 2
    monkeypatch.setitem(TIMES, "UPDATE_GAP_SECONDS", 2)
    service = Service(tmp_path)
    service.ensure()
    yield service
    service.teardown()


def test_a_hundred_updates_make_few_pushes(gathering: Service, branch: Outlet, shop: MockShop) -> None:
    Outlet.objects.update(push_after_update=True)
    skus = stock(branch, 100)
    started = time.monotonic()
    for number, sku in enumerate(skus):
        apply_product_update(branch, [{"sku": sku, "selling_price": f"{number + 1}.50", "stock_status": 1}])
        time.sleep(0.03)
    wait_until(lambda: shop.shelf.get("14") == dashboard_state(branch))
    wait_until(is_over)
    seconds = time.monotonic() - started
    assert PushHistory.objects.count() <= 2 + seconds / 2
    assert set(PushHistory.objects.values_list("trigger", "status")) == {("product_update", "success")}
    prove(shop, branch)
