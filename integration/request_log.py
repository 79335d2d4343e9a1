"""Gives each request an id, which goes with it into every log line and every task, and back to who asked."""

import logging
import time
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse

from integration import log_context

logger = logging.getLogger(__name__)
HEADER = "X-Request-ID"


class RequestLog:
    """Middleware. An id that a proxy has given is kept if it is sane."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = log_context.sane_request_id(request.headers.get(HEADER, ""))
        began_at = time.monotonic()
        with log_context.bound(request_id=request_id):
            response = self.get_response(request)
            response[HEADER] = request_id
            logger.info("request answered", extra=facts_of(request, response, began_at))
        return response

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> None:
        """Only now is it known who asks."""
        if request.user.is_authenticated:
            log_context.bind(user_id=request.user.pk)


def facts_of(request: HttpRequest, response: HttpResponse, began_at: float) -> dict[str, Any]:
    """Never the query: what people search for is theirs."""
    elapsed_ms = round((time.monotonic() - began_at) * 1000)
    return {"method": request.method, "path": request.path, "status": response.status_code, "elapsed_ms": elapsed_ms}
