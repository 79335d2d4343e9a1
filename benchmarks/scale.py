"""What 10,000 outlets with 50,000 items each would need, put together from parts that are measured here:
`python -m benchmarks.scale`. On a real PostgreSQL, in a folder that goes afterwards. Nothing fails by being slow.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from benchmarks.pages import database_in, temporary_folder
from dashboard import env

RESULTS = Path(__file__).with_name("results-scale.json")
MEASURE = "from benchmarks.scale_parts import main; main({path!r}, {branches}, {counts})"
DAY = 24 * 60 * 60
TICKS = 48  # a day


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--outlets", type=int, default=10_000)
    parser.add_argument("--items", type=int, default=50_000, help="of each outlet")
    parser.add_argument("--changed", type=float, default=0.25, help="share of the outlets that a tick finds changed")
    parser.add_argument("--branches", type=int, default=4, help="outlets that are pushed for the measurement")
    options = parser.parse_args()
    facts = measure(options.branches, [options.outlets // 10, options.outlets])
    RESULTS.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    print("\nmeasured")
    for name, value in facts.items():
        print(f"  {name:<36} {value:>16,.6g}")
    print(f"\n{options.outlets:,} outlets with {options.items:,} items")
    for what, value in put_together(facts, options.outlets, options.items, options.changed):
        print(f"  {what:<72} {value}")


def measure(branches: int, counts: list[int]) -> dict[str, float]:
    with temporary_folder() as folder, database_in(folder, "postgres") as url:
        path = folder / "facts.json"
        code = MEASURE.format(path=str(path), branches=branches, counts=", ".join(map(str, counts)))
        command = [sys.executable, "manage.py", "shell", "--no-imports", "-c", code]
        variables = env.unconfigured(DATA_DIR=str(folder), DATABASE_URL=url, DEBUG="")
        subprocess.run(command, cwd=env.BASE_DIR, env=variables, check=True)
        found: dict[str, float] = json.loads(path.read_text(encoding="utf-8"))
    return found


def put_together(facts: dict[str, float], outlets: int, items: int, changed: float) -> list[tuple[str, str]]:
    """Everything is taken to grow with its count, as it does between the sizes that were measured."""
    rows, pushes = outlets * items, outlets * TICKS * changed
    full_cpu, partial_cpu = (cpu(facts, what) for what in ("full", "partial"))
    history = facts["full_history_bytes_per_request"] * rows / 500
    daily = pushes * (facts["partial_row_bytes"] + facts["history_index_bytes"])
    idle, each = facts[f"idle_tick_cpu_{outlets}"], facts[f"tick_cpu_per_push_{outlets}"]
    busy = idle + each * outlets * changed
    return [
        ("items, rows", f"{rows:,}"),
        ("items, database", gigabytes(rows * facts["item_bytes"] + items * facts["product_bytes"])),
        ("full push of everything, requests", f"{rows // 500:,}"),
        ("full push of everything, network", gigabytes(rows * facts["network_bytes_per_item"])),
        ("full push of everything, processor time of workers and database", hours(rows * full_cpu)),
        ("full push of everything on 16 processors", hours(rows * full_cpu / 16)),
        ("full push of everything, history", gigabytes(history)),
        (
            f"tick with nothing changed ({facts[f'tick_queries_{outlets}']:.0f} queries), processor time",
            f"{idle:.1f} s",
        ),
        (f"tick with {changed:.0%} of the outlets changed, processor time", f"{busy:.1f} s"),
        ("the same question in one query", f"{facts[f'one_query_{outlets}'] * 1000:.0f} ms"),
        (f"partial pushes a day ({TICKS} ticks, {changed:.0%} changed)", f"{pushes:,.0f}"),
        ("partial pushes, processors that are busy with them all day", f"{pushes * partial_cpu / DAY:.2f}"),
        ("history a day", gigabytes(daily)),
        ("history of 30 days", gigabytes(30 * daily)),
        ("pruning a day's pushes", hours(pushes / facts["pruned_per_second"])),
        ("sweep, each minute", f"{facts[f'sweep_{outlets}']:.2f} s"),
        ("look for alerts, each minute", f"{facts[f'alerts_{outlets}']:.2f} s"),
        ("scrape of metrics", f"{facts[f'scrape_{outlets}']:.1f} s, {facts[f'scrape_bytes_{outlets}'] / 1e6:.1f} MB"),
        ("broker, a message for each outlet at once", f"{outlets * facts['message_bytes'] / 1e6:.0f} MB"),
        ("a worker of 4 processes", f"{facts['worker_megabytes']:.0f} MB"),
        ("beat", f"{facts['beat_cpu_percent']:.1f} % of a processor, {facts['beat_megabytes']:.0f} MB"),
    ]


def cpu(facts: dict[str, float], what: str) -> float:
    return sum(facts[f"{what}_{part}_cpu"] for part in ("worker", "broker", "database"))


def gigabytes(count: float) -> str:
    return f"{count / 1e9:,.1f} GB"


def hours(count: float) -> str:
    return f"{count / 3600:,.1f} h" if count >= 3600 else f"{count / 60:,.1f} min"


if __name__ == "__main__":
    main()
