"""To be built: timeline."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from integration.pages.shell import allow


@allow("integration.view_outlet")
def list_changes(request: HttpRequest) -> HttpResponse:
    return render(request, "shop_integration.html")
