"""One run in a process whose environment is the service's own: `python -m benchmarks.soak` starts it."""

import importlib
import os
import signal
import sys

import django

from dashboard.supervisor import die_with_parent


def main(seconds: str, seed: str, output: str) -> None:
    die_with_parent(os.getppid())
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    django.setup()
    # Only now are the models there.
    sys.exit(importlib.import_module("benchmarks.soak.soak").soak(float(seconds), int(seed), output))


if __name__ == "__main__":
    main(*sys.argv[1:])
