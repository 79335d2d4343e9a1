"""What the shops refuse: by reason, item by item, released, downloaded."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from integration.models import RejectedItem
from integration.obstacles import CannotPush
from integration.pages.item_state import row_of
from integration.pages.rejected_filters import RejectedFilter
from integration.pages.shell import allow
from integration.rejections import csv_lines, group_items, in_group, release_items
from tasks.push import ring_outlet

PER_PAGE = 50
PUSHED_AT_ONCE = 50  # outlets; the others wait for their schedule
NARROWING = ("q", "outlet", "held")


def filtered(given: QueryDict) -> RejectedFilter:
    items = RejectedItem.objects.select_related("outlet_product__outlet", "outlet_product__product")
    items = items.defer("outlet_product__outlet__api_key", "outlet_product__outlet__api_secret")
    return RejectedFilter(given, queryset=items.order_by("-last_rejected_at", "-pk"))


@require_safe
@allow("integration.view_rejecteditem")
def list_items(request: HttpRequest) -> HttpResponse:
    """The groups; with ?group=, the items of one."""
    found = filtered(request.GET)
    items = found.qs if found.is_valid() else RejectedItem.objects.none()
    key = request.GET.get("group", "")
    groups = group_items(items)
    group = next((one for one in groups if one.key == key), None)
    context: dict[str, Any] = {
        "form": found.form,
        "groups": groups,
        "group": group,
        "narrowing": narrowing(request.GET),
    }
    context["total"] = sum(one.count for one in groups)
    context["is_narrowed"] = bool(context["narrowing"])
    if group:
        page = Paginator(in_group(items, key), PER_PAGE).get_page(request.GET.get("page"))
        context |= {"page": page, "rows": [(item, row_of(item.outlet_product)) for item in page]}
    elif key:
        messages.info(request, _("No item is refused for this reason any more."))
    return render(request, "integration/rejected_items.html", context)


def narrowing(given: QueryDict) -> str:
    """The filters as a query string, to come back to the same list."""
    kept = QueryDict(mutable=True)
    for name in NARROWING:
        if value := given.get(name):
            kept[name] = value
    return kept.urlencode()


def back_to_group(given: QueryDict) -> str:
    kept = QueryDict(narrowing(given), mutable=True)
    kept["group"] = given.get("group", "")
    return kept.urlencode()


@require_POST
@allow("integration.change_rejecteditem")
def release(request: HttpRequest) -> HttpResponse:
    """The checked items, or the whole group, are sent again by the next push, which may be started at once."""
    if "all" not in request.POST and not request.POST.getlist("item"):
        messages.error(request, _("Check the items to release first."))
        return redirect(f"{reverse('rejected_items')}?{back_to_group(request.POST)}".rstrip("?"))
    count, outlet_ids = release_items(asked_for(request.POST))
    if count:
        text = ngettext(
            "%(count)d item is sent again by the next push.", "%(count)d items are sent again by the next push.", count
        )
        messages.success(request, text % {"count": count})
    else:
        messages.info(request, _("None of these items was held back; the next push tries them anyway."))
    if "push" in request.POST and request.user.has_perm("integration.push_outlet"):
        push_outlets(request, outlet_ids)
    return redirect(f"{reverse('rejected_items')}?{narrowing(request.POST)}".rstrip("?"))


def asked_for(given: QueryDict) -> QuerySet[RejectedItem]:
    if "all" not in given:
        ids = [int(text) for text in given.getlist("item")[:PER_PAGE] if text.isdecimal() and len(text) < 19]
        return RejectedItem.objects.filter(pk__in=ids)
    found = filtered(given)
    return in_group(found.qs, given.get("group", "")) if found.is_valid() else RejectedItem.objects.none()


def push_outlets(request: HttpRequest, outlet_ids: list[int]) -> None:
    started = 0
    for outlet_id in outlet_ids[:PUSHED_AT_ONCE]:
        try:
            started += ring_outlet(outlet_id, user_id=request.user.pk).push is not None
        except CannotPush as exc:
            messages.error(request, str(exc))
    if started:
        text = ngettext("%(count)d outlet is being pushed.", "%(count)d outlets are being pushed.", started)
        messages.success(request, text % {"count": started})
    if len(outlet_ids) > PUSHED_AT_ONCE:
        messages.info(request, _("The other outlets are pushed by the schedule."))


@require_safe
@allow("integration.view_rejecteditem")
def download(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """What the list shows, as CSV: of one group or of all."""
    found = filtered(request.GET)
    if not found.is_valid():
        return redirect("rejected_items")
    key = request.GET.get("group", "")
    items = in_group(found.qs, key) if key else found.qs
    name = f"rejected-items-{timezone.localdate():%Y-%m-%d}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingHttpResponse(csv_lines(items), content_type="text/csv; charset=utf-8", headers=headers)
