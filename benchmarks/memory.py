"""A worker's memory does not grow with the catalogue."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from benchmarks import data
from benchmarks.scene import Scene, check_pushed, push_all, worker_of

FEW, MANY = 2_000, 2_000_000
STEP = 0.2  # seconds between two looks


def measure(scene: Scene) -> None:
    few, many = FEW, scene.size(MANY)
    data.add_products(many)
    small = [peak_of_push(scene, number, few) for number in range(2)]
    scene.record("memory_growth", peak_of_push(scene, len(small), many) / max(small))


def peak_of_push(scene: Scene, number: int, count: int) -> float:
    """The most memory that a process of a fresh worker had while it pushed an outlet of so many items."""
    with scene.running(worker_count=2) as supervisor:
        outlet = data.add_outlet(number, scene.endpoint(number), count)
        data.settle()
        with peak_memory(worker_of(supervisor).process.pid) as peaks:
            push_all([outlet])
            check_pushed(count, outlet=outlet)
    return max(peaks.values())


@contextmanager
def peak_memory(process_id: int) -> Iterator[dict[int, float]]:
    """The peak of each of the process's children."""
    peaks: dict[int, float] = {}
    is_over = threading.Event()

    def look() -> None:
        while not is_over.wait(STEP):
            for child in psutil.Process(process_id).children():
                peaks[child.pid] = peak_of(child.pid) or peaks.get(child.pid, 0)

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield peaks
    finally:
        is_over.set()
        watcher.join()


def peak_of(process_id: int) -> float:
    """KiB that the process has had at most; 0 if it has gone."""
    try:
        status = Path(f"/proc/{process_id}/status").read_text()
    except OSError:
        return 0
    return next((float(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")), 0)
