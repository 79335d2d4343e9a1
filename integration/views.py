"""JSON endpoints: an outlet's settings, its connection, its pushes. For who is signed in, or shows a token, and may.

Errors are {"errors": {"field": ["why"]}}: 400 what was sent, 401 not signed in, 403 not allowed, 404 no such outlet.
"""

import dataclasses
import functools
import json
from collections.abc import Callable
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_GET, require_POST

from integration import log_context
from integration.audit import OUTLET_SECRETS, outlet_state
from integration.bearer import person_of, shown_token
from integration.contracts import MISCONFIGURED
from integration.forms import HistoryForm, NamedSettingsForm, PushForm, is_id, save_outlet
from integration.health import note_success
from integration.metrics import write_metrics
from integration.models import Outlet, PushHistory
from integration.push_queue import CannotPush
from integration.push_service import ask_connection
from tasks.push import ring_outlet

View = Callable[[HttpRequest, dict[str, Any]], HttpResponse]
WHOLE = "__all__"  # an error that is no single field's
PAGE_SIZE = 10


def refuse(status: int, message: str, field: str = WHOLE) -> JsonResponse:
    return JsonResponse({"errors": {field: [message]}}, status=status)


def endpoint(permission: str) -> Callable[[View], Callable[[HttpRequest], HttpResponseBase]]:
    """Let in who may; hand over the JSON object that was sent, or the query of a GET.

    A program shows its token, which no other site's page can do; a session has to show that the request is its own.
    """

    def decorate(view: View) -> Callable[[HttpRequest], HttpResponseBase]:
        def answer(request: HttpRequest) -> HttpResponseBase:
            if not request.user.has_perm(permission):
                return refuse(403, "you may not do this: ask somebody who manages the outlets")
            data = request.GET.dict() if request.method == "GET" else read_json(request)
            return refuse(400, "a JSON object is needed") if data is None else view(request, data)

        answer_session = csrf_protect(answer)

        @login_not_required  # it answers for itself, in JSON
        @csrf_exempt
        @functools.wraps(view)
        def wrapped(request: HttpRequest) -> HttpResponseBase:
            if (token := shown_token(request)) is not None:
                return answer_program(request, token, answer)
            return answer_session(request) if request.user.is_authenticated else refuse(401, "sign in first")

        return wrapped

    return decorate


def answer_program(
    request: HttpRequest, token: str, answer: Callable[[HttpRequest], HttpResponseBase]
) -> HttpResponseBase:
    """As the token's person, whoever else the request's session may know."""
    person = person_of(token, timezone.now())
    if person is None:
        refused = refuse(401, "the token is not valid: it is misspelt or revoked, or its person's account is closed")
        refused["WWW-Authenticate"] = "Bearer"
        return refused
    request.user = person
    log_context.bind(user_id=person.pk)
    return answer(request)


def read_json(request: HttpRequest) -> dict[str, Any] | None:
    try:
        data = json.loads(request.body)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def find_outlet(data: dict[str, Any]) -> Outlet | None:
    """The outlet by its id, without its secrets: they are read when they are needed."""
    outlet_id = str(data.get("outlet", ""))
    outlets = Outlet.objects.defer("api_key", "api_secret")
    return outlets.filter(pk=outlet_id).first() if is_id(outlet_id) else None


def no_outlet() -> JsonResponse:
    return refuse(404, "there is no such outlet", "outlet")


# --- settings -------------------------------------------------------------------------------------------


@require_POST
@endpoint("integration.change_outlet")
def save_outlet_api_settings(request: HttpRequest, data: dict[str, Any]) -> JsonResponse:
    """Change what is named of api_endpoint, api_key, api_secret, push_enabled, push_after_update; keep the rest."""
    outlet = find_outlet(data)
    if outlet is None:
        return no_outlet()
    now = timezone.now()
    form = NamedSettingsForm(data, instance=outlet, now=now)
    if not form.is_valid():
        return JsonResponse({"errors": form.errors}, status=400)
    save_outlet(form, request.user.pk, now)
    return JsonResponse({"outlet": describe_outlet(form.instance)})


def describe_outlet(outlet: Outlet) -> dict[str, Any]:
    """The settings; of the secrets, whether there are some."""
    names = ("name", "store_id", "platform", "api_endpoint", "push_enabled", "push_after_update")
    state = outlet_state(outlet.pk)
    secrets = {f"has_{name}": bool(state[name]) for name in OUTLET_SECRETS}
    return {"outlet": outlet.pk, **{name: getattr(outlet, name) for name in names}, **secrets}


