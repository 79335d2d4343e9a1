"""A Django app that kills its own process at a given point, once: while a file of the point's name is there."""

import functools
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.apps import AppConfig
from django.conf import settings

from tests.faults.points import POINTS, SWITCHES

Function = Callable[..., Any]


class SabotageConfig(AppConfig):
    name = "tests.faults"

    def ready(self) -> None:
        for point, (module, name) in POINTS.items():
            target = __import__(module, fromlist=[name])
            setattr(target, name, deadly(getattr(target, name), point))
        for order, (module, name) in SWITCHES.items():
            target = __import__(module, fromlist=[name])
            setattr(target, name, idle(getattr(target, name), order))


def idle(function: Function, order: str) -> Function:
    """The function, unless a file of that name says that it is to do nothing."""

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        return [] if (settings.DATA_DIR / order).exists() else function(*args, **kwargs)

    return wrapped


def deadly(function: Function, point: str) -> Function:
    """The function, unless the file is there: then the process is stopped first, or killed, or its parent is too."""

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        for which in ("worker", "child", "every-child", "nobody"):
            die_if_told(settings.DATA_DIR / f"kill-{which}-{point}", which)
        return function(*args, **kwargs)

    return wrapped


def die_if_told(order: Path, which: str) -> None:
    if not order.exists():
        return
    if which != "every-child":
        order.unlink(missing_ok=True)
    if which == "worker":
        os.kill(os.getppid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGSTOP if which == "nobody" else signal.SIGKILL)
