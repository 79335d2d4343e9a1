"""Who changed which setting when: newest first, by whatever way it was changed."""

import json
from typing import Any, NamedTuple

import django_filters
from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from django.views.decorators.http import require_safe

from integration.audit import content_type_of, label
from integration.models import Outlet, PushHistory
from integration.pages.forms import Styled
from integration.pages.shell import allow

PAGE_SIZE = 25
ACTIONS: dict[int, tuple[Any, str, str]] = {
    ADDITION: (_("added"), "green", "plus"),
    CHANGE: (_("changed"), "blue", "pencil"),
    DELETION: (_("deleted"), "red", "trash-2"),
}
LABELS: dict[str, Any] = {
    "name": _("Name"),
    "location": _("Location"),
    "platform": _("Platform"),
    "store_id": _("Store id"),
    "is_active": _("Active"),
    "api_endpoint": _("API Endpoint"),
    "api_key": _("API Key"),
    "api_secret": _("API Secret"),
    "push_enabled": _("Push Enabled"),
    "push_after_update": _("Push after update"),
    "push_interval_minutes": _("Push every … minutes"),
    "allow_private_address": _("The shop is in our own network"),
    "guard_stock_percent": _("Items going out of stock, in percent"),
    "guard_price_percent": _("Move of a price, in percent"),
    "guard_items_percent": _("Items whose price moves so far, in percent"),
    "status": _("Status"),
    "user": _("Person"),
    "role": _("Role"),
    "revoked_at": _("Revoked"),
    "expires_at": _("Until"),
    "outlets": _("Outlets"),
    "ended_at": _("Until"),
    "reason": _("Why"),
    "note": _("Why"),
    "schedule": _("Schedule"),
}
FATES: dict[str, Any] = {"set": _("set"), "replaced": _("replaced"), "removed": _("removed")}


class Line(NamedTuple):
    """One value of a change; `fate` of a secret, whose values are not known here."""

    label: Any
    before: Any
    after: Any
    fate: Any = ""


class OutletChoice(django_filters.ModelChoiceFilter):
    def filter(self, qs: QuerySet[LogEntry], value: Outlet | None) -> QuerySet[LogEntry]:
        if value is None:
            return qs
        return qs.filter(content_type=content_type_of(Outlet), object_id=str(value.pk))


class KindChoice(django_filters.ModelChoiceFilter):
    @property
    def field(self) -> Any:
        field = super().field
        field.label_from_instance = lambda kind: capfirst(kind.name)
        return field


def people() -> QuerySet[Any]:
    return get_user_model().objects.filter(pk__in=LogEntry.objects.values("user")).order_by("username")


def kinds() -> QuerySet[ContentType]:
    return ContentType.objects.filter(pk__in=LogEntry.objects.values("content_type")).order_by("app_label", "model")


def outlets() -> QuerySet[Outlet]:
    return Outlet.objects.defer("api_key", "api_secret").order_by("name", "pk")


class ChangeFilter(django_filters.FilterSet):
    person = django_filters.ModelChoiceFilter(
        field_name="user", queryset=lambda request: people(), label=_("Person"), empty_label=_("everybody")
    )
    kind = KindChoice(
        field_name="content_type",
        queryset=lambda request: kinds(),
        label=pgettext_lazy("of thing", "Kind"),
        empty_label=_("everything"),
    )
    outlet = OutletChoice(queryset=lambda request: outlets(), label=_("Outlet"), empty_label=_("every outlet"))

    class Meta:
        model = LogEntry
        fields: tuple[str, ...] = ()

    def get_form_class(self) -> Any:
        return type("ChangeFilterForm", (Styled, super().get_form_class()), {})


@require_safe
@allow("integration.view_outlet")
def list_changes(request: HttpRequest) -> HttpResponse:
    entries = LogEntry.objects.select_related("user", "content_type").order_by("-action_time", "-pk")
    found = ChangeFilter(request.GET, queryset=entries)
    page = Paginator(found.qs, PAGE_SIZE).get_page(request.GET.get("page"))
    rows = [describe(entry) for entry in page]
    is_filtered = any(request.GET.get(name) for name in found.filters)
    return render(
        request,
        "integration/timeline.html",
        {"page": page, "rows": rows, "form": found.form, "is_filtered": is_filtered},
    )


def describe(entry: LogEntry) -> dict[str, Any]:
    action_label, colour, icon = ACTIONS[entry.action_flag]
    parts = read_parts(entry)
    lines = read_lines(entry, parts)
    return {
        "entry": entry,
        "kind": capfirst(entry.content_type.name) if entry.content_type else "",
        "url": address_of(entry),
        "action": {"label": action_label, "colour": colour, "icon": icon},
        "lines": lines,
        "text": "" if lines else read_text(entry, parts),
    }


def address_of(entry: LogEntry) -> str:
    if entry.content_type is None or entry.action_flag == DELETION:
        return ""
    if entry.content_type.model_class() is PushHistory:
        return reverse("push", args=[entry.object_id])
    if entry.content_type.model_class() is not Outlet:
        return ""
    return f"{reverse('api_settings')}?outlet={entry.object_id}"


def read_parts(entry: LogEntry) -> list[dict[str, Any]]:
    """The message as Django's admin writes it; empty where it is something else."""
    try:
        message = json.loads(entry.change_message)
    except ValueError:
        return []
    is_ours = isinstance(message, list) and all(isinstance(part, dict) for part in message)
    return message if is_ours else []


def read_lines(entry: LogEntry, parts: list[dict[str, Any]]) -> list[Line]:
    """The values of an entry that says some."""
    model = entry.content_type.model_class() if entry.content_type else None
    return [line for part in parts for line in (*value_lines(model, part), *secret_lines(model, part))]


def read_text(entry: LogEntry, parts: list[dict[str, Any]]) -> str:
    """What was done in the admin to a thing that says no values."""
    if entry.action_flag != CHANGE:
        return ""
    return entry.get_change_message() if parts else entry.change_message


def value_lines(model: type[Model] | None, part: dict[str, Any]) -> list[Line]:
    is_new = "added" in part
    return [
        Line(name_of(model, name), shown(readable(name, before)), shown(readable(name, after)))
        for name, (before, after) in part.get("values", {}).items()
        if not is_new or after not in (None, "", False)
    ]


def secret_lines(model: type[Model] | None, part: dict[str, Any]) -> list[Line]:
    secrets = part.get("secrets", {}).items()
    return [Line(name_of(model, name), "", "", fate=FATES.get(fate, fate)) for name, fate in secrets]


def name_of(model: type[Model] | None, name: str) -> Any:
    return LABELS.get(name) or (label(model, name) if model else name)


def readable(name: str, value: Any) -> Any:
    """A point in time as the other pages show it; settings as they are written in a contract."""
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False) if value else None
    at = parse_datetime(value) if name.endswith("_at") and isinstance(value, str) else None
    return date_format(timezone.localtime(at), "j M Y, H:i:s") if at and timezone.is_aware(at) else value


def shown(value: Any) -> Any:
    if isinstance(value, bool):
        return _("on") if value else _("off")
    return "–" if value in (None, "") else value
