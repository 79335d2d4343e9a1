"""A push that is held: what it would do, and what a person says to that."""

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from integration.contracts import contract_or_default
from integration.forms import is_id
from integration.guard import PRICE, STOCK, Findings, Limits, items_leaving, largest_leaps, limits_of, look
from integration.holds import Moved, discard_push, release_push
from integration.models import PushHistory
from integration.pages.shell import allow
from integration.push_progress import pushes_with_people
from integration.push_queue import CannotPush
from tasks.push import ring_rows

ITEMS_SHOWN = 20


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
        facts = {"total": intcomma(found.known_count or 0), "percent": limits.stock_percent}
        reasons.append(text % {"shown": intcomma(found.stock_count), **facts})
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