@require_POST
@endpoint("integration.change_outlet")
def test_outlet_api_connection(request: HttpRequest, data: dict[str, Any]) -> JsonResponse:
    """Ask the shop with the values that are given, which need not be saved; nothing is changed there."""
    outlet = find_outlet(data)
    if outlet is None:
        return no_outlet()
    form = NamedSettingsForm(data, instance=outlet, now=timezone.now())
    if not form.is_valid():
        return JsonResponse({"errors": form.errors}, status=400)
    if not form.instance.api_endpoint:
        return refuse(400, "enter the shop's address first", "api_endpoint")
    try:
        result = ask_connection(form.instance)
    except MISCONFIGURED as exc:
        return refuse(400, str(exc))
    if result.ok and not form.has_changed():
        note_success(outlet.pk)
    return JsonResponse(dataclasses.asdict(result))


# --- pushes ---------------------------------------------------------------------------------------------


@require_POST
@endpoint("integration.push_outlet")
def push_to_ecommerce_api(request: HttpRequest, data: dict[str, Any]) -> JsonResponse:
    """Start a push, or join the one that is open: 202. Where nothing differs there is none: 200."""
    outlet, form = find_outlet(data), PushForm(data)
    if outlet is None:
        return no_outlet()
    if not form.is_valid():
        return JsonResponse({"errors": form.errors}, status=400)
    push_type = form.cleaned_data["push_type"] or PushHistory.PushType.PARTIAL
    try:
        started = ring_outlet(outlet.pk, push_type=push_type, user_id=request.user.pk)
    except CannotPush as exc:
        return refuse(400, str(exc))
    if started.push is None:
        return JsonResponse({"push": None, "joined": False, "message": "nothing to push: the shop knows it all"})
    pages = {"url": reverse("push", args=[started.push.pk])}
    pages["history_url"] = f"{reverse('push_history')}?push={started.push.pk}"
    message = f"push {started.push.pk} is under way; this one follows it" if started.joined else "the push has begun"
    facts = {"push": started.push.pk, "joined": started.joined, **pages, "message": message}
    return JsonResponse(facts, status=202)


@require_GET
@endpoint("integration.view_pushhistory")
def get_push_history_api(request: HttpRequest, data: dict[str, Any]) -> JsonResponse:
    """Ten pushes a page, newest first; filters: push, outlet, status, push_type, trigger."""
    form = HistoryForm(data)
    if not form.is_valid():
        return JsonResponse({"errors": form.errors}, status=400)
    pages = Paginator(find_pushes(form.cleaned_data), PAGE_SIZE)
    page = pages.get_page(form.cleaned_data["page"] or 1)
    facts = {"page": page.number, "page_count": pages.num_pages, "push_count": pages.count}
    return JsonResponse({"pushes": [describe_push(push) for push in page], **facts})


def find_pushes(filters: dict[str, Any]) -> Any:
    names = {"push": "pk", "outlet": "outlet_id", "status": "status", "push_type": "push_type", "trigger": "trigger"}
    chosen = {field: filters[name] for name, field in names.items() if filters[name]}
    pushes = PushHistory.objects.filter(**chosen).select_related("outlet", "created_by")
    return pushes.defer("outlet__api_key", "outlet__api_secret")


def describe_push(push: PushHistory) -> dict[str, Any]:
    names = ("platform", "push_type", "trigger", "status", "push_timestamp", "finished_at", "item_count")
    more = ("accepted_count", "rejected_count", "response_code", "response_message", "error_details")
    outlet = {"outlet": push.outlet_id, "outlet_name": push.outlet.name, "store_id": push.outlet.store_id}
    user = push.created_by.get_username() if push.created_by else None
    facts = {name: getattr(push, name) for name in (*names, *more)}
    return {"push": push.pk, **outlet, **facts, "created_by": user}


# --- metrics --------------------------------------------------------------------------------------------


@require_GET
@endpoint("integration.view_pushhistory")
def show_metrics(request: HttpRequest, data: dict[str, Any]) -> HttpResponse:
    """For Prometheus, in its text format or in OpenMetrics."""
    content, content_type = write_metrics(request.headers.get("Accept", ""), timezone.now())
    return HttpResponse(content, content_type=content_type, headers={"Cache-Control": "no-store"})
