"""To be built: contract."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from integration.pages.shell import allow


@allow("integration.view_contractversion")
def edit(request: HttpRequest) -> HttpResponse:
    return render(request, "shop_integration.html")


@allow("integration.view_contractversion")
def preview(request: HttpRequest) -> HttpResponse:
    return render(request, "shop_integration.html")


@allow("integration.view_contractversion")
def show_version(request: HttpRequest, version_id: int) -> HttpResponse:
    return render(request, "shop_integration.html")


@allow("integration.view_contractversion")
def restore(request: HttpRequest, version_id: int) -> HttpResponse:
    return render(request, "shop_integration.html")
