"""One group of figures in a process of its own: `python -m benchmarks.group NAME KEY,... OUTPUT [--quick]`."""

import importlib
import json
import os
import signal
import sys
from pathlib import Path

import django

from dashboard.supervisor import die_with_parent


def main(name: str, keys: str, output: str, *flags: str) -> None:
    die_with_parent(os.getppid())
    signal.signal(signal.SIGINT, signal.default_int_handler)
    django.setup()
    # Only now are the models there.
    scene = importlib.import_module("benchmarks.scene").Scene(keys.split(","), "--quick" in flags)
    scene.prepare_database()
    try:
        importlib.import_module(f"benchmarks.{name.removesuffix('_sqlite')}").measure(scene)
    finally:
        Path(output).write_text(json.dumps(scene.samples))


if __name__ == "__main__":
    main(*sys.argv[1:])
