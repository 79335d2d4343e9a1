"""The tab that proves: what each outlet's shop has, compared with what it has acknowledged."""

import csv
from collections.abc import Iterator
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from integration.export_feed import Line, guard
from integration.models import Difference, Outlet, Product, Reconciliation
from integration.pages.comparison_words import KINDS, TRIGGERS, look_of, say_counts, say_proof
from integration.pages.shell import NOTHING_MORE, HtmxRequest, allow
from integration.proof import last_of, read_proof
from integration.reconciliation_queue import Sends, can_read
from tasks.reconcile import ring_comparison

OUTLETS_PER_PAGE, HISTORY_PER_PAGE, PER_PAGE = 50, 25, 50
HEADER = ("sku", "kind", "shop_price", "shop_stock_status", "known_price", "known_stock_status", "sent_again", "reason")


def comparisons() -> QuerySet[Reconciliation]:
    rows = Reconciliation.objects.select_related("outlet", "created_by")
    return rows.defer("outlet__api_key", "outlet__api_secret")


def find(reconciliation_id: int) -> Reconciliation:
    return get_object_or_404(comparisons(), pk=reconciliation_id)


# --- every outlet ---------------------------------------------------------------------------------------


@require_safe
@allow("integration.view_reconciliation")
def list_outlets(request: HttpRequest) -> HttpResponse:
    outlets = Outlet.objects.filter(is_active=True).defer("api_key", "api_secret").order_by("name", "pk")
    page = Paginator(outlets, OUTLETS_PER_PAGE).get_page(request.GET.get("page"))
    ids = [outlet.pk for outlet in page]
    last, running = last_of(ids), open_ones(ids)
    readable = {name: can_read(name) for name in {outlet.platform for outlet in page}}
    rows = [
        describe_outlet(outlet, last.get(outlet.pk), running.get(outlet.pk), readable[outlet.platform])
        for outlet in page
    ]
    proof = say_proof(read_proof(), timezone.now())
    return render(request, "integration/comparisons.html", {"page": page, "rows": rows, "proof": proof})


def open_ones(outlet_ids: list[int]) -> dict[int, Reconciliation]:
    rows = Reconciliation.objects.filter(outlet__in=outlet_ids, status__in=Reconciliation.OPEN)
    return {row.outlet_id: row for row in rows}


def describe_outlet(
    outlet: Outlet, last: Reconciliation | None, running: Reconciliation | None, is_readable: bool
) -> dict[str, Any]:
    shown = running or last
    facts = {"look": look_of(shown) if shown else None, "said": say_counts(last) if last else []}
    return {"outlet": outlet, "last": last, "running": running, "is_readable": is_readable, **facts}


# --- one outlet -----------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@allow("integration.view_reconciliation")
def show_outlet(request: HttpRequest, outlet_id: int) -> HttpResponse:
    """What was compared, the newest first; posting compares now."""
    outlet = get_object_or_404(Outlet.objects.defer("api_key", "api_secret"), pk=outlet_id)
    if request.method == "POST":
        return start(request, outlet_id)
    rows = comparisons().filter(outlet=outlet)
    page = Paginator(rows, HISTORY_PER_PAGE).get_page(request.GET.get("page"))
    described = [describe(row) for row in page]
    context = {"outlet": outlet, "page": page, "rows": described, "is_readable": can_read(outlet.platform)}
    return render(request, "integration/comparisons_outlet.html", context)


@allow("integration.push_outlet")
def start(request: HttpRequest, outlet_id: int, sends: str = Sends.USUAL) -> HttpResponse:
    row, is_new = ring_comparison(outlet_id, request.user.pk, sends)
    if not is_new and row.sends == sends == Sends.ALL:
        messages.info(request, _("This outlet is being compared already. What differs is sent again when that ends."))
    elif not is_new:
        messages.info(request, _("This outlet is being compared already."))
    return redirect("comparison", row.pk)


def describe(row: Reconciliation) -> dict[str, Any]:
    seconds = (row.finished_at - row.started_at).total_seconds() if row.finished_at and row.started_at else None
    facts = {"look": look_of(row), "said": say_counts(row), "trigger": TRIGGERS[Reconciliation.Trigger(row.trigger)]}
    return {"row": row, "seconds": seconds, "has_result": row.status in Reconciliation.ENDED, **facts}


# --- one comparison -------------------------------------------------------------------------------------


@require_safe
@allow("integration.view_reconciliation")
@vary_on_headers("HX-Request")
def show(request: HtmxRequest, reconciliation_id: int) -> HttpResponse:
    """Live while it is under way; then what was found."""
    row = find(reconciliation_id)
    context = describe(row)
    if not row.is_open:
        page = Paginator(row.differences.all(), PER_PAGE).get_page(request.GET.get("page"))
        context |= {"page": page, "differences": describe_differences(list(page))}
        context["hidden_count"] = row.listed_count - page.paginator.count
    if not request.htmx:
        return render(request, "integration/comparison.html", context)
    return render(request, "integration/comparison_state.html", context, status=200 if row.is_open else NOTHING_MORE)


def describe_differences(differences: list[Difference]) -> list[dict[str, Any]]:
    products = Product.objects.filter(sku__in=[one.sku for one in differences])
    known = {sku: (pk, name) for sku, pk, name in products.values_list("sku", "pk", "name")}
    described = []
    for one in differences:
        product_id, name = known.get(one.sku, (None, ""))
        if one.kind == Difference.Kind.EXTRA:
            product_id = None
        look = KINDS[Difference.Kind(one.kind)]
        described.append({"one": one, "look": look, "product_id": product_id, "name": name})
    return described


@require_POST
@allow("integration.view_reconciliation")
@allow("integration.push_outlet")
def send_again(request: HttpRequest, reconciliation_id: int) -> HttpResponse:
    """Compare once more, and send whatever differs: what was found in the night may be another by now."""
    return start(request, find(reconciliation_id).outlet_id, Sends.ALL)


@require_safe
@allow("integration.view_reconciliation")
def download(request: HttpRequest, reconciliation_id: int) -> StreamingHttpResponse:
    row = find(reconciliation_id)
    response = StreamingHttpResponse(csv_lines(row), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="comparison-{row.pk}.csv"'
    return response


def csv_lines(row: Reconciliation) -> Iterator[str]:
    writer: Any = csv.writer(Line(), lineterminator="\n")
    yield writer.writerow(HEADER)
    for one in row.differences.all().iterator(chunk_size=2000):
        shop = (guard(one.shop_price), text(one.shop_stock_status))
        ours = (text(one.pushed_price), text(one.pushed_stock_status))
        yield writer.writerow((guard(one.sku), one.kind, *shop, *ours, int(one.is_sent), guard(one.reason)))


def text(value: object) -> str:
    return "" if value is None else str(value)
