"""A push that is held: what it would do, as a page and as files, and what a person says to that."""

import csv
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.contrib.humanize.templatetags.humanize import intcomma
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_safe

from integration.contracts import contract_or_default
from integration.export_feed import HEADER, Line, guard
from integration.forms import is_id
from integration.guard import (
    LEAVING,
    PRICE,
    STOCK,
    Findings,
    Limits,
    leaping,
    leaps,
    limits_of,
    look,
    moving,
)
from integration.held_items import items_leaving, largest_leaps
from integration.holds import Moved, discard_push, release_push
from integration.models import OutletProduct, PushHistory
from integration.obstacles import CannotPush
from integration.pages.shell import allow
from integration.push_progress import pushes_with_people
from tasks.push import ring_rows

ITEMS_SHOWN = 20
KNOWN = ("pushed_price", "pushed_stock_status")
VALUES = ("selling_price", "stock_status")
MOVES_HEADER = ("sku", "name", *KNOWN, *VALUES, "what")


def describe_hold(push: PushHistory, now: datetime) -> dict[str, Any]:
    """What the push would do now, which may be otherwise than when it was held."""
    contract = contract_or_default(push.platform)
    limits = limits_of(push.outlet, contract)
    found, revision = look(push, contract, now)[:2]
    return {
        "reasons": say_findings(found, limits),
        "revision": revision,
        "leaving": items_leaving(push.outlet_id, found.stock_count, ITEMS_SHOWN) if found.stock_count else [],
        "leaving_more": max(found.stock_count - ITEMS_SHOWN, 0),
        "leaps": largest_leaps(push.outlet_id, limits, found.leap_count, ITEMS_SHOWN) if found.leap_count else [],
        "leaps_more": max(found.leap_count - ITEMS_SHOWN, 0),
        "limits": limits,
    }


def say_findings(found: Findings, limits: Limits) -> list[str]:
    reasons = []
    if STOCK in found.trips:
        text = ngettext(
            "%(shown)s of the %(total)s items that the shop knows would go out of stock: more than %(percent)s %%.",
            "%(shown)s of the %(total)s items that the shop knows would go out of stock: more than %(percent)s %%.",
            found.stock_count,
        )
        if found.gone_count:
            text = _(
                "%(shown)s of the %(total)s items that the shop knows would go out of stock, after %(gone)s within the "
                "last hour: together more than %(percent)s %%."
            )
        facts = {"total": intcomma(found.known_count or 0), "percent": limits.stock_percent}
        reasons.append(text % {"shown": intcomma(found.stock_count), "gone": intcomma(found.gone_count), **facts})
    if PRICE in found.trips:
        text = ngettext(
            "%(shown)s of the %(total)s items to be sent would move in price by more than %(move)s %%: "
            "more than %(percent)s %% of them.",
            "%(shown)s of the %(total)s items to be sent would move in price by more than %(move)s %%: "
            "more than %(percent)s %% of them.",
            found.leap_count,
        )
        facts = {"total": intcomma(found.item_count or 0), "percent": limits.items_percent}
        reasons.append(text % {"shown": intcomma(found.leap_count), "move": limits.price_percent, **facts})
    return reasons


def find_push(push_id: int) -> PushHistory:
    return get_object_or_404(pushes_with_people(), pk=push_id)


@allow("integration.push_outlet")
@require_http_methods(["GET", "HEAD", "POST"])
def release(request: HttpRequest, push_id: int) -> HttpResponse:
    """Asks first, on a page of its own; the answer is to what that page has said."""
    push = find_push(push_id)
    if push.status != PushHistory.Status.HELD:
        messages.info(request, _("This push is not held any more."))
        return redirect("push", push.pk)
    if request.method != "POST":
        context = {"push": push, **describe_hold(push, timezone.now())}
        return render(request, "integration/push_release.html", context)
    seen = request.POST.get("revision", "")
    try:
        ring_rows(release_push(push.pk, timezone.now(), request.user.pk, int(seen) if is_id(seen) else -1))
    except Moved:
        messages.warning(request, _("Prices or stock have changed since you looked. This is what it would do now."))
        return redirect("push_release", push.pk)
    except CannotPush as exc:
        messages.error(request, _("It cannot be sent now: %(why)s") % {"why": exc})
    return redirect("push", push.pk)


