"""To be built: push."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from integration.pages.shell import allow


@allow("integration.view_pushhistory")
def start(request: HttpRequest, outlet_id: int) -> HttpResponse:
    return render(request, "shop_integration.html")


@allow("integration.view_pushhistory")
def show(request: HttpRequest, push_id: int) -> HttpResponse:
    return render(request, "shop_integration.html")


@allow("integration.view_pushhistory")
def cancel(request: HttpRequest, push_id: int) -> HttpResponse:
    return render(request, "shop_integration.html")


@allow("integration.view_pushhistory")
def push_again(request: HttpRequest, push_id: int) -> HttpResponse:
    return render(request, "shop_integration.html")


@allow("integration.view_pushhistory")
def download_rejected(request: HttpRequest, push_id: int) -> HttpResponse:
    return render(request, "shop_integration.html")


@allow("integration.view_pushhistory")
def show_attempt(request: HttpRequest, push_id: int, attempt_id: int) -> HttpResponse:
    return render(request, "shop_integration.html")
