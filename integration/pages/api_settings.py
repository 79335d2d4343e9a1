"""An outlet's API settings: seen, tried, saved. And a new outlet."""

from typing import Any

from django.contrib import messages
from django.contrib.admin.models import LogEntry
from django.forms import BaseForm
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from integration.audit import mask_urls, outlet_state
from integration.contracts import MISCONFIGURED, contract_of, contract_or_default
from integration.forms import Versioned, is_id, save_outlet
from integration.guard import limits_of
from integration.health import note_success
from integration.models import Outlet, OutletProduct
from integration.outlet_version import Stale, changes_since
from integration.pages import connection
from integration.pages.api_settings_forms import ApiSettingsForm, BranchForm, NewOutletForm
from integration.pages.next_step import address, next_step, offered, stages
from integration.pages.shell import HtmxRequest, allow
from integration.pages.timeline import LABELS, describe
from integration.platforms.base import Endpoint
from integration.platforms.hosts import host_of, hosts_of
from integration.readiness import readiness_of

CHANGE = "integration.change_outlet"
OTHER_SHOP = {"api_endpoint", "store_id"}  # with these changed, what the shop has acknowledged may be another shop's


def find_outlet(request: HttpRequest) -> Outlet | None:
    """The one that is asked for; without one, the first by name is shown, and none is changed. Without its secrets."""
    outlets = Outlet.objects.defer("api_key", "api_secret").order_by("name", "pk")
    asked = request.GET.get("outlet", "")
    if not asked and request.method != "POST":
        return outlets.first()
    outlet = outlets.filter(pk=asked).first() if is_id(asked) else None
    if outlet is None:
        raise Http404
    return outlet