@allow("integration.push_outlet")
@require_http_methods(["GET", "HEAD", "POST"])
def discard(request: HttpRequest, push_id: int) -> HttpResponse:
    """Asks first, on a page of its own."""
    push = find_push(push_id)
    if push.status != PushHistory.Status.HELD:
        messages.info(request, _("This push is not held any more."))
    elif request.method != "POST":
        return render(request, "integration/push_discard.html", {"push": push})
    else:
        ring_rows(discard_push(push.pk, request.user.get_username(), timezone.now(), request.user.pk))
    return redirect("push", push.pk)


# --- all of it, as files --------------------------------------------------------------------------------


@allow("integration.view_pushhistory")
@require_safe
def download_moves(request: HttpRequest, push_id: int) -> HttpResponseBase:
    """What the push would do, item by item, with both values."""
    return download(request, push_id, "moves", moves_lines)


@allow("integration.view_pushhistory")
@require_safe
def download_known(request: HttpRequest, push_id: int) -> HttpResponseBase:
    """The same items with the shop's values, as a product file: uploaded, it takes the change back."""
    return download(request, push_id, "shop-values", known_lines)


Lines = Callable[[QuerySet[OutletProduct], Limits], Iterator[str]]


def download(request: HttpRequest, push_id: int, name: str, lines: Lines) -> HttpResponseBase:
    push = find_push(push_id)
    if push.status != PushHistory.Status.HELD:
        messages.info(request, _("This push is not held any more."))
        return redirect("push", push.pk)
    limits = limits_of(push.outlet, contract_or_default(push.platform))
    items = moving(push.outlet_id).filter(LEAVING | leaping(limits)).order_by("product__sku")
    response = StreamingHttpResponse(lines(items, limits), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="push-{push.pk}-{name}.csv"'
    return response


def moves_lines(items: QuerySet[OutletProduct], limits: Limits) -> Iterator[str]:
    """The dashboard's values have a product file's names: the file can be corrected and uploaded."""
    rows = items.values_list("product__sku", "product__name", *KNOWN, *VALUES)
    return write(MOVES_HEADER, (move_row(row, limits) for row in rows.iterator(chunk_size=2000)))


def move_row(row: tuple[Any, ...], limits: Limits) -> tuple[Any, ...]:
    sku, name, *known_and_ours = row
    known, ours = known_and_ours[:2], known_and_ours[2:]
    return (guard(sku), guard(name), *shown(*known), *shown(*ours), say_move(*known, *ours, limits=limits))


def known_lines(items: QuerySet[OutletProduct], limits: Limits) -> Iterator[str]:
    rows = items.values_list("product__sku", *KNOWN)
    return write(HEADER, ((guard(sku), *shown(*known)) for sku, *known in rows.iterator(chunk_size=2000)))


def write(header: Iterable[str], rows: Iterable[Iterable[Any]]) -> Iterator[str]:
    writer: Any = csv.writer(Line(), lineterminator="\n")
    yield writer.writerow(header)
    yield from (writer.writerow(row) for row in rows)


def shown(price: Decimal, stock_status: int) -> tuple[str, int]:
    return f"{price:.2f}", stock_status


def say_move(known_price: Decimal, known_stock: int, price: Decimal, stock_status: int, *, limits: Limits) -> str:
    moves = ["goes out of stock"] if known_stock and not stock_status else []
    if not known_price:
        moves.append("the shop has a price of 0")
    elif leaps(price, known_price, limits):
        moves.append(f"price moves by {(price - known_price) * 100 / known_price:+.0f} %")
    return "; ".join(moves)
