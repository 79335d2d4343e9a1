"""Shops that do something while they are asked."""

from collections.abc import Callable, Sequence
from typing import ClassVar

from integration.platforms.base import Item, SendResult
from integration.platforms.memory import Memory


class Meanwhile(Memory):
    """Calls `hook` while the request is under way, after the shop has applied it."""

    hook: ClassVar[Callable[[], None]]

    def send(self, items: Sequence[Item], request_key: str, revision: int = 0) -> SendResult:
        result = super().send(items, request_key, revision)
        type(self).hook()
        return result


class Failing(Memory):
    """An adapter with a mistake in it."""

    def send(self, items: Sequence[Item], request_key: str, revision: int = 0) -> SendResult:
        raise ZeroDivisionError("secret-in-an-exception")
