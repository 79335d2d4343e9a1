"""For load balancers and orchestrators: whether the process answers, and whether it can do its work."""

from collections.abc import Callable

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import resolve
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from integration.backing import broker_problem, database_problem

PREFIX = "/health/"


@login_not_required
@require_safe
@never_cache
def live(request: HttpRequest) -> JsonResponse:
    """The process answers. Nothing else is asked: what is down elsewhere is no reason to restart this process."""
    return JsonResponse({"status": "live"})


@login_not_required
@require_safe
@never_cache
def ready(request: HttpRequest) -> JsonResponse:
    """Database and broker answer and the migrations are applied; or 503 with what is not so."""
    found = {"database": database_problem(), "broker": broker_problem()}
    problems = {name: problem for name, problem in found.items() if problem}
    if problems:
        return JsonResponse({"status": "not ready", "problems": problems}, status=503)
    return JsonResponse({"status": "ready"})


def answer_probes(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Stands before all other middleware: who probes knows neither the host's name nor HTTPS, and has no session."""

    def answer(request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith(PREFIX):
            return get_response(request)
        match = resolve(request.path_info)
        return match.func(request, *match.args, **match.kwargs)

    return answer