@require_http_methods(["GET", "HEAD", "POST"])
@allow("integration.view_outlet")
def edit(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        return save(request)
    outlet = find_outlet(request)
    if outlet is None:
        return render(request, "integration/api_settings.html", {"stages": stages(None, None)})
    return show(request, outlet)


@allow(CHANGE)
def save(request: HttpRequest) -> HttpResponse:
    """One of the page's two cards."""
    outlet, now = find_outlet(request), timezone.now()
    if outlet is None:
        raise Http404
    is_branch = request.POST.get("card") == "branch"
    form = branch_form(outlet, request.POST) if is_branch else settings_form(outlet, request.POST)
    is_valid = form.is_valid()
    try:
        if form.is_stale:
            raise Stale
        if is_valid:
            report(request, outlet, save_outlet(form, request.user.pk, now))
            return redirect(address("api_settings", outlet))
    except Stale:
        say_stale(form)
    return show(request, outlet, **{"branch" if is_branch else "form": form})


def say_stale(form: Versioned) -> None:
    """Who has changed what meanwhile. Saved again, the form takes its place."""
    outlet_id = form.instance.pk
    told = [say_change(entry) for entry in changes_since(form.version_seen, outlet_id, form.fields_seen)]
    for text in told or [_("Somebody has changed these settings since you opened this page.")]:
        form.add_error(None, text)
    form.add_error(None, _("What you typed still stands here and is not saved: to put it in place, save again."))
    form.show_present()


def say_change(entry: LogEntry) -> str:
    lines = [f"{line.label}: {line.fate or f'{line.before} → {line.after}'}" for line in describe(entry)["lines"]]
    facts = {"name": entry.user.get_username(), "at": date_format(timezone.localtime(entry.action_time), "H:i:s")}
    text = _("%(name)s has changed these settings at %(at)s, since you opened this page. %(what)s")
    return text % {**facts, "what": "; ".join(lines)}


def report(request: HttpRequest, outlet: Outlet, names: list[str]) -> None:
    """Say what has been changed, and what follows of it."""
    if not names:
        messages.info(request, _("Nothing has been changed: the values are the same."))
        return
    changed = get_text_list([str(LABELS[name]) for name in names], _("and"))
    messages.success(request, _("Saved. Changed: %(names)s.") % {"names": changed})
    if OTHER_SHOP.intersection(names) and OutletProduct.objects.filter(outlet=outlet, pushed_at__isnull=False).exists():
        messages.warning(
            request, _("If that is another shop now, it does not know the prices yet: push everything once.")
        )


@require_http_methods(["GET", "HEAD", "POST"])
@allow(CHANGE)
def test_connection(request: HtmxRequest) -> HttpResponse:
    """Ask the shop with the form's values, which are not saved. Who comes back to this address gets the page."""
    outlet = find_outlet(request)
    if outlet is None:
        raise Http404
    if request.method != "POST":
        return redirect(address("api_settings", outlet))
    form = settings_form(outlet, request.POST)
    found = try_values(outlet, form)
    if request.htmx:
        return render(request, "integration/connection.html", {"found": found})
    return show(request, outlet, form=form, found=found)


def try_values(outlet: Outlet, form: ApiSettingsForm) -> dict[str, Any]:
    if not form.is_valid():
        fields = form.fields
        return {"errors": [(fields[name].label if name in fields else "", why) for name, why in form.errors.items()]}
    if not form.instance.api_endpoint and outlet.platform != "memory":
        return {"errors": [(form.fields["api_endpoint"].label, [_("Enter the address that the shop gave you.")])]}
    result = connection.ask(form.instance)
    if result.ok and not form.has_changed():
        note_success(outlet.pk)
    return {**connection.explain(result), "is_saved": not form.has_changed()}


def settings_form(outlet: Outlet, data: Any = None) -> ApiSettingsForm:
    return ApiSettingsForm(data, instance=outlet, now=timezone.now())


def branch_form(outlet: Outlet, data: Any = None) -> BranchForm:
    return BranchForm(data, instance=outlet, auto_id="branch_%s")


def show(request: HttpRequest, outlet: Outlet, **given: Any) -> HttpResponse:
    """The page: as it is stored, or with a form that was sent."""
    stored = Outlet.objects.defer("api_key", "api_secret").get(pk=outlet.pk)
    ready = readiness_of(stored, timezone.now())
    context: dict[str, Any] = {
        "outlet": stored,
        "outlets": Outlet.objects.order_by("name", "pk").values("pk", "name", "platform", "store_id", "is_active"),
        "state": outlet_state(stored.pk),
        "limits": limits_of(stored, contract_or_default(stored.platform)),
        "endpoint": mask_urls(stored.api_endpoint),
        "stages": stages(stored, ready),
        "step": offered(next_step(stored, ready), request.user),
    }
    if request.user.has_perm(CHANGE):
        context |= {"form": settings_form(stored), "branch": branch_form(stored), **given}
        context["other_hosts"] = other_hosts(stored)
    return render(request, "integration/api_settings.html", context)


def other_hosts(outlet: Outlet) -> list[str]:
    """Where a key goes that is entered now, beside the endpoint's host."""
    try:
        contract = contract_of(outlet.platform)
    except MISCONFIGURED:
        return []
    endpoint = Endpoint(outlet.api_endpoint, outlet.store_id)
    return sorted(hosts_of(contract, endpoint) - {host_of(endpoint.url)})


@require_http_methods(["GET", "HEAD", "POST"])
@allow("integration.add_outlet")
def add_outlet(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    form = NewOutletForm(request.POST if request.method == "POST" else None, now=now, initial={"platform": "pasons"})
    if request.method != "POST" or not form.is_valid():
        return render(
            request, "integration/outlet_add.html", {"form": form, **halves(form), "stages": stages(None, None)}
        )
    save_outlet(form, request.user.pk, now)
    messages.success(request, _("%(name)s has been added.") % {"name": form.instance.name})
    return redirect(f"{reverse('api_settings')}?outlet={form.instance.pk}")


def halves(form: BaseForm) -> dict[str, Any]:
    names = ("name", "location", "platform", "store_id")
    return {
        "branch_fields": [form[name] for name in names],
        "shop_fields": [form[name] for name in form.fields if name not in names],
    }
