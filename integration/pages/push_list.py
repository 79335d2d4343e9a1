"""The tab with all pushes: ten a page, newest first, filtered."""

from datetime import date, datetime, time, timedelta
from typing import Any

import django_filters
from django import forms
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from integration.models import Outlet, PushHistory
from integration.pages.forms import FilterForm
from integration.pages.push_words import describe_outcome, seconds_of
from integration.pages.shell import HtmxRequest, allow
from integration.push_progress import Counts, count_chunks, newest_pushes
from integration.templatetags.shop import PUSH_STATES, PUSH_TYPES, TRIGGERS

PAGE_SIZE = 10
DAY = timedelta(days=1)


def day_field(label: Any, method: str) -> django_filters.DateFilter:
    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    return django_filters.DateFilter(label=label, method=method, widget=widget)


class PushFilter(django_filters.FilterSet):
    outlet = django_filters.ModelChoiceFilter(
        label=_("Outlet"),
        queryset=Outlet.objects.only("name", "platform", "store_id").order_by("name", "store_id"),
        empty_label=_("All outlets"),
    )
    status = django_filters.ChoiceFilter(
        label=_("Status"), choices=[(value, words[0]) for value, words in PUSH_STATES.items()], empty_label=_("Any")
    )
    push_type = django_filters.ChoiceFilter(label=_("Type"), choices=list(PUSH_TYPES.items()), empty_label=_("Any"))
    trigger = django_filters.ChoiceFilter(
        label=_("Started by"), choices=list(TRIGGERS.items()), empty_label=_("Anything")
    )
    since = day_field(_("From"), "filter_since")
    until = day_field(_("To"), "filter_until")
    retried = django_filters.BooleanFilter(
        label=_("Needed a retry"), method="filter_retried", widget=forms.CheckboxInput
    )

    class Meta:
        model = PushHistory
        fields = ("outlet", "status", "push_type", "trigger")
        form = FilterForm

    def filter_since(self, pushes: QuerySet[PushHistory], name: str, day: date) -> QuerySet[PushHistory]:
        return pushes.filter(push_timestamp__gte=local(day, time.min))

    def filter_until(self, pushes: QuerySet[PushHistory], name: str, day: date) -> QuerySet[PushHistory]:
        return pushes.filter(push_timestamp__lte=local(day, time.max))

    def filter_retried(self, pushes: QuerySet[PushHistory], name: str, wanted: bool) -> QuerySet[PushHistory]:
        return pushes.filter(retry_count__gt=0) if wanted else pushes


def local(day: date, at: time) -> datetime:
    """The first and the last day of the calendar have hours that no other time zone can tell."""
    day = min(max(day, date.min + DAY), date.max - DAY)
    return timezone.make_aware(datetime.combine(day, at))


@allow("integration.view_pushhistory")
@require_safe
def list_pushes(request: HtmxRequest) -> HttpResponse:
    """The first page follows what happens: it asks for its rows again and again."""
    now = timezone.now()
    found = PushFilter(request.GET, queryset=newest_pushes())
    page = Paginator(found.qs, PAGE_SIZE).get_page(request.GET.get("page"))
    counts = count_chunks(push.pk for push in page)
    rows = [describe_row(push, counts.get(push.pk, Counts()), now) for push in page]
    context = {"rows": rows, "page": page, "form": found.form, "is_filtered": is_filtered(found.form)}
    template = "integration/push_rows.html" if request.htmx else "integration/push_list.html"
    return render(request, template, context)


def describe_row(push: PushHistory, counts: Counts, now: datetime) -> dict[str, Any]:
    accepted = counts.accepted_count if push.is_open else push.accepted_count
    rejected = counts.rejected_count if push.is_open else push.rejected_count
    facts = {"accepted": accepted, "rejected": rejected, "seconds": seconds_of(push, now)}
    return {"push": push, "sentence": describe_outcome(push, counts), **facts}


def is_filtered(form: forms.Form) -> bool:
    return any(form.data.get(name) for name in form.fields)
