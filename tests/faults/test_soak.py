"""Minutes of random faults while prices change, and a broker that pauses for half a minute."""

import random
import time
from collections import Counter
from collections.abc import Callable

import pytest
from django.db.models import Sum

from integration.mock_shop import MockShop
from integration.models import Outlet, PushAttempt, PushHistory, Rescue
from integration.product_update import apply_product_update
from tasks.push import ring_outlet
from tests.conftest import KEY, make_outlet, stock
from tests.faults.local import wait_until
from tests.faults.service import Service, prove, tick

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.soak]
SECONDS = 180
OUTLETS = 5
PRODUCTS = 2000


def change_prices(outlet: Outlet, skus: list[str], chance: random.Random) -> None:
    rows = [
        {"sku": sku, "selling_price": str(chance.randint(1, 9999)), "stock_status": chance.randint(0, 1)}
        for sku in chance.sample(skus, 60)
    ]
    apply_product_update(outlet, rows)


def faults(service: Service, shop: MockShop, chance: random.Random) -> dict[str, Callable[[], object]]:
    def kill_worker() -> None:
        service.worker.kill()
        service.worker.restart()

    def kill_broker() -> None:
        service.broker.kill()
        service.broker.restart()

    def kill_both() -> None:
        service.worker.kill()
        kill_broker()
        service.worker.restart()

    def misbehave() -> None:
        mode = chance.choice(["late", "hang", "apply_and_cut", "cut", "html", "half", "reset", "bad_json", "empty"])
        shop.misbehave(mode=mode, seconds=1.5, times=chance.randint(1, 6))

    def refuse() -> None:
        shop.misbehave(mode="status", status=chance.choice([429, 500, 503, 401]), times=chance.randint(1, 4))

    return {
        "worker killed": kill_worker,
        "broker killed": kill_broker,
        "both killed": kill_both,
        "broker flushed": lambda: service.redis.flushall(),
        "broker's clients cut off": lambda: service.redis.client_kill_filter(_type="normal", skipme=True),
        "shop breaks off": misbehave,
        "shop refuses": refuse,
    }


def test_random_faults_for_minutes(service: Service, shop: MockShop) -> None:
    chance = random.Random(2026)
    outlets = [
        make_outlet(
            str(n), "pasons", api_endpoint=f"{shop.url}/stores/{n}/products", api_key=KEY, push_after_update=True
        )
        for n in range(OUTLETS)
    ]
    for outlet in outlets:
        skus = stock(outlet, PRODUCTS)
    ways, done = faults(service, shop, chance), Counter[str]()
    ends_at = time.monotonic() + SECONDS
    while time.monotonic() < ends_at:
        for outlet in outlets:
            change_prices(outlet, skus, chance)
        name = chance.choice(list(ways))
        ways[name]()
        done[name] += 1
        tick()
        time.sleep(chance.random())
    shop.misbehave(mode="ok")
    started = time.monotonic()
    prove(shop, *outlets)
    report(done, time.monotonic() - started, len(shop.requests))


def report(done: Counter[str], seconds: float, requests: int) -> None:
    lost = PushAttempt.objects.filter(error_kind="worker_lost").count()
    statuses = Counter(PushHistory.objects.values_list("status", flat=True))
    rescued = Rescue.objects.aggregate(all=Sum("count", default=0))["all"]
    print(f"\n{sum(done.values())} faults in {SECONDS} s: {dict(done)}")
    print(f"{requests} requests, {PushAttempt.objects.count()} attempts, {lost} of lost workers, {rescued} rescues")
    print(f"pushes: {dict(statuses)}")
    print(f"{OUTLETS * PRODUCTS} items equal in shop and dashboard {seconds:.1f} s after the last fault")


def test_a_broker_that_pauses_for_half_a_minute(service: Service, shop: MockShop) -> None:
    branch = make_outlet("14", "pasons", api_endpoint=f"{shop.url}/stores/14/products", api_key=KEY)
    stock(branch, 3000)
    shop.misbehave(mode="slow", seconds=0.3)
    ring_outlet(branch.pk, push_type="full")
    wait_until(lambda: len(shop.requests) >= 1)
    service.redis.execute_command("CLIENT", "PAUSE", "30000", "ALL")
    time.sleep(30)
    prove(shop, branch)
