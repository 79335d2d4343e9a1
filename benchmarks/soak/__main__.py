"""`python -m benchmarks.soak`: the whole service is left alone, and what may go wrong goes wrong.

It runs as `manage.py serve` runs it, on a data directory of its own, with a shop beside it. Products change, shops and
processes fail, and new versions are deployed, by chance; its times are 60 times shorter where only the clock is waited
for. At the end shop and dashboard have to agree, item by item, alerts to have come exactly at the changes, and memory
to be flat; if not, it exits with 1.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.postgres import make_database, running_postgres
from benchmarks.soak.speed import VARIABLES
from dashboard import env

CONFIGURED = {"PUSH_WINDOW", "WORKER_CONCURRENCY"}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--output", type=Path, default=Path("soak.json"), help="the report")
    parser.add_argument(
        "--logs", type=Path, help="keep the logs in this folder; after a failure they are kept beside the report"
    )
    return parser.parse_args()


@contextmanager
def database(name: str, folder: Path) -> Iterator[str]:
    """The address; empty for SQLite in the data directory."""
    if name == "sqlite":
        yield ""
        return
    with running_postgres(folder / "postgres") as address:
        yield make_database(address, "soak")


def environment(folder: Path, database_url: str) -> dict[str, str]:
    """Nothing of what is configured here."""
    return {
        **{key: value for key, value in env.unconfigured().items() if key not in CONFIGURED},
        **VARIABLES,
        "DJANGO_SETTINGS_MODULE": "dashboard.settings",
        "DATA_DIR": str(folder / "data"),
        "DATABASE_URL": database_url,
        "ALLOW_PRIVATE_ADDRESSES": "true",
        "DASHBOARD_URL": "http://127.0.0.1",
    }


def beside(output: Path) -> Path:
    return output.with_name(f"{output.stem}-logs")


def main() -> int:
    options = arguments()
    folder = Path(tempfile.mkdtemp(prefix="soak-", dir="/tmp"))  # short: a Unix socket's path has a limit
    folder.chmod(0o755)
    command = [sys.executable, "-m", "benchmarks.soak.run", str(options.minutes * 60), str(options.seed)]
    try:
        with database(options.database, folder) as url:
            ended = subprocess.run([*command, str(options.output.resolve())], env=environment(folder, url), check=False)
        if options.logs or ended.returncode:
            shutil.copytree(folder / "data" / "logs", options.logs or beside(options.output), dirs_exist_ok=True)
        return ended.returncode
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
