"""Starting a push, following it, and looking into what was sent and answered."""

import csv
import dataclasses
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import F, Prefetch
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseStopPolling, reselect, reswap, retarget

from integration.changes import count_quarantined
from integration.curl import as_curl
from integration.error_kinds import explain
from integration.export_feed import Line, guard
from integration.models import Outlet, PushAttempt, PushChunk, PushHistory
from integration.obstacles import CannotPush, check_startable, find_obstacle
from integration.pages.push_held import describe_hold, find_push
from integration.pages.push_words import (
    attempt_state,
    chunk_state,
    describe_obstacle,
    describe_outcome,
    describe_state,
    is_discarded,
    say_about,
    seconds_of,
    who_cancelled,
)
from integration.pages.shell import HtmxRequest, allow
from integration.pages.update_list import describe_update
from integration.push_progress import (
    Counts,
    Plan,
    count_chunks,
    count_to_confirm,
    last_error,
    make_plan,
    push_after,
    read_progress,
    recent_speed,
    rejected_in,
    release_rejected,
    sent_items,
)
from integration.push_queue import Started, cancel_push
from integration.update_record import updates_before
from tasks.push import ring_outlet

PAGE_SIZE = 50
ITEMS_SHOWN = 100
UPDATES_SHOWN = 5
REJECTED_HEADER = ("sku", "name", "rejected_price", "rejected_stock_status", "reason", "since", "last", "times")


# --- starting -------------------------------------------------------------------------------------------


@allow("integration.push_outlet")
@require_http_methods(["GET", "HEAD", "POST"])
def start(request: HttpRequest, outlet_id: int) -> HttpResponse:
    outlet = get_object_or_404(Outlet.objects.defer("api_key", "api_secret"), pk=outlet_id)
    if request.method == "POST":
        return start_push(request, outlet, wanted_type(request.POST))
    return render(request, "integration/push_start.html", describe_start(request, outlet, timezone.now()))


def wanted_type(data: Any) -> str:
    is_full = data.get("type") == PushHistory.PushType.FULL
    return PushHistory.PushType.FULL if is_full else PushHistory.PushType.PARTIAL


def describe_start(request: HttpRequest, outlet: Outlet, now: datetime) -> dict[str, Any]:
    obstacle, speed = find_obstacle(outlet, now), recent_speed(outlet.pk)
    partial, full = (make_plan(outlet, push_type, speed, now) for push_type in PushHistory.PushType.values[::-1])
    is_partial = wanted_type(request.GET) == PushHistory.PushType.PARTIAL and partial.item_count
    return {
        "outlet": outlet,
        "plans": [describe_plan(plan) for plan in (partial, full)],
        "chosen": partial.push_type if is_partial else full.push_type,
        "quarantined_count": count_quarantined(outlet.pk),
        "open_push": PushHistory.objects.filter(outlet=outlet, status__in=PushHistory.OPEN).first(),
        "hint": describe_obstacle(obstacle, outlet) if obstacle else None,
    }


def describe_plan(plan: Plan) -> dict[str, Any]:
    return {**dataclasses.asdict(plan), "about": say_about(plan.seconds) if plan.seconds else ""}


def start_push(request: HttpRequest, outlet: Outlet, push_type: str) -> HttpResponse:
    try:
        started = ring_outlet(outlet.pk, push_type=push_type, user_id=request.user.pk)
    except CannotPush as exc:
        messages.error(request, say_why_not(outlet, exc))
        return redirect("push_start", outlet.pk)
    return follow(request, started) or redirect("push_start", outlet.pk)


def say_why_not(outlet: Outlet, exc: CannotPush) -> str:
    return describe_obstacle(exc, outlet).text if exc.kind else str(exc)


