"""A tick that finds nothing to do."""

import time

from benchmarks import data
from benchmarks.scene import Scene, WrongOutcome
from integration.models import PushHistory
from tasks.push import push_all_outlets

OUTLETS, ITEMS = 1000, 100


def measure(scene: Scene) -> None:
    data.add_products(ITEMS)
    for number in range(OUTLETS):
        data.add_outlet(number, "https://shop.example/products", ITEMS)
    data.acknowledge_all()
    for number in range(len(scene.rounds(10)) + 1):
        started = time.perf_counter()
        push_all_outlets()
        if number:
            scene.record("idle_tick_seconds", time.perf_counter() - started)
    if PushHistory.objects.exists():
        raise WrongOutcome("a tick with nothing to do has written history")
