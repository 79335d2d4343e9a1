"""Seconds since the run began, for everybody who writes something down."""

import time

began_at = time.time()


def begin() -> None:
    global began_at
    began_at = time.time()


def now() -> float:
    return time.time() - began_at
