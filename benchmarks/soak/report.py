"""What came of it: the figures, and every reason why the run has failed."""

import os
import platform
import statistics
from collections import Counter
from collections.abc import Sequence
from typing import Any

from django.db import connection

from benchmarks.soak import check, clock, speed
from benchmarks.soak.journal import Journal
from benchmarks.soak.logs import count_errors, find_traces, read_logs, unexplained
from benchmarks.soak.memory import describe_roles, growth
from benchmarks.soak.plan import DEPLOY, ROLLING
from benchmarks.soak.told import Comparison, Expected, Told, compare, expect
from benchmarks.soak.watch import Watch

MOST_GROWTH = 1.10  # of the service's memory, last quarter over second quarter
MOST_SLOPE = 40.0  # MiB in an hour, of one process that has warmed up
STEADY = ("supervisor", "beat", "web", "web child", "worker", "worker child", "broker")  # flower keeps tasks
FIRST = 60.0  # seconds in which every outlet is pushed for the first time, which is not timed
CALM = 30.0  # seconds without a fault of the processes before a change that is timed
ERRORS = 30


def observe(soak: Any) -> dict[str, Any]:
    """What has to be read while the service still runs."""
    soak.faults.deploys.review()
    return {
        "shelves": check.compare_shelves(soak.shop, soak.chain),
        "open_rows": check.open_rows(),
        "history": check.history(),
    }


def conclude(soak: Any) -> dict[str, Any]:
    journal, watch = soak.journal, soak.watch
    lines = list(read_logs(soak.service.logs))
    traces = find_traces(lines)
    found = {
        "seconds": soak.seconds,
        "seed": soak.seed,
        "database": connection.vendor,
        "machine": f"{os.cpu_count()} cores, Python {platform.python_version()}",
        "load": spread(watch.load),
        "updates": dict(journal.updates),
        "asked_again": soak.till.again_count + soak.traffic.person.again_count,
        "faults": dict(Counter(fault.kind for fault in journal.faults).most_common()),
        "settle_seconds": round(soak.settle_seconds, 1),
        **soak.facts,
        "alerts": describe_alerts(compare_alerts(soak), soak.receiver.message_count),
        "latency_seconds": describe_latencies(watch, journal),
        "memory": describe_roles(watch.roles),
        "memory_growth": rounded_growth(watch),
        "open_files": dict(sorted(watch.files.items())),
        "database_mib": spread([one.mib for one in watch.database_mib]),
        "queue": spread(watch.queue),
        "oldest_change_seconds": spread(watch.oldest),
        "metrics": {"count": len(watch.scrapes), **spread(watch.scrapes)},
        "ready": watch.ready_counts,
        "deploys": soak.faults.deploys.results,
        "first_start_seconds": round(soak.first_start, 1),
        "last_stop_seconds": round(soak.last_stop, 1),
        "traces": len(traces),
        "unexplained_traces": [trace._asdict() for trace in unexplained(traces, absolute(journal))],
        "error_lines": count_errors(lines)[:ERRORS],
        "fault_list": [fault._asdict() for fault in journal.faults],
    }
    return {**found, "problems": [*journal.problems, *find_problems(found, soak.is_settled)]}


def absolute(journal: Journal) -> list[Any]:
    """The faults in the logs' time."""
    moved = clock.began_at
    return [one._replace(began_at=one.began_at + moved, ended_at=one.ended_at + moved) for one in journal.faults]


# --- parts ----------------------------------------------------------------------------------------------


def compare_alerts(soak: Any) -> Comparison:
    return compare(expect(soak.journal.faults, speed.ALERT_AFTER_SECONDS), soak.receiver.told)


def describe_alerts(compared: Comparison, message_count: int) -> dict[str, Any]:
    named: dict[str, Sequence[Expected | Told]] = {
        "missing": compared.missing,
        "twice": compared.twice,
        "other": compared.other,
    }
    waits = {f"{kind}_seconds": spread(waits) for kind, waits in compared.waits.items()}
    counts = {"expected": len(compared.expected), "messages": message_count}
    return {**counts, **{name: [one._asdict() for one in some] for name, some in named.items()}, **waits}


