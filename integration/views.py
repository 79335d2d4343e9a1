"""JSON endpoints: an outlet's settings, its connection, its pushes. For who is signed in, or shows a token, and may.

What holds for all of them is in `endpoint`.
"""

import dataclasses
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpResponse, JsonResponse
from django.urls import reverse
from django.utils import timezone

from integration.audit import GUARD_FIELDS, OUTLET_SECRETS, outlet_state
from integration.contracts import MISCONFIGURED
from integration.endpoint import ApiRequest, Refusal, endpoint, find_outlet, require_scope
from integration.forms import HistoryForm, NamedSettingsForm, PushForm, SettingsForm, save_outlet
from integration.health import note_success
from integration.metrics import write_metrics
from integration.models import ApiToken, Outlet, PushHistory
from integration.obstacles import CannotPush
from integration.openapi import build_document
from integration.outlet_version import Stale, changed_names, changes_since, version_of
from integration.push_service import ask_connection
from tasks.push import ring_outlet

PAGE_SIZE = 10
TRIES = 3
WHEN = ("push_enabled", "push_after_update", "push_interval_minutes")


# --- settings -------------------------------------------------------------------------------------------


@endpoint("POST", "integration.change_outlet")
def save_outlet_api_settings(request: ApiRequest, data: dict[str, Any]) -> JsonResponse:
    """Change what is named of the address, the secrets, when to push and the guard's limits; keep the rest."""
    now = timezone.now()
    for _ in range(TRIES):
        form = NamedSettingsForm(data, instance=find_outlet(request, data), now=now)
        if form.is_stale:
            raise Refusal(400, say_stale(form), "version")
        if not form.is_valid():
            return JsonResponse({"errors": form.errors}, status=400)
        try:
            save_outlet(form, request.user.pk, now)
        except Stale:
            continue
        return JsonResponse({"outlet": describe_outlet(form.instance)})
    raise Refusal(400, "others change these settings all the time: try again", "version")


def say_stale(form: NamedSettingsForm) -> str:
    """Who has changed what since the sender has seen the settings."""
    entries = changes_since(form.version_seen, form.instance.pk, form.fields_seen)
    what = [f"{entry.user.get_username()} ({', '.join(sorted(changed_names(entry)))})" for entry in entries]
    return f"the settings have been changed meanwhile by {', '.join(what) or 'somebody'}: look at them first"


def describe_outlet(outlet: Outlet) -> dict[str, Any]:
    """The settings; of the secrets, whether there are some."""
    names = ("name", "store_id", "platform", "api_endpoint", *WHEN, *GUARD_FIELDS)
    state = outlet_state(outlet.pk)
    secrets = {f"has_{name}": bool(state[name]) for name in OUTLET_SECRETS}
    facts = {"outlet": outlet.pk, **{name: getattr(outlet, name) for name in names}, **secrets}
    return {**facts, "version": version_of(outlet.pk, SettingsForm.base_fields)}


@endpoint("POST", "integration.change_outlet")
def test_outlet_api_connection(request: ApiRequest, data: dict[str, Any]) -> JsonResponse:
    """Ask the shop with the values that are given, which need not be saved; nothing is changed there."""
    outlet = find_outlet(request, data)
    form = NamedSettingsForm(data, instance=outlet, now=timezone.now())
    if not form.is_valid():
        return JsonResponse({"errors": form.errors}, status=400)
    if not form.instance.api_endpoint:
        raise Refusal(400, "enter the shop's address first", "api_endpoint")
    try:
        result = ask_connection(form.instance)
    except MISCONFIGURED as exc:
        raise Refusal(400, str(exc)) from exc
    if result.ok and not form.has_changed():
        note_success(outlet.pk)
    return JsonResponse(dataclasses.asdict(result))


# --- pushes ---------------------------------------------------------------------------------------------


