"""To be built: push_list."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from integration.pages.shell import allow


@allow("integration.view_pushhistory")
def list_pushes(request: HttpRequest) -> HttpResponse:
    return render(request, "shop_integration.html")