def describe_latencies(watch: Watch, journal: Journal) -> dict[str, Any]:
    """From the request to the shop's acknowledgement, of stores that suffer nothing themselves."""
    processes = [fault for fault in journal.faults if not fault.store_id]
    healthy, calm = [], []
    for probe, seconds in watch.latencies:
        at = probe.asked_at - clock.began_at
        own = [fault for fault in journal.faults if fault.store_id == probe.store_id]
        if at < FIRST or any(fault.began_at - 2 <= at + seconds and at <= fault.ended_at + 60 for fault in own):
            continue
        healthy.append(seconds)
        if not any(fault.began_at - 2 <= at + seconds and at <= fault.ended_at + CALM for fault in processes):
            calm.append(seconds)
    return {"healthy_stores": spread(healthy), "without_any_fault": spread(calm)}


def spread(values: Sequence[float]) -> dict[str, float]:
    if not values:
        return {}
    ordered = sorted(values)
    at_99 = ordered[min(round(0.99 * (len(ordered) - 1)), len(ordered) - 1)]
    facts = {"p50": statistics.median(ordered), "p99": at_99, "max": ordered[-1], "last": values[-1]}
    return {"n": len(values), **{name: round(value, 3) for name, value in facts.items()}}


def rounded_growth(watch: Watch) -> float | None:
    grown = growth(watch.totals)
    return None if grown is None else round(grown, 3)


# --- the verdict ----------------------------------------------------------------------------------------


def find_problems(found: dict[str, Any], is_settled: bool) -> list[str]:
    problems = [] if is_settled else ["it did not settle by itself"]
    shelves = found["shelves"]
    if shelves["different"]:
        problems.append(f"{shelves['different']} items differ between shop and dashboard")
    problems += [f"{count} {name} are open at the end" for name, count in found["open_rows"].items() if count]
    alerts = found["alerts"]
    problems += [f"{len(alerts[name])} alerts: {name}" for name in ("missing", "twice", "other") if alerts[name]]
    if found["unexplained_traces"]:
        problems.append(f"{len(found['unexplained_traces'])} tracebacks that no fault explains")
    if (found["memory_growth"] or 0) > MOST_GROWTH:
        problems.append(f"memory has grown by {100 * (found['memory_growth'] - 1):.0f} %")
    problems += [
        f"{role} gains {facts['slope_mib_per_hour']} MiB in an hour"
        for role, facts in found["memory"].items()
        if role in STEADY and (facts["slope_mib_per_hour"] or 0) > MOST_SLOPE
    ]
    if not found["metrics"]["count"]:
        problems.append("/metrics has never answered")
    return problems


def table(found: dict[str, Any]) -> str:
    rows = [(name, value) for name, value in found.items() if name not in ("fault_list", "memory", "problems")]
    lines = [f"{name:<24}{describe(value)}" for name, value in rows]
    lines.append(f"\n{'role':<16}{'processes':>10}{'MiB/hour':>10}{'peak MiB':>10}{'last MiB':>10}")
    for role, facts in found["memory"].items():
        shown = ["–" if value is None else f"{value:,}" for value in facts.values()]
        lines.append(f"{role:<16}" + "".join(f"{value:>10}" for value in shown))
    deploys = sum(found["faults"].get(kind, 0) for kind in (DEPLOY, ROLLING))
    lines.append(f"\n{len(found['fault_list'])} faults, {deploys} of them deploys")
    verdict = "all is well" if not found["problems"] else "FAILED:\n  " + "\n  ".join(found["problems"])
    return "\n".join([*lines, verdict])


def describe(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {describe(one)}" for name, one in value.items())
    if isinstance(value, list):
        return "; ".join(describe(one) for one in value) or "none"
    return str(value)
