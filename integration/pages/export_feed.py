"""Export feed: an outlet's prices and stock as a file. Whoever downloads it changes nothing."""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from integration.export_feed import count_feed, feed_lines
from integration.models import Outlet
from integration.pages.forms import Styled
from integration.pages.shell import HtmxRequest, allow

BLOCK = 500  # lines that are sent at once


class FeedForm(Styled, forms.Form):
    outlet = forms.ModelChoiceField(
        Outlet.objects.defer("api_key", "api_secret").order_by("name", "pk"),
        label=_("Outlet"),
        empty_label=_("Choose an outlet"),
    )
    feed = forms.ChoiceField(
        label=_("What"),
        choices=[
            ("full", _("All products of the outlet")),
            ("partial", _("Only what the shop does not know yet")),
        ],
        widget=forms.RadioSelect,
        initial="full",
    )

    @property
    def which(self) -> dict[str, Any]:
        return {"outlet": self.cleaned_data["outlet"], "partial": self.cleaned_data["feed"] == "partial"}


def form_of(request: HttpRequest) -> FeedForm:
    """Unbound until an outlet is asked for: a page that was just opened has no errors."""
    asked = request.GET.dict()
    return FeedForm({"feed": "full", **asked} if asked.get("outlet") else None)


@require_safe
@allow("integration.view_outletproduct")
@vary_on_headers("HX-Request")
def show(request: HtmxRequest) -> HttpResponse:
    form = form_of(request)
    count = count_feed(now=timezone.now(), **form.which) if form.is_valid() else None
    template = "integration/feed_count.html" if request.htmx else "integration/export_feed.html"
    return render(request, template, {"form": form, "count": count})


@require_safe
@allow("integration.view_outletproduct")
def download(request: HttpRequest) -> HttpResponseBase:
    form = FeedForm({"feed": "full", **request.GET.dict()})
    if not form.is_valid():
        return render(request, "integration/export_feed.html", {"form": form, "count": None}, status=400)
    now = timezone.now()
    lines = feed_lines(now=now, **form.which)
    response = StreamingHttpResponse(blocks(lines), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = content_disposition_header(True, file_name(now=now, **form.which))
    return response


def file_name(outlet: Outlet, partial: bool, now: datetime) -> str:
    at = timezone.localtime(now).strftime("%Y-%m-%d-%H%M%S")
    name = f"{outlet.platform}-{outlet.store_id}-{'partial' if partial else 'full'}-{at}"
    return re.sub(r"[^\w-]+", "-", name) + ".csv"


def blocks(lines: Iterable[str]) -> Iterator[str]:
    """Many lines in one piece: each piece is a call of the system."""
    rest = iter(lines)
    while block := "".join(islice(rest, BLOCK)):
        yield block
