"""How the states of an upload, and what it changes, are written."""

from typing import Any

from django import template
from django.utils.translation import gettext_lazy as _

from integration.models import ProductUpload

register = template.Library()
Status = ProductUpload.Status

UPLOAD_STATES: dict[str, tuple[Any, str, str]] = {
    Status.WAITING: (_("waiting"), "secondary", "clock"),
    Status.CHECKING: (_("being checked"), "blue", "loader"),
    Status.CHECKED: (_("ready to apply"), "orange", "circle-alert"),
    Status.QUEUED: (_("waiting"), "secondary", "clock"),
    Status.APPLYING: (_("being applied"), "blue", "loader"),
    Status.DONE: (_("applied"), "green", "check"),
    Status.FAILED: (_("failed"), "red", "x"),
    Status.DISCARDED: (_("discarded"), "secondary", "ban"),
}


@register.inclusion_tag("integration/badge.html")
def upload_badge(status: str) -> dict[str, Any]:
    label, colour, icon = UPLOAD_STATES[status]
    return {"label": label, "colour": colour, "icon": icon}


@register.filter
def percent(value: float) -> str:
    """+12.5 %, with a sign and a point in every language, as prices are."""
    return f"{value:+,.1f} %"
