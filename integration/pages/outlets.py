"""The home page: how every outlet is, and what can be done about several at once."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Page, Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from integration.models import Outlet
from integration.next_push import next_pushes
from integration.outlet_state import count_items, in_order, read_facts, summarize, with_states
from integration.pages.comparison_words import say_proof
from integration.pages.outlets_act import PERMISSIONS, PUSH_EVERYTHING, act
from integration.pages.outlets_filter import OutletFilter
from integration.pages.outlets_headline import headline, parts
from integration.pages.outlets_row import Row
from integration.pages.shell import HtmxRequest, allow
from integration.proof import last_of, read_proof

PAGE_SIZE = 50


class ActForm(forms.Form):
    """What to do with which outlets."""

    action = forms.ChoiceField(choices=[(name, name) for name in PERMISSIONS])
    outlet = forms.ModelMultipleChoiceField(
        Outlet.objects.defer("api_key", "api_secret"),
        error_messages={
            "required": _("Tick at least one outlet first."),
            "invalid_choice": _("One of these outlets is not there any more."),
        },
    )
    is_confirmed = forms.BooleanField(required=False)


@allow("integration.view_outlet")
@require_safe
@vary_on_headers("HX-Request")
def list_outlets(request: HtmxRequest) -> HttpResponse:
    """The page; for htmx, the part of it that changes by itself."""
    now = timezone.now()
    filters = OutletFilter(request.GET, with_states(now))
    page = Paginator(in_order(filters.qs), PAGE_SIZE).get_page(request.GET.get("page"))
    summary = summarize(now)
    context = {
        "page": page,
        "rows": read_rows(page, now),
        "parts": parts(summary),
        "has_outlets": bool(summary.counts or summary.inactive_count),
        "headline": headline(summary, now),
        "proof": say_proof(read_proof(), now),
        "chosen": request.GET.get("state", ""),
        "is_filtered": any(request.GET.get(name) for name in filters.filters),
        "may_act": any(request.user.has_perm(permission) for permission in PERMISSIONS.values()),
    }
    if request.htmx:
        return render(request, "integration/outlets_rows.html", {**context, "is_live": True})
    return render(request, "integration/outlets.html", {**context, "form": filters.form})


def read_rows(page: Page[Any], now: datetime) -> list[Row]:
    outlets = list(page)
    ids = [outlet.pk for outlet in outlets]
    facts, proofs, scheduled_at = read_facts(ids, now), last_of(ids), next_pushes(now)
    return [
        Row(one, facts[one.pk], now, scheduled_at.get(one.push_interval_minutes), proofs.get(one.pk)) for one in outlets
    ]


@allow("integration.view_outlet")
@require_POST
def act_on_outlets(request: HttpRequest) -> HttpResponse:
    permission = PERMISSIONS.get(request.POST.get("action", ""))
    if permission and not request.user.has_perm(permission):
        raise PermissionDenied
    form = ActForm(request.POST)
    if not form.is_valid():
        for errors in form.errors.values():
            messages.error(request, str(errors[0]))
        return redirect(return_url(request))
    action, chosen = form.cleaned_data["action"], form.cleaned_data["outlet"]
    now = timezone.now()
    if action == PUSH_EVERYTHING and not form.cleaned_data["is_confirmed"]:
        return ask(request, chosen, now)
    outlets = list(with_states(now).filter(pk__in=[outlet.pk for outlet in chosen]).order_by("name", "pk"))
    for level, text in act(action, outlets, request.user.pk or 0, now):
        messages.add_message(request, level, text)
    return redirect(return_url(request))


def ask(request: HttpRequest, outlets: Any, now: datetime) -> HttpResponse:
    """To push everything may take the shops long: say first how much it is."""
    counts = count_items([outlet.pk for outlet in outlets])
    chosen = [(outlet, counts.get(outlet.pk, 0)) for outlet in outlets.order_by("name", "pk")]
    context = {"chosen": chosen, "item_count": sum(counts.values()), "next": return_url(request)}
    return render(request, "integration/outlets_confirm.html", {**context, "action": PUSH_EVERYTHING})


def return_url(request: HttpRequest) -> str:
    """The list as it was; nothing but a path of ours."""
    url = request.POST.get("next", "")
    return url if url.startswith("/") and url_has_allowed_host_and_scheme(url, None) else reverse("outlets")
