"""What surrounds every page: where one may go, what holds everywhere, and who may open it."""

from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext_lazy as _
from django_htmx.middleware import HtmxDetails

from integration.obstacles import current_pause
from integration.pages.silence import Silence, find_silence

NOTHING_MORE = 286  # htmx stops asking


class HtmxRequest(HttpRequest):
    """What the middleware makes of a request."""

    htmx: HtmxDetails


class Link(NamedTuple):
    """An entry of a menu, for who has the permission. `names` are the views it stands for; the first is opened."""

    label: Any
    icon: str
    permission: str
    names: tuple[str, ...]


MENU = (
    Link(_("Outlets"), "store", "integration.view_outlet", ("outlets", "outlet_add", "push_start")),
    Link(_("Shop integration"), "plug-zap", "integration.view_outlet", ("shop_integration",)),
    Link(_("Products"), "package-search", "integration.view_outletproduct", ("products", "product", "product_change")),
    Link(_("Rejected items"), "package-x", "integration.view_rejecteditem", ("rejected_items",)),
    Link(
        _("Schedule"),
        "calendar-clock",
        "integration.view_outlet",
        ("schedule", "schedule_pause", "schedule_resume"),
    ),
    Link(_("Alerts"), "bell", "integration.view_alerttarget", ("alerts", "alert_delete")),
    Link(_("Changes of settings"), "history", "integration.view_outlet", ("timeline",)),
)
TABS = (
    Link(_("Export feed"), "download", "integration.view_outletproduct", ("export_feed",)),
    Link(_("Product update"), "upload", "integration.view_productupload", ("product_update", "upload", "update_list")),
    Link(_("API settings"), "settings", "integration.view_outlet", ("api_settings", "api_settings_test")),
    Link(_("Contract"), "file-braces", "integration.view_contractversion", ("contract", "contract_version")),
    Link(_("Push history"), "list-checks", "integration.view_pushhistory", ("push_list", "push", "attempt")),
    Link(
        _("Comparison"),
        "scale",
        "integration.view_reconciliation",
        ("comparisons", "comparisons_outlet", "comparison"),
    ),
    Link(_("API tokens"), "key-round", "integration.view_apitoken", ("tokens", "token_revoke", "api_docs")),
)


def entries(links: tuple[Link, ...], request: HttpRequest, *, within: str = "") -> list[dict[str, Any]]:
    """The links that the user may follow; `is_here` marks the one that is open."""
    here = request.resolver_match.view_name if request.resolver_match else ""
    return [
        {
            "label": link.label,
            "icon": link.icon,
            "url": reverse(link.names[0]),
            "is_here": here in link.names or (link.names[0] == within and is_tab(here)),
        }
        for link in links
        if request.user.has_perm(link.permission)
    ]


def is_tab(name: str) -> bool:
    return any(name in tab.names for tab in TABS)


def shell(request: HttpRequest) -> dict[str, Any]:
    """Context of every template: the menu, the tabs, the pause of everything, and whether workers are silent."""
    if not getattr(request, "user", None) or not request.user.is_authenticated:
        return {}
    return {
        "menu": SimpleLazyObject(lambda: entries(MENU, request, within="shop_integration")),
        "tabs": SimpleLazyObject(lambda: entries(TABS, request)),
        "pause": SimpleLazyObject(current_pause),
        "silence": SimpleLazyObject(lambda: silence_for(request)),
        "flower_url": settings.FLOWER_URL if request.user.is_staff else "",
    }


def silence_for(request: HttpRequest) -> Silence | None:
    """For who may open the page that says more."""
    return find_silence(timezone.now()) if request.user.has_perm("integration.view_outlet") else None


def allow(permission: str) -> Any:
    """Only who has the permission gets in; who is signed in and has it not is told whom to ask (403)."""
    return permission_required(permission, raise_exception=True)
