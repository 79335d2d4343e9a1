"""One outlet's trouble stays its own."""

import time

import pytest

from integration.mock_shop import MockShop
from integration.models import EndpointHealth, Outlet, PushHistory
from tasks.push import push_all_outlets
from tests.conftest import KEY, dashboard_state, make_outlet, stock
from tests.faults.local import wait_until
from tests.faults.service import Service, tick

pytestmark = pytest.mark.django_db(transaction=True)
COUNT = 20


def seconds_to_push(shop: MockShop, outlets: list[Outlet], price: str) -> float:
    for outlet in outlets:
        outlet.products.update(selling_price=price)
    started = time.monotonic()
    push_all_outlets.delay()
    wait_until(lambda: all(shop.shelf.get(o.store_id) == dashboard_state(o) for o in outlets), 60)
    return time.monotonic() - started


def test_one_dead_shop_among_twenty_slows_no_other(
    service: Service, shop: MockShop, capsys: pytest.CaptureFixture[str]
) -> None:
    outlets = [
        make_outlet(str(n), "pasons", api_endpoint=f"{shop.url}/stores/{n}/products", api_key=KEY) for n in range(COUNT)
    ]
    for outlet in outlets:
        stock(outlet, 1000)
    dead, *others = outlets
    seconds_to_push(shop, outlets, "11")
    without = seconds_to_push(shop, others, "12")
    shop.misbehave(mode="hang", seconds=2, store_id=dead.store_id)
    dead.products.update(selling_price="13")
    with_dead = seconds_to_push(shop, others, "13")
    with capsys.disabled():
        print(f"\n19 shops beside a dead one: {with_dead:.1f} s, without it {without:.1f} s: {with_dead / without:.2f}")
    assert with_dead < 2 * without + 5  # it holds one of four processes, a few times, until its breaker opens
    wait_until(lambda: not PushHistory.objects.exclude(outlet=dead).filter(status__in=PushHistory.OPEN).exists())
    wait_until(EndpointHealth.objects.filter(outlet=dead, open_until__isnull=False).exists)
    before = len([r for r in shop.requests if r["store_id"] == dead.store_id])
    ends_at = time.monotonic() + 5
    while time.monotonic() < ends_at:
        tick()
        time.sleep(0.2)
    probes = len([r for r in shop.requests if r["store_id"] == dead.store_id]) - before
    assert probes <= 3  # a push that went on would make one a second
