"""How long a change takes to the shop while nothing else is going on.

Outlets take turns: a change that comes soon after another one of its outlet waits for more (UPDATE_GAP_SECONDS).
"""

import itertools
import statistics
import time

from django.conf import settings
from django.db import transaction

from benchmarks import data
from benchmarks.files import sku
from benchmarks.scene import Scene, WrongOutcome, wait_over
from integration.models import Outlet
from integration.product_update import apply_product_update

WARM = 10
OUTLETS = 25


def measure(scene: Scene) -> None:
    data.add_products(data.FEED)
    with scene.running():
        outlets = [
            data.add_outlet(n, scene.endpoint(n), data.FEED, push_after_update=True) for n in range(1, OUTLETS + 1)
        ]
        data.acknowledge_all()
        turns = itertools.cycle(outlets)
        count = WARM + (40 if scene.is_quick else 300)
        seconds = [seconds_to_shop(scene, next(turns), n) for n in range(count)]
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
    time.sleep(max(0.05, settings.UPDATE_GAP_SECONDS / OUTLETS))
    if len(arrivals := scene.seen()["arrivals"]) != 1:
        raise WrongOutcome(f"{len(arrivals)} requests for one change")
    return float(arrivals[0] - committed[0])
