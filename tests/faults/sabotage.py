"""A Django app that kills its own process at a given point, once: while a file of the point's name is there."""

import functools
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.apps import AppConfig
from django.conf import settings

from tests.faults.points import POINTS

Function = Callable[..., Any]


class SabotageConfig(AppConfig):
    name = "tests.faults"

    def ready(self) -> None:
        for point, (module, name) in POINTS.items():
            target = __import__(module, fromlist=[name])
            setattr(target, name, deadly(getattr(target, name), point))
        maintenance = __import__("tasks.maintenance", fromlist=["sweep_pushes"])
        maintenance.sweep_pushes = idle(maintenance.sweep_pushes)


def idle(function: Function) -> Function:
    """The function, unless a file says that it is to do nothing."""

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        return [] if (settings.DATA_DIR / "no-sweep").exists() else function(*args, **kwargs)

    return wrapped


def deadly(function: Function, point: str) -> Function:
    """The function, unless the file is there: then nothing of it, and the end of the process and its parent."""

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        for which in ("worker", "child", "every-child"):
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
    os.kill(os.getpid(), signal.SIGKILL)
