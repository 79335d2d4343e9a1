"""What the logs hold: errors, and tracebacks that no fault explains."""

import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from benchmarks.soak.plan import DEPLOY, ROLLING
from benchmarks.soak.told import Fault

LINE = re.compile(r"^\[?(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?:,\d+)?(?: ([+-]\d{4})\])? (.*)")
BEGINS = "Traceback (most recent call last):"
RAISED = re.compile(r"^([A-Za-z_][\w.]*(?:Error|Exception|Lost|Warning|Refused|Interrupt|Exit|Interface\w*))(?::|$)")
GRACE = 30.0  # seconds that a fault is heard of after its end
BROKER = (
    r"redis\.exceptions\.|kombu\.exceptions\.|celery\.beat\.SchedulingError"
    r"|Connection\w*Error|BrokenPipeError|FileNotFoundError|OSError"
)
DATABASE = r"django\.db\.utils\.|psycopg\."
# Which errors may be raised while such a fault is heard of.
EXPLAINED = {
    "broker killed": BROKER,
    "broker flushed": BROKER,
    "broker hangs up": BROKER,
    "database": DATABASE,
    "worker process killed": r"billiard\.exceptions\.WorkerLostError",
    DEPLOY: BROKER,
    ROLLING: BROKER,
}


class Trace(NamedTuple):
    log: str
    at: float
    error: str


def read_logs(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.glob("*.log")):
        with path.open(encoding="utf-8", errors="replace") as file:
            for line in file:
                yield path.stem, line.rstrip("\n")


def find_traces(lines: Iterable[tuple[str, str]]) -> list[Trace]:
    """Each traceback by the last error of its block, with the time of the line that it hangs on."""
    traces: list[Trace] = []
    at, error, log = 0.0, "", ""
    is_inside = False

    def end() -> None:
        if is_inside:
            traces.append(Trace(log, at, error))

    for log_now, line in lines:
        found = LINE.match(line)
        if found or log_now != log:
            end()
            is_inside, error, log = False, "", log_now
            at = moment(found) if found else 0.0
        if BEGINS in line:
            is_inside = True
        elif is_inside and RAISED.match(line):
            error = line.strip()[:300]
    end()
    return traces


def moment(found: re.Match[str]) -> float:
    """Lines without an offset are in the time of the service, which is this process's too."""
    written = datetime.strptime(found[1], "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007
    if found[2]:
        return datetime.strptime(f"{found[1]} {found[2]}", "%Y-%m-%d %H:%M:%S %z").timestamp()
    return time.mktime(written.timetuple())


def unexplained(traces: Iterable[Trace], faults: Sequence[Fault]) -> list[Trace]:
    return [trace for trace in traces if not any(explains(fault, trace) for fault in faults)]


def explains(fault: Fault, trace: Trace) -> bool:
    pattern = EXPLAINED.get(fault.kind)
    is_then = fault.began_at - 2 <= trace.at <= fault.ended_at + GRACE
    return bool(pattern and is_then and re.match(pattern, trace.error))


def count_errors(lines: Iterable[tuple[str, str]]) -> list[tuple[str, int]]:
    """Lines of level ERROR or worse, without what differs each time; the most frequent first."""
    counts = Counter[str]()
    for log, line in lines:
        found = LINE.match(line)
        if found and re.search(r"\b(ERROR|CRITICAL)\b", found[3][:60]):
            text = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d+", "#", found[3])
            counts[f"{log}: {text[:160]}"] += 1
    return counts.most_common()