def follow(request: HttpRequest, started: Started) -> HttpResponse | None:
    """To the push that was started or joined; None where there was nothing to push."""
    if started.push is None:
        messages.info(request, _("Nothing to push: the shop knows everything already."))
        return None
    if started.joined and started.push.status == PushHistory.Status.HELD:
        messages.warning(request, _("A push of this outlet is held. Yours waits behind it."))
    elif started.joined:
        text = _("Push %(number)s is under way. Yours was noted and starts when it ends.")
        messages.info(request, text % {"number": started.push.pk})
    return redirect("push", started.push.pk)


# --- following ------------------------------------------------------------------------------------------


@allow("integration.view_pushhistory")
@require_safe
def show(request: HtmxRequest, push_id: int) -> HttpResponse:
    """The progress alone while it is followed; where it ends, is held or let go, all of the page once more."""
    now = timezone.now()
    push = find_push(push_id)
    is_poll = bool(request.htmx) and request.htmx.target == "progress"
    is_held = push.status == PushHistory.Status.HELD
    if is_poll and push.is_open and is_held == (request.GET.get("held") == "1"):
        return render(request, "integration/push_progress.html", describe_progress(push, now))
    hold = describe_hold(push, now) if is_held else {}
    facts = {**describe_progress(push, now), **describe_facts(push), **describe_updates(request, push)}
    context = {**facts, **hold, **describe_list(request, push, now)}
    response = render(request, "integration/push.html", context)
    if not is_poll:
        return response
    last = HttpResponseStopPolling(response.content)
    return reswap(reselect(retarget(last, "#push"), "#push"), "outerHTML")


def describe_progress(push: PushHistory, now: datetime) -> dict[str, Any]:
    counts = count_chunks([push.pk]).get(push.pk, Counts())
    progress = read_progress(push, counts, now)
    return {
        "push": push,
        "counts": counts,
        "progress": progress,
        "outcome": describe_outcome(push, counts),
        "left": say_about(progress.seconds_left),
        "state": describe_state(push, counts, progress, now) if push.is_open else "",
        "seconds": seconds_of(push, now),
    }


def describe_facts(push: PushHistory) -> dict[str, Any]:
    error = None if push.is_open else last_error(push)
    return {
        "cancelled_by": who_cancelled(push),
        "is_discarded": is_discarded(push),
        "error": error,
        "words": explain(error.error_kind) if error else None,
        "not_accepted_count": left_over(push),
        "to_confirm_count": count_to_confirm(push.outlet_id),
        "following": push_after(push) if push.next_push_type else None,
    }


def describe_updates(request: HttpRequest, push: PushHistory) -> dict[str, Any]:
    """The largest updates that it came after, for who may see what they changed: these are what a push is held for."""
    if not request.user.has_perm("integration.view_outletproduct"):
        return {}
    largest = updates_before(push).order_by(-(F("created_count") + F("changed_count")), "-written_at", "-pk")
    return {"updates": [describe_update(update) for update in largest[:UPDATES_SHOWN]]}


def left_over(push: PushHistory) -> int:
    """Items that the shop has neither accepted nor refused: the next push takes them."""
    return max(push.item_count - push.accepted_count - push.rejected_count, 0)


def describe_list(request: HttpRequest, push: PushHistory, now: datetime) -> dict[str, Any]:
    """The refused items where there are some, or the requests: a page of either."""
    rejected = rejected_in(push, now)
    rejected_count = rejected.count()
    facts = {"rejected_count": rejected_count, "can_retry": bool(rejected_count or left_over(push))}
    shown = request.GET.get("list") or ("rejected" if rejected_count else "requests")
    number = request.GET.get("page")
    if shown == "rejected":
        page: Any = Paginator(rejected, PAGE_SIZE).get_page(number)
        return {"list": "rejected", "page": page, **facts}
    page = Paginator(chunks_of(push), PAGE_SIZE).get_page(number)
    return {"list": "requests", "page": page, "requests": [describe_chunk(chunk) for chunk in page], **facts}


def chunks_of(push: PushHistory) -> Any:
    attempts = PushAttempt.objects.defer("items", "request_excerpt", "response_excerpt").order_by("number")
    return PushChunk.objects.filter(push=push).prefetch_related(Prefetch("attempts", attempts))


