"""All product updates: who brought new prices and stock, how, and what they changed."""

from decimal import Decimal
from typing import Any, NamedTuple

import django_filters
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from integration.models import Outlet, ProductUpdate
from integration.pages.forms import FilterForm
from integration.pages.parts import read_part
from integration.pages.shell import allow
from integration.update_record import updates

PAGE_SIZE = 25
Source = ProductUpdate.Source
SOURCES: dict[str, tuple[Any, str]] = {
    Source.FILE: (_("file"), "file-up"),
    Source.API: (_("program"), "key-round"),
    Source.PAGE: (_("page"), "pencil"),
    Source.COMMAND: (_("command line"), "terminal"),
    Source.CODE: (_("code on the server"), "server"),
}


class Move(NamedTuple):
    """One change; the old values are None where the product was new."""

    sku: str
    old_price: Decimal | None
    old_stock: int | None
    new_price: Decimal
    new_stock: int


class UpdateFilter(django_filters.FilterSet):
    outlet = django_filters.ModelChoiceFilter(
        label=_("Outlet"),
        queryset=Outlet.objects.only("name", "platform", "store_id").order_by("name", "store_id"),
        empty_label=_("All outlets"),
    )
    source = django_filters.ChoiceFilter(
        label=_("Came as"), choices=[(value, words[0]) for value, words in SOURCES.items()], empty_label=_("Anything")
    )

    class Meta:
        model = ProductUpdate
        fields = ("outlet", "source")
        form = FilterForm


@allow("integration.view_outletproduct")
@require_safe
def list_updates(request: HttpRequest) -> HttpResponse:
    found = UpdateFilter(request.GET, queryset=updates())
    page = read_part(found.qs, request.GET.get("page"), PAGE_SIZE)
    rows = [describe_update(update) for update in page.rows]
    is_filtered = any(found.form.data.get(name) for name in found.form.fields)
    context = {"page": page, "rows": rows, "form": found.form, "is_filtered": is_filtered}
    return render(request, "integration/update_list.html", context)


def describe_update(update: ProductUpdate) -> dict[str, Any]:
    label, icon = SOURCES[update.source]
    moves = [read_move(*values) for values in update.changes]
    more_count = update.created_count + update.changed_count - len(moves)
    return {"update": update, "label": label, "icon": icon, "moves": moves, "more_count": more_count}


def read_move(sku: str, old_price: str | None, old_stock: int | None, new_price: str, new_stock: int) -> Move:
    return Move(sku, None if old_price is None else Decimal(old_price), old_stock, Decimal(new_price), new_stock)
