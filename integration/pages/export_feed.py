"""To be built: export_feed."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from integration.pages.shell import allow


@allow("integration.view_outletproduct")
def show(request: HttpRequest) -> HttpResponse:
    return render(request, "shop_integration.html")


@allow("integration.view_outletproduct")
def download(request: HttpRequest) -> HttpResponse:
    return render(request, "shop_integration.html")
