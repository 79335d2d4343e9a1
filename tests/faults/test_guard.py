"""A push that is held stays held, whatever becomes of the workers."""

import time

from django.utils import timezone

from integration.contracts import store_contract
from integration.holds import release_push
from integration.mock_shop import MockShop
from integration.models import Outlet, PushHistory
from integration.product_update import apply_product_update
from tasks.push import ring, ring_outlet
from tests.conftest import dashboard_state, stock
from tests.faults.local import wait_until
from tests.faults.service import CONTRACT, Service, is_over, prove, settle, tick

COUNT = 400


def update(outlet: Outlet, skus: list[str], stock_status: int) -> None:
    rows = [{"sku": sku, "selling_price": "11.00", "stock_status": stock_status} for sku in skus]
    apply_product_update(outlet, rows)


def test_a_bad_update_under_way_is_held_over_a_dead_worker_and_many_ticks(
    service: Service, branch: Outlet, shop: MockShop
) -> None:
    store_contract("pasons", "", {**CONTRACT, "batch_size": 20, "guard": {}}, timezone.now())
    skus = stock(branch, COUNT)
    ring_outlet(branch.pk)
    wait_until(lambda: shop.shelf.get("14") == dashboard_state(branch) and is_over())
    shop.misbehave(mode="slow", seconds=0.3)
    before = len(shop.requests)
    update(branch, skus, 1)  # which rings a push
    wait_until(lambda: len(shop.requests) >= before + 3)
    update(branch, skus, 0)
    wait_until(lambda: PushHistory.objects.filter(status="held").exists())
    service.worker.kill()
    service.worker.restart()
    shop.misbehave(mode="ok")
    push = PushHistory.objects.get(status="held")
    for _ in range(8):
        tick()
        time.sleep(0.5)
    assert PushHistory.objects.filter(pk__gte=push.pk).count() == 1
    assert PushHistory.objects.get(pk=push.pk).status == "held"
    assert {stock_status for _price, stock_status in shop.shelf.get("14").values()} == {1}
    ring(release_push(push.pk, timezone.now()))
    settle(branch)  # with sweeps: messages that the killed worker had taken are lost
    store_contract("pasons", "", CONTRACT, timezone.now())
    prove(shop, branch)
