"""Product update: a person uploads a product file, looks at what it would do, applies it, and may take it back."""

import csv
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from integration.bad_rows import bad_lines
from integration.export_feed import Line
from integration.models import Outlet, ProductUpload
from integration.pages.product_update_forms import UploadForm
from integration.pages.shell import NOTHING_MORE, HtmxRequest, allow
from integration.product_upload import (
    CannotUndo,
    apply_upload,
    can_undo,
    discard_upload,
    find_push,
    find_undo,
    receive_upload,
    undo_upload,
    uploads,
)
from integration.upload_findings import BIG_MOVE, MANY_OUT
from integration.upload_limit import is_too_large
from tasks.uploads import ring_upload

PAGE_SIZE = 25
SHOWN_ROWS = 50
RIGHTS = ("integration.add_productupload", "integration.change_outletproduct")


def may_upload(request: HttpRequest) -> bool:
    return request.user.has_perms(RIGHTS)


@require_http_methods(["GET", "HEAD", "POST"])
@allow("integration.view_productupload")
def list_uploads(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        return receive(request)
    form = UploadForm(initial={"outlet": outlet_id_of(request)})
    return show_list(request, form)


def receive(request: HttpRequest) -> HttpResponse:
    if not may_upload(request):
        raise PermissionDenied
    form = UploadForm(request.POST, request.FILES)
    if is_too_large(request):
        form.refuse_file()
    if not form.is_valid():
        return show_list(request, form)
    file = form.cleaned_data["file"]
    outlet: Outlet = form.cleaned_data["outlet"]
    upload = receive_upload(outlet, file.name, file.chunks(), timezone.now(), request.user.pk)
    ring_upload(upload.pk)
    return redirect("upload", upload.pk)


def show_list(request: HttpRequest, form: UploadForm) -> HttpResponse:
    rows = uploads().defer("content", "findings", "outlet__api_key", "outlet__api_secret")
    if outlet_id := outlet_id_of(request):
        rows = rows.filter(outlet=outlet_id)
    context = {
        "form": form,
        "page": Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page")),
        "is_filtered": bool(outlet_id),
        "may_upload": may_upload(request),
    }
    return render(request, "integration/product_update.html", context)


def outlet_id_of(request: HttpRequest) -> int | None:
    asked = request.GET.get("outlet", "")
    return int(asked) if asked.isdecimal() and len(asked) < 19 else None


@require_safe
@allow("integration.view_productupload")
@vary_on_headers("HX-Request")
def show(request: HtmxRequest, upload_id: int) -> HttpResponse:
    upload = get_object_or_404(uploads(), pk=upload_id)
    context = {"upload": upload, "may_upload": may_upload(request), **facts_of(upload)}
    if not request.htmx:
        return render(request, "integration/upload.html", context)
    status = 200 if upload.is_open else NOTHING_MORE
    return render(request, "integration/upload_state.html", context, status=status)


def facts_of(upload: ProductUpload) -> dict[str, Any]:
    """What the page says beyond the row: nothing while a worker has it, since the page asks every second."""
    if upload.is_open:
        return {}
    found = upload.findings
    written_count = upload.created_count + upload.changed_count if upload.applied_at else 0
    return {
        "bad_rows": found.get("bad_rows", [])[:SHOWN_ROWS],
        "repeated_rows": found.get("repeated_rows", [])[:SHOWN_ROWS],
        "written_count": written_count,
        "is_other_than_preview": written_count != found.get("created", 0) + found.get("changed", 0),
        "undo": find_undo(upload),
        "can_undo": can_undo(upload),
        "push": find_push(upload) if written_count and upload.outlet.push_after_update else None,
        "big_move": BIG_MOVE,
        "many_out": MANY_OUT,
    }


@require_POST
@allow("integration.view_productupload")
@allow("integration.add_productupload")
@allow("integration.change_outletproduct")
def apply(request: HttpRequest, upload_id: int) -> HttpResponse:
    get_object_or_404(uploads(), pk=upload_id)
    if apply_upload(upload_id, timezone.now(), request.user.pk):
        ring_upload(upload_id)
    else:
        messages.warning(request, _("This file is applied already, or cannot be applied any more."))
    return redirect("upload", upload_id)


@require_POST
@allow("integration.view_productupload")
@allow("integration.add_productupload")
@allow("integration.change_outletproduct")
def discard(request: HttpRequest, upload_id: int) -> HttpResponse:
    upload = get_object_or_404(uploads(), pk=upload_id)
    if not discard_upload(upload_id, timezone.now()):
        messages.warning(request, _("This file cannot be discarded any more."))
        return redirect("upload", upload_id)
    messages.success(request, _("%(file)s is discarded. Nothing was changed.") % {"file": upload.file_name})
    return redirect("product_update")


@require_POST
@allow("integration.view_productupload")
@allow("integration.add_productupload")
@allow("integration.change_outletproduct")
def undo(request: HttpRequest, upload_id: int) -> HttpResponse:
    get_object_or_404(uploads(), pk=upload_id)
    try:
        taking_back = undo_upload(upload_id, timezone.now(), request.user.pk)
    except CannotUndo:
        messages.warning(request, _("There is nothing that can be taken back, or it is being taken back already."))
        return redirect("upload", upload_id)
    ring_upload(taking_back.pk)
    return redirect("upload", taking_back.pk)


@require_safe
@allow("integration.view_productupload")
def bad_rows(request: HttpRequest, upload_id: int) -> StreamingHttpResponse:
    upload = get_object_or_404(uploads(), pk=upload_id)
    writer = csv.writer(Line(), lineterminator="\n")
    lines = (writer.writerow(line) for line in bad_lines(upload))
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = content_disposition_header(True, f"bad-rows-{upload_id}.csv")
    return response
