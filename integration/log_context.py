"""What each log line says beside its message: whose request it was, and which push, chunk and attempt it is about."""

import json
import logging
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from pythonjsonlogger.core import RESERVED_ATTRS

NO_IDS: dict[str, Any] = {}
IDS: ContextVar[dict[str, Any]] = ContextVar("ids", default=NO_IDS)
SANE = re.compile(r"[A-Za-z0-9._-]{1,64}")
RESERVED = frozenset(RESERVED_ATTRS)


def sane_request_id(given: str) -> str:
    """The caller's, if it can stand in a log as it is, or a new one."""
    return given if SANE.fullmatch(given) else uuid.uuid4().hex


def current(name: str) -> Any:
    return IDS.get().get(name)


def bind(**ids: Any) -> None:
    """Say these with every line from now on, until the surrounding `bound` ends."""
    IDS.set({**IDS.get(), **ids})


@contextmanager
def bound(**ids: Any) -> Iterator[None]:
    """Say these with every line of the block."""
    token = IDS.set({**IDS.get(), **ids})
    try:
        yield
    finally:
        IDS.reset(token)


def start(**ids: Any) -> None:
    """Say these and nothing that was said before: something new begins."""
    IDS.set(ids)


class ContextFilter(logging.Filter):
    """Adds the ids to each record; what the line names itself stays."""

    def filter(self, record: logging.LogRecord) -> bool:
        for name, value in IDS.get().items():
            record.__dict__.setdefault(name, value)
        return True


class TextFormatter(logging.Formatter):
    """The line as people read it, with its data as name=value."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        data = {name: value for name, value in vars(record).items() if name not in RESERVED}
        shown = [f"{name}={json.dumps(value, default=str)}" for name, value in data.items()]
        return " ".join([super().formatMessage(record), *shown])
