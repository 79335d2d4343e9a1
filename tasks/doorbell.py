"""Waking workers. The rows stand whether anybody hears it or not, so a broker that is down loses nothing."""

import logging
from collections.abc import Iterable
from typing import Any

from celery import Task
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)


def ring(task: "Task[Any, Any]", **options: Any) -> bool:
    """Send the task's message; False if the broker does not answer. Then the next sweep rings."""
    try:
        task.apply_async(**options)
    except (OperationalError, OSError) as exc:
        facts = {"task": task.name, "error": type(exc).__name__}
        logger.warning("the broker does not answer; the sweep rings later", extra=facts)
        return False
    return True


def ring_each(task: "Task[Any, Any]", name: str, ids: Iterable[int]) -> None:
    """Once for each id, until the broker does not answer."""
    for one in ids:
        if not ring(task, kwargs={name: one}):
            return
