"""A full push of ten outlets by two worker processes, and the floor before it in the same run."""

import os
import time
from collections.abc import Callable

import psutil

from benchmarks import data
from benchmarks.cpu import roots_of, seconds_used
from benchmarks.floor import MARK_OURS, READ_OURS, prepare_floor, run_floor
from benchmarks.scene import Scene, check_pushed, push_all

OUTLETS, ITEMS = 10, 20_000
PAUSE = 0.3  # until a connection that was closed has gone


def measure(scene: Scene) -> None:
    count, address = scene.size(ITEMS), os.environ["DATABASE_URL"]
    data.add_products(count)
    with scene.running(worker_count=2) as supervisor:
        outlets = [data.add_outlet(n, scene.endpoint(n), count) for n in range(OUTLETS)]
        endpoints = {outlet.pk: outlet.api_endpoint for outlet in outlets}
        roots = roots_of(supervisor)
        for number in range(len(scene.rounds(5)) + 1):
            prepare_floor(address)
            floor, floor_cpu = timed(roots, lambda: run_floor(address, endpoints))
            data.forget_pushes()
            ours, _ = timed(roots, lambda: run_floor(address, endpoints, READ_OURS, MARK_OURS))
            data.forget_pushes()
            pushed, cpu = timed(roots, lambda: push_all(outlets))
            check_pushed(OUTLETS * count)
            if number:  # the first round warms everybody up
                scene.record("full_push_items_per_second", OUTLETS * count / pushed)
                scene.record("floor_items_per_second", OUTLETS * count / floor)
                scene.record("full_push_ratio", floor / pushed)
                scene.record("full_push_same_table_ratio", ours / pushed)
                scene.record("full_push_cpu_ratio", cpu / floor_cpu)


def timed(roots: list[psutil.Process], work: Callable[[], float]) -> tuple[float, float]:
    """The seconds that the work says it took, and the processor time of all processes."""
    before = seconds_used(roots)
    seconds = work()
    time.sleep(PAUSE)
    return seconds, seconds_used(roots) - before
