"""To be built: schedule."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from integration.pages.shell import allow


@allow("integration.view_outlet")
def show(request: HttpRequest) -> HttpResponse:
    return render(request, "shop_integration.html")


@allow("integration.view_outlet")
def pause(request: HttpRequest) -> HttpResponse:
    return render(request, "shop_integration.html")


@allow("integration.view_outlet")
def resume(request: HttpRequest) -> HttpResponse:
    return render(request, "shop_integration.html")
