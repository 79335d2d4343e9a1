"""To be built: product_update."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from integration.pages.shell import allow


@allow("integration.view_productupload")
def list_uploads(request: HttpRequest) -> HttpResponse:
    return render(request, "shop_integration.html")


@allow("integration.view_productupload")
def show(request: HttpRequest, upload_id: int) -> HttpResponse:
    return render(request, "shop_integration.html")


@allow("integration.view_productupload")
def apply(request: HttpRequest, upload_id: int) -> HttpResponse:
    return render(request, "shop_integration.html")


@allow("integration.view_productupload")
def discard(request: HttpRequest, upload_id: int) -> HttpResponse:
    return render(request, "shop_integration.html")


@allow("integration.view_productupload")
def undo(request: HttpRequest, upload_id: int) -> HttpResponse:
    return render(request, "shop_integration.html")


@allow("integration.view_productupload")
def bad_rows(request: HttpRequest, upload_id: int) -> HttpResponse:
    return render(request, "shop_integration.html")
