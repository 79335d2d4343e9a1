"""How long a change takes to the shop while nothing else is going on."""

import statistics
import time

from django.db import transaction

from benchmarks import data
from benchmarks.files import sku
from benchmarks.scene import Scene, WrongOutcome, wait_over
from integration.models import Outlet
from integration.product_update import apply_product_update

WARM = 10


def measure(scene: Scene) -> None:
    data.add_products(data.FEED)
    with scene.running():
        outlet = data.add_outlet(14, scene.endpoint(14), data.FEED, push_after_update=True)
        data.acknowledge_all()
        seconds = [seconds_to_shop(scene, outlet, n) for n in range(WARM + (40 if scene.is_quick else 300))]
    for spent in seconds[WARM:]:
        scene.record("latency_p50_seconds", spent)
    per_hundred = [seconds[start : start + 100] for start in range(WARM, len(seconds), 100)]
    for hundred in per_hundred:
        scene.record("latency_p99_seconds", statistics.quantiles(hundred, n=100, method="inclusive")[-1])


def seconds_to_shop(scene: Scene, outlet: Outlet, number: int) -> float:
    committed: list[float] = []
    row = {"sku": sku(number + 1), "selling_price": f"{500 + number}.00", "stock_status": 1}
    scene.seen()
    with transaction.atomic():
        transaction.on_commit(lambda: committed.append(time.monotonic()))
        apply_product_update(outlet, [row])
    wait_over()
    time.sleep(0.05)
    if len(arrivals := scene.seen()["arrivals"]) != 1:
        raise WrongOutcome(f"{len(arrivals)} requests for one change")
    return float(arrivals[0] - committed[0])
