"""Placeholder until the supervisor is here."""

import ctypes
import signal
import sys


def die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
