"""Which state of an outlet's settings somebody has seen, so that nobody overwrites what they have not."""

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from django.contrib.admin.models import LogEntry

from integration.audit import OUTLET_FIELDS, OUTLET_SECRETS, content_type_of, outlet_state
from integration.models import Outlet

DIGEST_LENGTH = 24
LONGEST_ID = 19  # digits
ENTRIES_SHOWN = 5


class Stale(Exception):
    """Somebody has changed the settings meanwhile."""


def version_of(outlet_id: int | None, names: Iterable[str]) -> str:
    """Of these settings; empty where there is no such outlet. Says nothing of a secret but when it was entered."""
    if not outlet_id:
        return ""
    last_entry = LogEntry.objects.order_by("-pk").values_list("pk", flat=True).first()
    state = outlet_state(outlet_id)
    chosen = set(names)
    seen = {name: state.get(name) for name in (*OUTLET_FIELDS, *OUTLET_SECRETS) if name in chosen}
    digest = hashlib.sha256(json.dumps(seen, default=str).encode()).hexdigest()
    return f"{digest[:DIGEST_LENGTH]}.{last_entry or 0}"


def is_same(version: str, other: str) -> bool:
    """Whatever else was written down meanwhile."""
    return version.partition(".")[0] == other.partition(".")[0]


def changes_since(version: str, outlet_id: int, names: Iterable[str]) -> list[LogEntry]:
    """Who has changed one of these settings since, the oldest first; empty where nobody has written it down."""
    last = version.partition(".")[2]
    if not (last.isascii() and last.isdigit() and len(last) < LONGEST_ID):
        return []
    entries = LogEntry.objects.filter(
        pk__gt=int(last), content_type=content_type_of(Outlet), object_id=str(outlet_id)
    ).select_related("user", "content_type")
    chosen = set(names)
    return [entry for entry in entries.order_by("pk") if chosen & changed_names(entry)][-ENTRIES_SHOWN:]


def changed_names(entry: LogEntry) -> set[str]:
    try:
        message = json.loads(entry.change_message)
    except ValueError:
        return set()
    parts: list[Any] = message if isinstance(message, list) else []
    return {name for part in parts for kind in ("values", "secrets") for name in part.get(kind, {})}
