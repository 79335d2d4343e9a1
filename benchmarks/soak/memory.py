"""Whether memory is flat: how it goes within each process's life, whatever is killed and started again. Pure."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

WARM_UP = 600.0  # seconds of a process's life in which it may grow: imports, caches, some hundred requests
LEAST_SAMPLES = 3
HOUR = 3600.0


class Sample(NamedTuple):
    at: float
    mib: float


def slope(lives: Iterable[Sequence[Sample]], warm_up: float = WARM_UP) -> float | None:
    """MiB in an hour that a process gains, over all lives together; None where none lived long enough.

    Each life has a level of its own, so that only what is gained within a life counts.
    """
    shared = spread = 0.0
    for life in lives:
        warm = [one for one in life if one.at - life[0].at >= warm_up]
        if len(warm) < LEAST_SAMPLES:
            continue
        middle = statistics.fmean(one.at for one in warm)
        level = statistics.fmean(one.mib for one in warm)
        shared += sum((one.at - middle) * (one.mib - level) for one in warm)
        spread += sum((one.at - middle) ** 2 for one in warm)
    return shared / spread * HOUR if spread else None


def peak(lives: Iterable[Sequence[Sample]]) -> float:
    return max((one.mib for life in lives for one in life), default=0.0)


def growth(totals: Sequence[Sample]) -> float | None:
    """The service's memory in the last quarter of the time over that in the second one, by medians."""
    if len(totals) < 8:
        return None
    quarter = len(totals) // 4
    late, early = totals[-quarter:], totals[quarter : 2 * quarter]
    return statistics.median(one.mib for one in late) / statistics.median(one.mib for one in early)


def describe_roles(roles: Mapping[str, Mapping[int, Sequence[Sample]]]) -> dict[str, dict[str, float | None]]:
    """Of each role: how many processes there were, the slope, the peak, and the last size of one that lives."""
    return {
        role: {
            "processes": len(lives),
            "slope_mib_per_hour": rounded(slope(lives.values())),
            "peak_mib": rounded(peak(lives.values())),
            "last_mib": rounded(max(lives.values(), key=lambda life: life[-1].at)[-1].mib),
        }
        for role, lives in sorted(roles.items())
    }


def rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
