"""How times, prices and states are written on every page."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django import template
from django.contrib.humanize.templatetags.humanize import naturaltime
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from integration.models import PushHistory

register = template.Library()

# What a state is called, its colour and its icon: never colour alone.
PUSH_STATES: dict[str, tuple[Any, str, str]] = {
    PushHistory.Status.QUEUED: (_("queued"), "secondary", "clock"),
    PushHistory.Status.RUNNING: (_("running"), "blue", "loader"),
    PushHistory.Status.HELD: (_("held"), "red", "hand"),
    PushHistory.Status.SUCCESS: (_("success"), "green", "check"),
    PushHistory.Status.PARTIAL: (_("partial"), "orange", "circle-alert"),
    PushHistory.Status.FAILED: (_("failed"), "red", "x"),
    PushHistory.Status.CANCELLED: (_("cancelled"), "secondary", "ban"),
}
PUSH_TYPES: dict[str, Any] = {PushHistory.PushType.FULL: _("full"), PushHistory.PushType.PARTIAL: _("partial")}
TRIGGERS: dict[str, Any] = {
    PushHistory.Trigger.SCHEDULE: _("schedule"),
    PushHistory.Trigger.PRODUCT_UPDATE: _("product update"),
    PushHistory.Trigger.MANUAL: _("by hand"),
    PushHistory.Trigger.CONFIRM: _("confirmation"),
    PushHistory.Trigger.RECOVERY: _("recovery"),
    PushHistory.Trigger.RECONCILE: _("comparison"),
}


@register.simple_tag
def moment(at: datetime | None, relative: bool = False) -> SafeString:
    """The exact local time, and how long ago it is; the other way round where `relative`."""
    if at is None:
        return format_html("<span>{}</span>", "–")
    exact = date_format(timezone.localtime(at), "j M Y, H:i:s")
    ago = str(naturaltime(at))
    shown, title = (ago, exact) if relative else (exact, ago)
    return format_html('<time datetime="{}" title="{}">{}</time>', at.isoformat(), title, shown)


@register.filter
def price(value: Decimal | None) -> str:
    """With a point and two decimals in every language, as the files have it."""
    return "–" if value is None else f"{value:,.2f}"


@register.filter
def seconds(value: float | None) -> str:
    """0.84 s, 12 s, 3:05 min"""
    if value is None:
        return "–"
    if value < 10:
        return f"{value:.2f} s"
    return f"{value:.0f} s" if value < 60 else f"{int(value // 60)}:{int(value % 60):02d} min"


@register.inclusion_tag("integration/badge.html")
def push_badge(status: str) -> dict[str, Any]:
    label, colour, icon = PUSH_STATES[status]
    return {"label": label, "colour": colour, "icon": icon}


@register.inclusion_tag("integration/badge.html")
def badge(label: str, colour: str, icon: str) -> dict[str, Any]:
    return {"label": label, "colour": colour, "icon": icon}


@register.filter
def push_type(value: str) -> str:
    return str(PUSH_TYPES[value])


@register.filter
def trigger(value: str) -> str:
    return str(TRIGGERS[value])


@register.filter
def stock(value: int | None) -> Any:
    return "–" if value is None else (_("in stock") if value else _("out of stock"))
