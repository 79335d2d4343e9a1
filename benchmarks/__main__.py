"""`python -m benchmarks`: how fast the service is, beside the loop that somebody writes in an afternoon.

Each group of figures runs in a process of its own, against a real PostgreSQL, a Valkey, workers and a receiver, all in
a folder that goes with it. It fails on no number; it tells.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.figures import FIGURES, HEADER, groups_of, line, summary
from benchmarks.postgres import make_database, running_postgres
from dashboard import env

CONFIGURED = {"PUSH_WINDOW", "WORKER_CONCURRENCY"}
RESULTS = Path(__file__).with_name("results.json")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", metavar="KEY,...", default=",".join(FIGURES), help=f"of {', '.join(FIGURES)}")
    parser.add_argument("--quick", action="store_true", help="a tenth of the items and fewer rounds")
    parser.add_argument("--output", type=Path, help="default: benchmarks/results.json; with --quick or --only: nowhere")
    options = parser.parse_args()
    options.keys = options.only.split(",")
    if unknown := [key for key in options.keys if key not in FIGURES]:
        parser.error(f"unknown figure {', '.join(unknown)}; known: {', '.join(FIGURES)}")
    return options


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Short and open to PostgreSQL's own user; deleted at the end."""
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run_group(name: str, keys: list[str], folder: Path, address: str, quick: bool) -> dict[str, list[float]]:
    """The samples of a group's figures; none of a figure that could not be measured."""
    output = folder / f"{name}.json"
    command = [sys.executable, "-m", "benchmarks.group", name, ",".join(keys), str(output), *["--quick"] * quick]
    subprocess.run(command, env=environment(name, folder, address), check=False)
    return json.loads(output.read_text()) if output.exists() else {}


def environment(name: str, folder: Path, address: str) -> dict[str, str]:
    """The group's own database, broker and keys; nothing of what is configured here."""
    return {
        **{key: value for key, value in env.unconfigured().items() if key not in CONFIGURED},
        "DJANGO_SETTINGS_MODULE": "dashboard.settings",
        "DATA_DIR": str(folder / name),
        "DATABASE_URL": "" if name.endswith("_sqlite") else make_database(address, f"bench_{name}"),
        "ALLOW_PRIVATE_ADDRESSES": "true",
    }


def machine() -> dict[str, Any]:
    model = [row for row in Path("/proc/cpuinfo").read_text().splitlines() if row.startswith("model name")]
    return {
        "date": datetime.now(UTC).isoformat(timespec="minutes"),
        "processor": model[0].partition(": ")[2] if model else platform.processor(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 2),
    }


def main() -> None:
    options, facts = arguments(), machine()
    is_whole = options.keys == [*FIGURES] and not options.quick
    output = options.output or (RESULTS if is_whole else None)
    figures: dict[str, dict[str, Any]] = {}
    print(f"{facts['processor']}, {facts['cores']} cores, Python {facts['python']}, load {facts['load']}", flush=True)
    print(HEADER, flush=True)
    with temporary_folder() as folder, running_postgres(folder / "postgres") as address:
        for name, keys in groups_of(options.keys).items():
            for key, samples in run_group(name, keys, folder, address, options.quick).items():
                figures[key] = summary(key, samples)
                print(line(key, figures[key]), flush=True)
            if output:
                output.write_text(json.dumps({"machine": facts, "figures": figures}, indent=1) + "\n")
    missing = [key for key in options.keys if key not in figures]
    if missing:
        print(f"not measured: {', '.join(missing)}")


if __name__ == "__main__":
    main()
