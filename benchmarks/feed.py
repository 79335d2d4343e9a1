"""The feed of one branch, from the trigger to the push's final state."""

from django.db import connection

from benchmarks import data
from benchmarks.scene import Scene, check_pushed, push_all

KEYS = {"postgresql": "feed_seconds_postgres", "sqlite": "feed_seconds_sqlite"}


def measure(scene: Scene) -> None:
    count = scene.size(data.FEED)
    data.add_products(count)
    with scene.running():
        outlet = data.add_outlet(14, scene.endpoint(14), count)
        for number in range(len(scene.rounds(7)) + 1):
            data.forget_pushes()
            seconds = push_all([outlet])
            check_pushed(count)
            if number:  # the first round warms the workers up
                scene.record(KEYS[connection.vendor], seconds)
