"""When to try again: pure functions."""

RETRY_AFTER_CAP = 15 * 60.0


FLOORS = {"http_429": 5.0, "timeout": 2.0, "connect_timeout": 2.0}  # in back-offs
LONGEST_OPEN = 15 * 60.0


def seconds_until_retry(
    failures: int, backoff: float, chance: float, error_kind: str = "", retry_after: float | None = None
) -> float:
    """Seconds to wait after the `failures`-th failure (1, 2, ...), `chance` between 0 and 1.

    With a back-off of 2 s: up to 2 s, then up to 4 s, then up to 8 s, so that many do not come back at once;
    after a time-out at least 4 s, after a 429 at least 10 s. A shop that names its own time is obeyed, up to
    a quarter of an hour, and never called earlier than that.
    """
    wait = max(chance * backoff * 2 ** (failures - 1), backoff * FLOORS.get(error_kind, 0.0))
    return max(wait, min(retry_after, RETRY_AFTER_CAP)) if retry_after is not None else wait


def seconds_open(open_count: int, first: float, chance: float, longest: float = LONGEST_OPEN) -> float:
    """Seconds that a breaker stays open for the `open_count`-th time (1, 2, ...): `first` and twice as long
    each time, up to `longest`, and up to a fifth less by `chance`."""
    return min(first * 2.0 ** min(open_count - 1, 30), longest) * (1 - chance / 5)
