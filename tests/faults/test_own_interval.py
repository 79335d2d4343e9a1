"""An outlet's own interval with a real beat and real workers."""

import time
from collections.abc import Callable

from django_celery_beat.models import IntervalSchedule, PeriodicTask, PeriodicTasks

from integration.mock_shop import MockShop
from integration.models import Outlet, PushHistory
from integration.next_push import pushes_of_some
from integration.schedules import keep_intervals
from tests.conftest import dashboard_state, make_outlet, set_price, stock
from tests.faults.local import LocalProcess
from tests.faults.service import PATIENT, Service, is_over, prove, store_times, wait_until


def test_an_interval_given_while_two_beats_run(
    service: Service, branch: Outlet, shop: MockShop, start_beat: Callable[[], LocalProcess]
) -> None:
    """The interval that the outlet gets is made seconds, as an administrator could: nobody waits for minutes."""
    PeriodicTask.objects.all().delete()
    other = make_outlet("15", "pasons", api_endpoint=f"{shop.url}/stores/15/products", api_key=branch.api_key)
    skus = stock(branch, 5)
    store_times(**PATIENT)
    stock(other, 5, prefix="t")
    beats = [start_beat(), start_beat()]
    time.sleep(3)
    assert not shop.requests
    Outlet.objects.filter(pk=branch.pk).update(push_interval_minutes=1)
    keep_intervals()
    second, _ = IntervalSchedule.objects.get_or_create(every=1, period="seconds")
    pushes_of_some().update(interval=second)
    PeriodicTasks.update_changed()
    wait_until(lambda: shop.shelf.get("14") == dashboard_state(branch))
    for beat in beats:
        beat.stop()
    wait_until(is_over)
    set_price(branch, skus[0], "44")
    start_beat()  # after a downtime: once
    wait_until(lambda: shop.shelf.get("14") == dashboard_state(branch))
    time.sleep(2)
    wait_until(is_over)
    assert [request["item_count"] for request in shop.requests] == [5, 1]
    assert set(PushHistory.objects.values_list("outlet", "status")) == {(branch.pk, "success")}
    prove(shop, branch)
