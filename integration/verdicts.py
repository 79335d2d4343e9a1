"""What an answer says of each item of a request, as its attempt keeps it."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from integration.platforms.base import Item, SendResult

REASONS_KEPT, REASON_LENGTH = 500, 300  # of one request: a shop that refuses all of it must not fill the history


class Verdict(StrEnum):
    """One letter for each item of an attempt, in its place."""

    ACCEPTED = "a"
    REFUSED = "r"
    UNKNOWN = "u"  # the shop may have applied it, or may do so later
    NONE = "-"  # the shop has said nothing of this item


def verdict_of(sku: str, result: SendResult) -> Verdict:
    if sku in result.rejected:
        return Verdict.REFUSED
    if sku in result.accepted:
        return Verdict.ACCEPTED
    return Verdict.UNKNOWN if sku in result.unknown else Verdict.NONE


def read_verdicts(rows: Sequence[Sequence[Any]], items: Sequence[Item], result: SendResult) -> dict[str, Any]:
    """The fields of an attempt that sent these rows. Every verdict is kept, and of the reasons the first ones."""
    skus = {item.id: item.sku for item in items}
    refused = [item for item in items if item.sku in result.rejected][:REASONS_KEPT]
    return {
        "verdicts": "".join(verdict_of(skus.get(row[0], ""), result) for row in rows),
        "rejected": {str(item.id): result.rejected[item.sku][:REASON_LENGTH] for item in refused},
    }
