"""A shop that takes its time is not made slower by waiting for anything else."""

import math

from benchmarks import data
from benchmarks.scene import Scene, check_pushed, push_all

SECONDS, WINDOW, BATCH = 0.2, 4, 500


def measure(scene: Scene) -> None:
    data.add_products(data.FEED)
    # The first request goes alone, until it is known that the shop answers.
    least = SECONDS * (1 + math.ceil((math.ceil(data.FEED / BATCH) - 1) / WINDOW))
    with scene.running(worker_count=WINDOW, PUSH_WINDOW=WINDOW):
        outlet = data.add_outlet(14, scene.endpoint(14, f"/after/{SECONDS * 1000:.0f}"), data.FEED)
        for number in range(len(scene.rounds(5)) + 1):
            data.forget_pushes()
            seconds = push_all([outlet])
            check_pushed(data.FEED)
            if number:
                scene.record("slow_shop_ratio", seconds / least)
