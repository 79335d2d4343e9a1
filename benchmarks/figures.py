"""What is measured: each figure's key, group, unit and goal; and the samples of one run as a table row."""

import statistics
from collections.abc import Sequence
from typing import Any, NamedTuple


class Figure(NamedTuple):
    """`goal` is the most that is hoped for, or with `is_least` the least; None: it only stands beside another one."""

    group: str  # the module that measures it; on SQLite where it ends so
    unit: str
    says: str
    goal: float | None = None
    is_least: bool = False


FIGURES: dict[str, Figure] = {
    "full_push_ratio": Figure("full_push", "x", "full push of 200,000 items over the floor", 1.0, True),
    "full_push_items_per_second": Figure("full_push", "items/s", "the same, two worker processes"),
    "floor_items_per_second": Figure("full_push", "items/s", "the hand-written loop, one process"),
    "full_push_same_table_ratio": Figure("full_push", "x", "over the loop on the dashboard's own rows"),
    "full_push_cpu_ratio": Figure("full_push", "x", "processor time of all processes, over the floor's"),
    "feed_seconds_postgres": Figure("feed", "s", "a feed of 18,390 rows, trigger to final state", 1.0),
    "feed_seconds_sqlite": Figure("feed_sqlite", "s", "the same on SQLite", 1.0),
    "partial_200_seconds": Figure("partial", "s", "200 changes among 18,390 items", 0.15),
    "partial_growth": Figure("partial", "x", "200 changes among 2,000,000 items over that", 1.3),
    "idle_tick_seconds": Figure("idle", "s", "a tick over 1,000 outlets with nothing changed", 0.3),
    "update_none_seconds": Figure("update", "s", "product update of 18,390 rows, none changed", 0.5),
    "update_one_percent_seconds": Figure("update", "s", "the same, one in a hundred changed", 0.6),
    "update_all_seconds": Figure("update", "s", "the same, all changed", 1.5),
    "latency_p50_seconds": Figure("latency", "s", "update committed to shop changed, median", 0.1),
    "latency_p99_seconds": Figure("latency", "s", "the same, 99 of 100", 0.3),
    "slow_shop_ratio": Figure("slow_shop", "x", "a shop that takes 200 ms, over the least possible", 1.15),
    "memory_growth": Figure("memory", "x", "a worker's peak, 2,000,000 items over 2,000", 1.1),
    "csv_rows_per_second": Figure("csv_rows", "rows/s", "CSV of 1,000,000 rows, read and checked", 60_000, True),
    "csv_import_rows_per_second": Figure("csv_rows", "rows/s", "the same, imported into an empty outlet"),
    "csv_memory_growth": Figure("csv_rows", "x", "the import's peak, over that of 10,000 rows", 1.2),
    "statements_per_chunk": Figure("statements", "", "SQL statements from claim to acknowledgement", 8),
    "statements_per_chunk_in_all": Figure("statements", "", "and with the ring of the next chunk"),
    "dead_shops_ratio": Figure("dead_shops", "x", "90 shops beside 10 that refuse connections", 1.1),
    "silent_shops_ratio": Figure("dead_shops", "x", "90 shops beside 10 that never answer"),
}


def groups_of(keys: Sequence[str]) -> dict[str, list[str]]:
    """The groups to run, in order, with the figures wanted of each."""
    groups: dict[str, list[str]] = {}
    for key in keys:
        groups.setdefault(FIGURES[key].group, []).append(key)
    return groups


def summary(key: str, samples: Sequence[float]) -> dict[str, Any]:
    values = {"median": statistics.median(samples), "min": min(samples), "max": max(samples)}
    rounded = {name: float(f"{value:.4g}") for name, value in values.items()}
    return {**rounded, "unit": FIGURES[key].unit, "runs": len(samples)}


def verdict(key: str, median: float) -> str:
    figure = FIGURES[key]
    if figure.goal is None:
        return ""
    return "met" if (median >= figure.goal if figure.is_least else median <= figure.goal) else "missed"


def line(key: str, row: dict[str, Any]) -> str:
    figure = FIGURES[key]
    goal = "" if figure.goal is None else f"{'>=' if figure.is_least else '<='} {figure.goal:,g}"
    numbers = "".join(f"{row[name]:>11,.4g}" if row[name] < 1000 else f"{row[name]:>11,.0f}" for name in SHOWN)
    return (
        f"{key:<28}{numbers} {row['unit']:<8}{row['runs']:>5}  {goal:<10}{verdict(key, row['median']):<8}{figure.says}"
    )


SHOWN = ("median", "min", "max")
HEADER = f"{'figure':<28}{'median':>11}{'min':>11}{'max':>11} {'unit':<8}{'runs':>5}  {'goal':<10}{'':<8}what it is"
