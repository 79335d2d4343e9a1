"""A branch's feed comes in as CSV: read, checked, compared with what is there, and written."""

import time
from pathlib import Path

from django.conf import settings

from benchmarks import data
from benchmarks.files import write_csv
from benchmarks.scene import Scene, WrongOutcome
from integration.models import Outlet
from integration.product_file import ProductFile
from integration.product_update import apply_product_update


def measure(scene: Scene) -> None:
    data.add_products(data.FEED)
    outlet = data.add_outlet(14, "https://shop.example/products", data.FEED)
    path = settings.DATA_DIR / "feed.csv"
    write_csv(path, data.FEED, 0)
    seconds_to_update(outlet, path)
    data.acknowledge_all()
    changes = {"none": 0, "one_percent": data.FEED // 100, "all": data.FEED}
    raised = 0
    for _ in scene.rounds(7):
        for name, count in changes.items():
            raised += 1
            write_csv(path, data.FEED, raised if count else raised - 1, count or data.FEED)
            spent, changed = seconds_to_update(outlet, path)
            if changed != count:
                raise WrongOutcome(f"{changed} rows changed, not {count}")
            scene.record(f"update_{name}_seconds", spent)
            write_csv(path, data.FEED, raised)
            seconds_to_update(outlet, path)
            data.acknowledge_all()


def seconds_to_update(outlet: Outlet, path: Path) -> tuple[float, int]:
    started = time.perf_counter()
    result = apply_product_update(outlet, ProductFile(path))
    return time.perf_counter() - started, result.changed_count
