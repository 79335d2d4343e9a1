"""To be built: outlets."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from integration.pages.shell import allow


@allow("integration.view_outlet")
def list_outlets(request: HttpRequest) -> HttpResponse:
    return render(request, "shop_integration.html")


@allow("integration.view_outlet")
def act_on_outlets(request: HttpRequest) -> HttpResponse:
    return render(request, "shop_integration.html")
