"""To be built: tokens."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from integration.pages.shell import allow


@allow("integration.view_apitoken")
def list_tokens(request: HttpRequest) -> HttpResponse:
    return render(request, "shop_integration.html")


@allow("integration.view_apitoken")
def revoke(request: HttpRequest, token_id: int) -> HttpResponse:
    return render(request, "shop_integration.html")
