"""How the mock shop may misbehave."""

import functools
import gzip
from dataclasses import dataclass, field
from typing import Any

ANSWERS = {"html", "empty", "large", "gzip"}  # what is answered instead, and nothing is applied
SILENT = {"cut", "hang", "late"}  # not answered; late: applied when the time is over
APPLIED = {"slow", "reject", "poison", "half", "apply_and_cut", "apply_and_hang", "bad_json", "drip", "reset"}
LISTED = {"stuck", "circle", "otherwise"}  # how a list of what a store has may be wrong
MODES = {"ok", "status"} | SILENT | APPLIED | ANSWERS | LISTED


@dataclass
class Misbehaviour:
    """`times` requests (None: all) of a store (None: any) get this instead of a proper answer.

    `on` says which: those that push, or those that read what the store has.
    """

    mode: str = "ok"
    on: str = "push"
    store_id: str | None = None
    times: int | None = None
    seconds: float = 1.0
    status: int = 503
    error: str = "as told"
    retry_after: str | None = None
    location: str | None = None
    skus: list[str] = field(default_factory=list)
    reasons: dict[str, str] = field(default_factory=dict)  # why an item is refused, by its SKU
    changes: dict[str, dict[str, Any]] = field(default_factory=dict)  # what is read otherwise of an item, by its SKU

    def refused(self) -> dict[str, str]:
        return {**dict.fromkeys(self.skus, "unknown product"), **self.reasons} if self.mode == "reject" else {}


@functools.cache
def odd_answer(mode: str) -> tuple[bytes, dict[str, str]]:
    """(body, headers): a page, nothing, 10 MB, or 50 MB in a few."""
    good = b'{"success": true}'
    return {
        "html": (b"<html>maintenance</html>", {"Content-Type": "text/html"}),
        "empty": (b"", {}),
        "large": (good + b" " * 10_000_000, {}),
        "gzip": (gzip.compress(good + b" " * 50_000_000), {"Content-Encoding": "gzip"}),
    }[mode]
