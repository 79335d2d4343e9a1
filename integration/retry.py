"""When to try again: a pure function."""

RETRY_AFTER_CAP = 15 * 60.0


def seconds_until_retry(failures: int, backoff: float, chance: float, retry_after: float | None = None) -> float:
    """Seconds to wait after the `failures`-th failure (1, 2, ...), `chance` between 0 and 1.

    With a back-off of 2 s: 1 to 2 s, then 2 to 4 s, then 4 to 8 s. A shop that names its own time
    is obeyed, up to a quarter of an hour, and never called earlier than that.
    """
    ceiling = backoff * 2 ** (failures - 1)
    wait = ceiling / 2 + chance * ceiling / 2
    return max(wait, min(retry_after, RETRY_AFTER_CAP)) if retry_after is not None else wait
