"""To be built: products."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from integration.pages.shell import allow


@allow("integration.view_outletproduct")
def search(request: HttpRequest) -> HttpResponse:
    return render(request, "shop_integration.html")


@allow("integration.view_outletproduct")
def show(request: HttpRequest, product_id: int) -> HttpResponse:
    return render(request, "shop_integration.html")
