"""A long CSV file: how fast it is read and checked, how fast it is imported, and in how much memory."""

import multiprocessing
import time
from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.db import connection

from benchmarks import data
from benchmarks.files import write_csv
from benchmarks.memory import peak_of
from benchmarks.scene import Scene
from integration.product_file import ProductFile
from integration.product_row import GoodRow, read_rows
from integration.product_update import apply_product_update

FEW, MANY = 10_000, 1_000_000
Measured = tuple[float, float]


def measure(scene: Scene) -> None:
    path, many = settings.DATA_DIR / "rows.csv", scene.size(MANY)
    for _ in scene.rounds(2):
        write_csv(path, many, 0)
        scene.record("csv_rows_per_second", many / in_a_process(read, path)[0])
        if scene.wants("csv_import_rows_per_second", "csv_memory_growth"):
            data.clear()
            seconds, large = in_a_process(import_all, path)
            scene.record("csv_import_rows_per_second", many / seconds)
            data.clear()
            write_csv(path, FEW, 0)
            scene.record("csv_memory_growth", large / in_a_process(import_all, path)[1])


def read(path: Path) -> int:
    return sum(isinstance(row, GoodRow) for row in read_rows(ProductFile(path)))


def import_all(path: Path) -> int:
    outlet = data.add_outlet(14, "https://shop.example/products", 0)
    return apply_product_update(outlet, ProductFile(path)).created_count


def in_a_process(work: Callable[[Path], int], path: Path) -> Measured:
    """Seconds that it takes, and KiB that its process had at most."""
    connection.close()
    ours, theirs = multiprocessing.get_context("fork").Pipe()
    child = multiprocessing.get_context("fork").Process(target=work_and_tell, args=(work, path, theirs), daemon=True)
    child.start()
    told: Measured = ours.recv()
    child.join()
    return told


def work_and_tell(work: Callable[[Path], int], path: Path, pipe: "multiprocessing.connection.Connection") -> None:
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    started = time.perf_counter()
    work(path)
    pipe.send((time.perf_counter() - started, peak_of(multiprocessing.current_process().pid or 0)))
