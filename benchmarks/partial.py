"""A partial push costs what has changed, not what there is."""

import statistics

from benchmarks import data
from benchmarks.scene import Scene, check_pushed, push_all

CHANGES = 200
MANY = 2_000_000


def measure(scene: Scene) -> None:
    small, large = data.FEED, scene.size(MANY)
    data.add_products(large)
    with scene.running():
        outlets = [data.add_outlet(n, scene.endpoint(n), count) for n, count in enumerate((small, large))]
        data.acknowledge_all()
        few, many = [], []
        for number in range(len(scene.rounds(15)) + 2):
            for outlet, seconds in zip(outlets, (few, many), strict=True):
                data.change(outlet, CHANGES)
                spent = push_all([outlet], "partial")
                if number > 1:  # the first rounds warm the workers up
                    seconds.append(spent)
                check_pushed(CHANGES, outlet=outlet, pk=outlet.pushes.latest("pk").pk)
        for spent in few:
            scene.record("partial_200_seconds", spent)
        for spent in many:
            scene.record("partial_growth", spent / statistics.median(few))
