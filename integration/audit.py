"""Who changed which setting when: Django's own log entries, with the values before and after.

Whoever saves a setting records it in the same transaction:

    before = {"is_active": outlet.is_active}
    ...  # change and save
    audit.record(request.user.pk, outlet, before, {"is_active": outlet.is_active}, now)

`before` empty: it is new; `after` empty: it is gone. Where nothing differs, nothing is recorded. Secrets (SECRETS)
may be among the names: their values are only compared, and "set", "replaced" or "removed" is written.
For outlets, `outlet_state(outlet_id)` gives all that matters, without reading a secret.
"""

import json
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import FieldDoesNotExist
from django.db.models import BooleanField, ExpressionWrapper, Model, Q
from django.utils.text import capfirst

from integration.models import Outlet

SECRETS = frozenset({"api_key", "api_secret", "password", "token", "digest"})
GUARD_FIELDS = ("guard_stock_percent", "guard_price_percent", "guard_items_percent")
OUTLET_FIELDS = (
    "name",
    "location",
    "platform",
    "store_id",
    "is_active",
    "api_endpoint",
    "push_enabled",
    "push_after_update",
    "push_interval_minutes",
    "allow_private_address",
    *GUARD_FIELDS,
)
OUTLET_SECRETS = ("api_key", "api_secret")
FLAGS = {"added": ADDITION, "changed": CHANGE, "deleted": DELETION}
MASK = "***"
# Bounded: in long text, an unbounded one would be searched for from every letter.
ADDRESS = re.compile(r"[a-z][a-z0-9+.-]{0,30}://\S+", re.IGNORECASE)

State = dict[str, Any]


def record(user_id: int | None, obj: Model, before: State, after: State, now: datetime) -> LogEntry | None:
    """Write down who changed what of `obj`; None if nothing differs."""
    return next(iter(record_each(user_id, [(obj, before, after)], now)), None)


def record_each(user_id: int | None, changes: Sequence[tuple[Model, State, State]], now: datetime) -> list[LogEntry]:
    """As `record`, for several objects of one kind, with one insert for all of them."""
    assert user_id is not None  # who is not signed in changes nothing
    content_type = content_type_of(type(changes[0][0])) if changes else None
    described = [(obj, message) for obj, *states in changes if (message := describe(type(obj), *states))]
    return LogEntry.objects.bulk_create(entry(user_id, content_type, obj, message, now) for obj, message in described)


def entry(user_id: int, content_type: ContentType | None, obj: Model, message: Any, now: datetime) -> LogEntry:
    kind = next(name for name in FLAGS if name in message[0])
    return LogEntry(
        user_id=user_id,
        content_type=content_type,
        object_id=str(obj.pk),
        object_repr=str(obj)[:200],
        action_flag=FLAGS[kind],
        change_message=json.dumps(message),
        action_time=now,
    )


def content_type_of(model: type[Model]) -> ContentType:
    """Read each time: Django would keep its number even if the database is restored meanwhile, with others."""
    return ContentType.objects.get(app_label=model._meta.app_label, model=model._meta.model_name)


def describe(model: type[Model], before: State, after: State) -> list[dict[str, Any]]:
    """A log entry's message as Django's admin writes it, with what the admin does not say: the values."""
    names = changed_names(before, after)
    facts: dict[str, Any] = {
        "values": {name: [shown(before.get(name)), shown(after.get(name))] for name in names if name not in SECRETS},
        "secrets": {name: fate(before.get(name), after.get(name)) for name in names if name in SECRETS},
    }
    if not before:
        return [{"added": {}, **facts}]
    if not after:
        return [{"deleted": {}, **facts}]
    return [{"changed": {"fields": [label(model, name) for name in names]}, **facts}] if names else []


def changed_names(before: State, after: State) -> list[str]:
    """In the order of the states. What was empty and is empty has not changed, however it is written."""
    names = dict.fromkeys((*before, *after))
    return [name for name in names if differs(before.get(name), after.get(name))]


def differs(before: Any, after: Any) -> bool:
    empty: Iterable[Any] = (None, "")
    return before != after and not (before in empty and after in empty)


def fate(before: Any, after: Any) -> str:
    if before and after:
        return "replaced"
    return "set" if after else "removed"


def label(model: type[Model], name: str) -> str:
    try:
        return capfirst(str(getattr(model._meta.get_field(name), "verbose_name", name)))
    except FieldDoesNotExist:
        return name


def shown(value: Any) -> Any:
    """A value as JSON, with what may be secret of an address masked."""
    if isinstance(value, str):
        return mask_urls(value)
    if isinstance(value, dict):
        return {str(key): shown(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [shown(entry) for entry in value]
    return value if isinstance(value, bool | int | float | None) else str(value)


def mask_urls(text: str) -> str:
    """Addresses without their user, password and query, which may hold a key; other text as it is."""
    return ADDRESS.sub(lambda found: mask_url(found[0]), text)


def mask_url(address: str) -> str:
    try:
        parts = urlsplit(address)
    except ValueError:
        return MASK
    user, _, host = parts.netloc.rpartition("@")
    netloc = f"{MASK}@{host}" if user else host
    hidden = (MASK if part else "" for part in (parts.query, parts.fragment))
    return urlunsplit((parts.scheme, netloc, parts.path, *hidden))


def outlet_state(outlet_id: int) -> State:
    """What is stored of an outlet; of a secret, since when there is one. Empty where there is no such outlet."""
    stored = {f"has_{name}": ExpressionWrapper(~Q(**{name: ""}), BooleanField()) for name in OUTLET_SECRETS}
    rows = Outlet.objects.filter(pk=outlet_id).annotate(**stored)
    times = [f"{name}_set_at" for name in OUTLET_SECRETS]
    row = rows.values(*OUTLET_FIELDS, *stored, *times).first()
    if row is None:
        return {}
    secrets = {name: (row[f"{name}_set_at"] or True) if row[f"has_{name}"] else "" for name in OUTLET_SECRETS}
    return {**{name: row[name] for name in OUTLET_FIELDS}, **secrets}
