"""Workers that are killed, stopped, or get what they do not expect."""

import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from django.conf import settings
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from integration.delivery import send_chunk
from integration.mock_shop import MockShop
from integration.models import Outlet, OutletProduct, PushAttempt, PushChunk
from integration.product_update import apply_product_update
from integration.sweep import sweep
from tasks import app
from tasks.push import push_chunk, push_outlet, ring_outlet
from tests.conftest import dashboard_state, set_price, stock
from tests.faults.local import LocalProcess, wait_until
from tests.faults.points import POINTS
from tests.faults.service import PATIENT, Service, is_over, prove, store_times

pytestmark = pytest.mark.django_db(transaction=True)


def order_death(which: str, point: str) -> Path:
    order = Path(settings.DATA_DIR) / f"kill-{which}-{point}"
    order.touch()
    return order


def parent(service: Service) -> psutil.Process:
    process: psutil.Process = service.worker.container.process  # type: ignore[attr-defined]
    return process


def children(service: Service) -> list[psutil.Process]:
    """Those that live: the worker looks for dead ones every five seconds, and keeps them as zombies until then."""
    return [child for child in parent(service).children() if child.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.parametrize("which", ["worker", "child"])
@pytest.mark.parametrize("point", POINTS)
def test_a_process_that_is_killed(service: Service, branch: Outlet, shop: MockShop, which: str, point: str) -> None:
    skus = stock(branch, 1200)
    order = order_death(which, point)
    ring_outlet(branch.pk, push_type="full")
    wait_until(lambda: not order.exists())
    if which == "worker":
        wait_until(lambda: service.worker.container.status != "running")
        service.worker.restart()
    set_price(branch, skus[0], "77")
    prove(shop, branch)


def test_a_worker_that_is_killed_in_mid_request(service: Service, branch: Outlet, shop: MockShop) -> None:
    stock(branch, 1200)
    shop.misbehave(mode="slow", seconds=0.5)
    ring_outlet(branch.pk, push_type="full")
    wait_until(lambda: len(shop.requests) >= 1)
    service.worker.kill()
    shop.misbehave(mode="ok")
    service.worker.restart()
    prove(shop, branch)
    assert PushAttempt.objects.filter(error_kind="worker_lost").exists()


def test_a_worker_that_is_stopped_past_its_lease_and_goes_on(service: Service, branch: Outlet, shop: MockShop) -> None:
    """Another one has sent newer values meanwhile; the late one must not record the old ones."""
    skus = stock(branch, 5)
    shop.misbehave(mode="slow", seconds=0.8, times=1)
    ring_outlet(branch.pk)
    wait_until(lambda: len(shop.requests) == 1, step=0.01)
    parent(service).suspend()
    frozen = [parent(service), *children(service)]
    for process in frozen:
        process.suspend()
    set_price(branch, skus[0], "88")
    time.sleep(2.1)
    (ring,) = sweep(timezone.now())
    send_chunk(ring.id, timezone.now())
    assert shop.shelf.get("14")[skus[0]] == ("88.00", 1)
    for process in frozen:
        process.resume()
    wait_until(lambda: OutletProduct.objects.filter(confirm_at__isnull=False).exists())
    assert OutletProduct.objects.get(product__sku=skus[0]).pushed_price == 88
    prove(shop, branch)


def test_a_worker_that_is_stopped_before_the_socket_sends_no_old_value(
    service: Service, branch: Outlet, shop: MockShop
) -> None:
    sku, *_ = stock(branch, 5)
    order = order_death("nobody", "before-socket")
    ring_outlet(branch.pk)
    wait_until(lambda: not order.exists())
    (stopped,) = (child for child in children(service) if is_stopped(child))
    set_price(branch, sku, "88")
    time.sleep(2.1)
    (ring,) = sweep(timezone.now())
    send_chunk(ring.id, timezone.now())
    assert shop.shelf.get("14")[sku] == ("88.00", 1)
    before = len(shop.requests)
    stopped.resume()
    wait_until(lambda: OutletProduct.objects.filter(confirm_at__isnull=False).exists())
    assert (len(shop.requests), shop.shelf.get("14")[sku]) == (before, ("88.00", 1))
    prove(shop, branch)
    assert ("14", sku, "10.00", 1) not in shop.accepted


def is_stopped(process: psutil.Process) -> bool:
    wait_until(lambda: process.status() != psutil.STATUS_RUNNING)
    return process.status() == psutil.STATUS_STOPPED


def test_a_worker_that_is_shut_down_warmly(service: Service, branch: Outlet, shop: MockShop) -> None:
    stock(branch, 2000)
    shop.misbehave(mode="slow", seconds=0.3)
    ring_outlet(branch.pk, push_type="full")
    wait_until(lambda: len(shop.requests) >= 2)
    service.worker.container.stop()  # type: ignore[attr-defined]
    assert not PushAttempt.objects.filter(finished_at__isnull=True).exists()
    shop.misbehave(mode="ok")
    service.worker.restart()
    prove(shop, branch)
    assert not PushAttempt.objects.filter(error_kind="worker_lost").exists()


def test_a_chunk_that_kills_its_worker_comes_back_three_times_and_no_more(
    service: Service, branch: Outlet, shop: MockShop
) -> None:
    stock(branch, 5)
    order = order_death("every-child", "before-socket")
    try:
        push = ring_outlet(branch.pk, push_type="full").push
        assert push is not None
        ends_at = time.monotonic() + 40
        while not is_over() and time.monotonic() < ends_at:
            for ring in sweep(timezone.now()):
                push_chunk.delay(chunk_id=ring.id)
            time.sleep(0.3)
        push.refresh_from_db()
        assert (push.status, push.error_details) == ("failed", "the worker did not report back")
        assert PushAttempt.objects.filter(chunk__push=push).count() == 3
    finally:
        order.unlink()
    prove(shop, branch)


def test_messages_that_come_twice_at_once_and_later(service: Service, branch: Outlet, shop: MockShop) -> None:
    stock(branch, 2000)
    store_times(**PATIENT)
    shop.misbehave(mode="slow", seconds=0.2)
    push = ring_outlet(branch.pk, push_type="full").push
    assert push is not None
    for _ in range(3):
        push_outlet.delay(push_id=push.pk)
    wait_until(lambda: PushChunk.objects.count() == 4)
    chunk_ids = list(PushChunk.objects.values_list("pk", flat=True))
    for chunk_id in chunk_ids * 2:
        push_chunk.delay(chunk_id=chunk_id)
    wait_until(is_over)
    for chunk_id in chunk_ids:
        push_chunk.delay(chunk_id=chunk_id)
    shop.misbehave(mode="ok")
    prove(shop, branch)
    assert [request["item_count"] for request in shop.requests] == [500] * 4 + [1]


def test_two_beats(service: Service, branch: Outlet, shop: MockShop, start_beat: Callable[[], LocalProcess]) -> None:
    schedule = IntervalSchedule.objects.create(every=1, period="seconds")
    PeriodicTask.objects.create(name="often", task="tasks.push.push_all_outlets", interval=schedule)
    stock(branch, 1000)
    store_times(**PATIENT)
    shop.misbehave(mode="slow", seconds=0.3)
    beats = [start_beat(), start_beat()]
    wait_until(lambda: shop.shelf.get("14") == dashboard_state(branch))
    time.sleep(2)
    for beat in beats:
        beat.stop()
    wait_until(is_over)
    assert [request["item_count"] for request in shop.requests] == [500, 500]
    shop.misbehave(mode="ok")
    prove(shop, branch)


def test_messages_that_this_version_does_not_know(service: Service, branch: Outlet, shop: MockShop) -> None:
    """During an upgrade, an old worker gets what a new one has written."""
    stock(branch, 5)
    app.send_task("tasks.push.push_everything_at_once", kwargs={"outlet_id": 1})
    app.send_task("tasks.push.push_chunk", kwargs={"chunk_id": 1, "colour": "red"})
    app.send_task("tasks.push.push_chunk", kwargs={"chunk_id": 10**12})
    app.send_task("tasks.push.push_outlet", kwargs={"push_id": 10**12})
    ring_outlet(branch.pk)
    wait_until(is_over)
    prove(shop, branch)


def test_a_product_update_during_its_outlet_s_push(service: Service, branch: Outlet, shop: MockShop) -> None:
    skus = stock(branch, 3000)
    shop.misbehave(mode="slow", seconds=0.2)
    ring_outlet(branch.pk, push_type="full")
    wait_until(lambda: len(shop.requests) >= 2)
    rows = [
        {"sku": sku, "selling_price": "66", "stock_status": 0}
        for sku in [*skus[:800], *(f"new{n}" for n in range(700))]
    ]
    assert apply_product_update(branch, rows).bad_count == 0
    shop.misbehave(mode="ok")
    wait_until(lambda: shop.shelf.get("14") == dashboard_state(branch))  # without a sweep: the update rings
    prove(shop, branch)
