"""To be built: api_settings."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from integration.pages.shell import allow


@allow("integration.view_outlet")
def add_outlet(request: HttpRequest) -> HttpResponse:
    return render(request, "shop_integration.html")


@allow("integration.view_outlet")
def edit(request: HttpRequest) -> HttpResponse:
    return render(request, "shop_integration.html")


@allow("integration.view_outlet")
def test_connection(request: HttpRequest) -> HttpResponse:
    return render(request, "shop_integration.html")