@endpoint("POST", "integration.push_outlet")
def push_to_ecommerce_api(request: ApiRequest, data: dict[str, Any]) -> JsonResponse:
    """Start a push, or join the one that is open: 202. Where nothing differs there is none: 200."""
    outlet, form = find_outlet(request, data), PushForm(data)
    if not form.is_valid():
        return JsonResponse({"errors": form.errors}, status=400)
    push_type = form.cleaned_data["push_type"] or PushHistory.PushType.PARTIAL
    try:
        started = ring_outlet(outlet.pk, push_type=push_type, user_id=request.user.pk)
    except CannotPush as exc:
        raise Refusal(400, str(exc)) from exc
    if started.push is None:
        return JsonResponse({"push": None, "joined": False, "message": "nothing to push: the shop knows it all"})
    pages = {"url": reverse("push", args=[started.push.pk])}
    pages["history_url"] = f"{reverse('push_history')}?push={started.push.pk}"
    is_held = started.push.status == PushHistory.Status.HELD
    what = "is held until somebody has looked at it" if is_held else "is under way"
    message = f"push {started.push.pk} {what}; this one follows it" if started.joined else "the push has begun"
    facts = {"push": started.push.pk, "joined": started.joined, **pages, "message": message}
    return JsonResponse(facts, status=202)


@endpoint("GET", "integration.view_pushhistory")
def get_push_history_api(request: ApiRequest, data: dict[str, Any]) -> JsonResponse:
    """Ten pushes a page, newest first; filters: push, outlet, status, push_type, trigger."""
    form = HistoryForm(data)
    if not form.is_valid():
        return JsonResponse({"errors": form.errors}, status=400)
    if outlet_id := form.cleaned_data["outlet"]:
        require_scope(request, outlet_id)
    pages = Paginator(find_pushes(form.cleaned_data, request.api_token), PAGE_SIZE)
    page = pages.get_page(form.cleaned_data["page"] or 1)
    facts = {"page": page.number, "page_count": pages.num_pages, "push_count": pages.count}
    return JsonResponse({"pushes": [describe_push(push) for push in page], **facts})


def find_pushes(filters: dict[str, Any], token: ApiToken | None) -> Any:
    names = {"push": "pk", "outlet": "outlet_id", "status": "status", "push_type": "push_type", "trigger": "trigger"}
    chosen = {field: filters[name] for name, field in names.items() if filters[name]}
    pushes = PushHistory.objects.filter(**chosen).select_related("outlet", "created_by")
    if token and token.is_scoped:
        pushes = pushes.filter(outlet__in=token.outlets.values("pk"))
    return pushes.defer("outlet__api_key", "outlet__api_secret")


def describe_push(push: PushHistory) -> dict[str, Any]:
    names = ("platform", "push_type", "trigger", "status", "push_timestamp", "finished_at", "item_count")
    more = ("accepted_count", "rejected_count", "response_code", "response_message", "error_details")
    outlet = {"outlet": push.outlet_id, "outlet_name": push.outlet.name, "store_id": push.outlet.store_id}
    user = push.created_by.get_username() if push.created_by else None
    facts = {name: getattr(push, name) for name in (*names, *more)}
    return {"push": push.pk, **outlet, **facts, "created_by": user}


# --- what there is --------------------------------------------------------------------------------------


@endpoint("GET")
def show_openapi(request: ApiRequest, data: dict[str, Any]) -> JsonResponse:
    """For programs that read how programs ask."""
    return JsonResponse(build_document())


# --- metrics --------------------------------------------------------------------------------------------


@endpoint("GET", "integration.view_pushhistory")
def show_metrics(request: ApiRequest, data: dict[str, Any]) -> HttpResponse:
    """For Prometheus, in its text format or in OpenMetrics."""
    if request.api_token and request.api_token.is_scoped:
        raise Refusal(403, "the metrics are of all outlets, and this token is for some of them")
    content, content_type = write_metrics(request.headers.get("Accept", ""), timezone.now())
    return HttpResponse(content, content_type=content_type, headers={"Cache-Control": "no-store"})
