"""To be built: rejected_items."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from integration.pages.shell import allow


@allow("integration.view_rejecteditem")
def list_items(request: HttpRequest) -> HttpResponse:
    return render(request, "shop_integration.html")


@allow("integration.view_rejecteditem")
def release(request: HttpRequest) -> HttpResponse:
    return render(request, "shop_integration.html")


@allow("integration.view_rejecteditem")
def download(request: HttpRequest) -> HttpResponse:
    return render(request, "shop_integration.html")