def describe_chunk(chunk: PushChunk) -> dict[str, Any]:
    attempts = [describe_attempt(attempt) for attempt in chunk.attempts.all()]
    return {"chunk": chunk, "badge": chunk_state(chunk), "attempts": attempts}


def describe_attempt(attempt: PushAttempt) -> dict[str, Any]:
    spent = attempt.finished_at and (attempt.finished_at - attempt.started_at).total_seconds()
    words = explain(attempt.error_kind)
    return {"attempt": attempt, "badge": attempt_state(attempt), "seconds": spent, "words": words}


# --- acting ---------------------------------------------------------------------------------------------


@allow("integration.push_outlet")
@require_http_methods(["GET", "HEAD", "POST"])
def cancel(request: HttpRequest, push_id: int) -> HttpResponse:
    """Asks first, on a page of its own."""
    push = find_push(push_id)
    if request.method == "POST":
        cancel_push(push.pk, request.user.get_username(), timezone.now())
    elif push.is_open:
        return render(request, "integration/push_cancel.html", {"push": push})
    return redirect("push", push.pk)


@require_POST
@allow("integration.push_outlet")
def push_again(request: HttpRequest, push_id: int) -> HttpResponse:
    push = find_push(push_id)
    try:
        # What cannot be pushed is not released either. Not in one transaction: the push locks in another order.
        check_startable(push.outlet, timezone.now())
        may_release = request.user.has_perm("integration.change_rejecteditem")
        count = release_rejected(push, timezone.now()) if may_release else 0
        started = ring_outlet(push.outlet_id, user_id=request.user.pk)
    except CannotPush as exc:
        messages.error(request, say_why_not(push.outlet, exc))
        return redirect("push", push.pk)
    if started.push:
        messages.success(request, say_again(count))
    return follow(request, started) or redirect("push", push.pk)


def say_again(count: int) -> str:
    today = _("Today's prices and stock are sent, not those of then.")
    if not count:
        return today
    text = ngettext("%(count)s refused item is tried again.", "%(count)s refused items are tried again.", count)
    return f"{text % {'count': count}} {today}"


@allow("integration.view_pushhistory")
@require_safe
def download_rejected(request: HttpRequest, push_id: int) -> StreamingHttpResponse:
    push = find_push(push_id)
    response = StreamingHttpResponse(rejected_lines(push, timezone.now()), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="push-{push.pk}-rejected.csv"'
    return response


def rejected_lines(push: PushHistory, now: datetime) -> Iterator[str]:
    writer: Any = csv.writer(Line(), lineterminator="\n")
    yield writer.writerow(REJECTED_HEADER)
    for item in rejected_in(push, now).iterator(chunk_size=2000):
        product = item.outlet_product.product
        values = (f"{item.rejected_price:.2f}", item.rejected_stock_status, guard(item.reason))
        times = (written(item.first_rejected_at), written(item.last_rejected_at), item.rejection_count)
        yield writer.writerow((guard(product.sku), guard(product.name), *values, *times))


def written(at: datetime) -> str:
    return timezone.localtime(at).isoformat(" ", "seconds")


# --- looking into it ------------------------------------------------------------------------------------


@allow("integration.view_pushhistory")
@require_safe
def show_attempt(request: HttpRequest, push_id: int, attempt_id: int) -> HttpResponse:
    attempts = PushAttempt.objects.select_related("chunk__push__outlet")
    attempts = attempts.defer("chunk__push__outlet__api_key", "chunk__push__outlet__api_secret")
    attempt = get_object_or_404(attempts, pk=attempt_id, chunk__push=push_id)
    context = {
        **describe_attempt(attempt),
        "push": attempt.chunk.push,
        "curl": as_curl(attempt),
        "items": sent_items(attempt, ITEMS_SHOWN),
        "more_count": max(attempt.item_count - ITEMS_SHOWN, 0),
        "back": f"{reverse('push', args=[push_id])}?list=requests",
    }
    return render(request, "integration/attempt.html", context)
