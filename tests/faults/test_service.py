"""The service as it runs: real processes, a real broker, a real shop."""

import time
from collections.abc import Callable

import pytest
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from pytest_celery import CeleryTestSetup

from integration.mock_shop import MockShop
from integration.models import Outlet, OutletProduct, PushAttempt, PushHistory
from integration.product_update import apply_product_update
from tasks.maintenance import sweep
from tasks.push import ring_outlet
from tests.conftest import KEY, dashboard_state, set_price, stock
from tests.faults.local import LocalProcess, wait_until
from tests.faults.service import PATIENT, is_over, store_times

pytestmark = pytest.mark.django_db(transaction=True)


def swept(condition: Callable[[], bool]) -> Callable[[], bool]:
    """The condition, after a sweep as beat asks for it each minute."""

    def ask() -> bool:
        sweep.delay()
        time.sleep(0.3)
        return condition()

    return ask


def begin_full_push(branch: Outlet, shop: MockShop, count: int = 4500) -> None:
    """A push with a slow shop, when its first requests have been answered."""
    stock(branch, count)
    shop.misbehave(mode="slow", seconds=0.4)
    ring_outlet(branch.pk, push_type="full")
    wait_until(lambda: PushAttempt.objects.filter(outcome="done").exists())


def test_a_product_update_reaches_the_shop(celery_setup: CeleryTestSetup, branch: Outlet, shop: MockShop) -> None:
    store_times(**PATIENT)
    rows = [{"sku": f"{number:04d}", "selling_price": "13.90", "stock_status": 1} for number in range(1200)]
    apply_product_update(branch, rows)
    wait_until(lambda: shop.shelf.get("14") == dashboard_state(branch))
    wait_until(is_over)
    push = PushHistory.objects.get()
    assert (push.trigger, push.status, push.accepted_count) == ("product_update", "success", 1200)
    assert sorted(request["item_count"] for request in shop.requests) == [200, 500, 500]


def test_a_worker_killed_in_the_middle_of_a_push_loses_nothing(
    celery_setup: CeleryTestSetup, branch: Outlet, shop: MockShop
) -> None:
    begin_full_push(branch, shop)
    wait_until(lambda: PushAttempt.objects.filter(finished_at__isnull=True).exists())
    celery_setup.worker.kill()
    assert not is_over()
    set_price(branch, "s00000", "77")
    shop.misbehave(mode="ok")
    celery_setup.worker.restart()
    wait_until(swept(is_over))
    push = PushHistory.objects.get(trigger="manual")
    assert (push.status, push.item_count) == ("success", 4500)
    assert PushAttempt.objects.filter(error_kind="worker_lost").count() >= 1
    ring_outlet(branch.pk)
    wait_until(lambda: shop.shelf.get("14") == dashboard_state(branch))


def test_a_request_that_fails_is_tried_again_after_its_pause(
    celery_setup: CeleryTestSetup, branch: Outlet, shop: MockShop
) -> None:
    stock(branch, 10)
    store_times(**PATIENT)
    shop.misbehave(mode="status", status=429, retry_after="1", times=1)
    ring_outlet(branch.pk)
    wait_until(is_over)
    assert list(PushAttempt.objects.values_list("response_code", flat=True)) == [429, 200]
    first, second = (request["at"] for request in shop.requests)
    assert second - first >= 1


def test_beat_pushes_what_changed_at_each_interval(
    celery_setup: CeleryTestSetup, branch: Outlet, shop: MockShop, start_beat: Callable[[], LocalProcess]
) -> None:
    schedule = IntervalSchedule.objects.create(every=1, period="seconds")
    PeriodicTask.objects.create(name="often", task="tasks.push.push_all_outlets", interval=schedule)
    stock(branch, 10)
    store_times(**PATIENT)
    start_beat()
    wait_until(lambda: shop.shelf.get("14") == dashboard_state(branch))
    set_price(branch, "s00003", "12.34")
    wait_until(lambda: shop.shelf.get("14") == dashboard_state(branch))
    wait_until(is_over)
    assert [request["item_count"] for request in shop.requests] == [10, 1]
    assert set(PushHistory.objects.values_list("trigger", flat=True)) == {"schedule"}


def test_no_secret_is_in_a_message_or_a_log(celery_setup: CeleryTestSetup, branch: Outlet, shop: MockShop) -> None:
    begin_full_push(branch, shop, 1000)
    wait_until(is_over)
    with celery_setup.app.connection_for_write() as broker:
        client = broker.default_channel.client
        kept = [client.dump(key) or b"" for key in client.scan_iter()]
    assert not any(KEY.encode() in value for value in kept)
    assert KEY not in celery_setup.worker.logs()
    assert KEY not in str(list(PushHistory.objects.values()) + list(PushAttempt.objects.values()))
    assert OutletProduct.objects.filter(pushed_at__lte=timezone.now()).count() == 1000
