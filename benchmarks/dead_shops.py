"""One shop's trouble stays its own: ninety shops beside ten that refuse connections, or that never answer."""

import time

from benchmarks import data
from benchmarks.scene import Scene, check_pushed, push_all, wait_over
from integration.health import reset_health
from integration.models import Outlet, PushHistory
from integration.push_queue import cancel_push
from tasks.push import ring_outlet

WELL, DEAD = 90, 10
REFUSING = "http://127.0.0.1:9"  # nobody listens there


def measure(scene: Scene) -> None:
    count = scene.size(data.FEED)
    data.add_products(count)
    with scene.running(CONTRACTS='{"pasons": {"timeout_seconds": 2}}'):
        well = [data.add_outlet(n, scene.endpoint(n), count) for n in range(WELL)]
        dead = [data.add_outlet(WELL + n, REFUSING, count) for n in range(DEAD)]
        data.settle()
        push_all(well)  # so that no round is the first that these rows are acknowledged in
        for _ in scene.rounds(5):
            data.settle()
            alone = push_all(well)
            check_pushed(WELL * count)
            for key, endpoint in ENDPOINTS.items():
                if scene.wants(key):
                    scene.record(key, beside(scene, well, dead, endpoint) / alone)


ENDPOINTS = {"dead_shops_ratio": REFUSING, "silent_shops_ratio": ""}


def beside(scene: Scene, well: list[Outlet], dead: list[Outlet], endpoint: str) -> float:
    """Seconds until the good ones' pushes are over, with one dead shop among every ten."""
    data.settle()
    for outlet in dead:
        outlet.api_endpoint = endpoint or scene.endpoint(outlet.store_id, "/silent")
        outlet.save()
        reset_health(outlet.pk)
    started = time.perf_counter()
    mixed = [outlet for n, outlet in enumerate(dead) for outlet in (outlet, *well[n * 9 : n * 9 + 9])]
    for outlet in mixed:
        ring_outlet(outlet.pk, push_type=PushHistory.PushType.FULL)
    names = ",".join(str(outlet.pk) for outlet in dead)
    wait_over(f" AND outlet_id NOT IN ({names})")
    seconds = time.perf_counter() - started
    for push in PushHistory.objects.filter(status__in=PushHistory.OPEN):
        cancel_push(push.pk, "the benchmark", push.push_timestamp)
    wait_over()
    return seconds
