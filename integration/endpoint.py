"""What holds for every JSON endpoint: who asks, by which method, in which form, for which outlet; how it is refused.

Errors are {"errors": {"field": ["why"]}}: 400 what was sent, 401 not signed in, 403 not allowed, 404 no such outlet,
405 another method, 411 no length, 413 too much, 415 another kind of content, 429 too often.
"""

import functools
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from integration import log_context
from integration.bearer import find_token, shown_token
from integration.forms import is_id
from integration.models import ApiToken, Outlet
from integration.request_limit import seconds_to_wait

WHOLE = "__all__"  # an error that is no single field's
JSON = "application/json"
BODY_LIMIT = 1 << 20  # bytes, of a request without rows
WRONG_TOKEN = "the token is not valid: it is misspelt, revoked or expired, or its person's account is closed"


class ApiRequest(HttpRequest):
    """What `endpoint` makes of a request; without a token it is a session's."""

    api_token: ApiToken | None


View = Callable[[ApiRequest, Any], HttpResponse]


class Refusal(Exception):
    """The request is not carried out, and this is the answer."""

    def __init__(self, status: int, message: str, field: str = WHOLE, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.field, self.headers = status, field, headers

    def answer(self) -> JsonResponse:
        return JsonResponse({"errors": {self.field: [str(self)]}}, status=self.status, headers=self.headers)


def read_data(request: HttpRequest) -> dict[str, Any]:
    """The query of a GET, or the JSON object that was sent."""
    return request.GET.dict() if request.method == "GET" else read_json(read_body(request, BODY_LIMIT))


def endpoint(
    method: str,
    permission: str = "",
    *,
    accepts: tuple[str, ...] = (JSON,),
    read: Callable[[HttpRequest], Any] = read_data,
) -> Callable[[View], Callable[[HttpRequest], HttpResponseBase]]:
    """Let in who may, and hand over what `read` makes of the request.

    A program shows its token, which no other site's page can do; a session has to show that the request is its own.
    """

    def decorate(view: View) -> Callable[[HttpRequest], HttpResponseBase]:
        def answer(request: ApiRequest) -> HttpResponse:
            if permission and not request.user.has_perm(permission):
                raise Refusal(403, "you may not do this: ask somebody who manages the outlets")
            if permission and request.api_token and not request.api_token.allows(permission):
                raise Refusal(403, "this token was made for less: ask for a new one")
            return view(request, read(request))

        answer_session = csrf_protect(answer)

        @login_not_required  # it answers for itself, in JSON
        @csrf_exempt
        @functools.wraps(view)
        def wrapped(request: ApiRequest) -> HttpResponseBase:
            try:
                require_method(request, method)
                is_program = identify(request)
                require_type(request, accepts)
                return answer(request) if is_program else answer_session(request)
            except Refusal as exc:
                return exc.answer()

        return wrapped  # type: ignore[return-value]

    return decorate


# --- who asks -------------------------------------------------------------------------------------------


def identify(request: ApiRequest) -> bool:
    """True for a program, which acts as its token's person, whoever else the request's session may know."""
    shown, now, challenge = shown_token(request), timezone.now(), {"WWW-Authenticate": "Bearer"}
    request.api_token = find_token(shown, now) if shown is not None else None
    if request.api_token is None:
        if shown is not None:
            raise Refusal(401, WRONG_TOKEN, headers=challenge)
        if not request.user.is_authenticated:
            raise Refusal(401, "sign in first", headers=challenge)
        return False
    request.user = request.api_token.user
    log_context.bind(user_id=request.user.pk)
    if wait := seconds_to_wait(request.api_token.pk, now):
        message = f"this token asks too often: try again in {wait} seconds"
        raise Refusal(429, message, headers={"Retry-After": str(wait)})
    return True


def find_outlet(request: ApiRequest, data: dict[str, Any]) -> Outlet:
    """The outlet by its id, without its secrets: they are read when they are needed."""
    outlet_id = str(data.get("outlet", ""))
    outlets = Outlet.objects.defer("api_key", "api_secret")
    outlet = outlets.filter(pk=outlet_id).first() if is_id(outlet_id) else None
    if outlet is None:
        raise no_outlet()
    require_scope(request, outlet.pk)
    return outlet


def no_outlet(field: str = "outlet") -> Refusal:
    return Refusal(404, "there is no such outlet", field)


def require_scope(request: ApiRequest, outlet_id: int) -> None:
    if request.api_token and not request.api_token.covers(outlet_id):
        raise Refusal(403, "this token is for other outlets", "outlet")


# --- what is sent ---------------------------------------------------------------------------------------


def require_method(request: HttpRequest, method: str) -> None:
    if request.method != method:
        raise Refusal(405, f"only {method} is answered here", headers={"Allow": method})


def require_type(request: HttpRequest, accepted: tuple[str, ...]) -> None:
    if request.content_type and request.method == "POST" and request.content_type not in accepted:
        raise Refusal(415, f"send it with the header Content-Type: {' or '.join(accepted)}")


def read_body(request: HttpRequest, limit: int) -> bytes:
    """Nothing is read of a body that is too large."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    if "Transfer-Encoding" in request.headers and length == "0":
        raise Refusal(411, "send the body in one piece, with its Content-Length")
    if not length.isdigit() or int(length) > limit:
        raise Refusal(413, f"at most {limit:,} bytes a request: send it in several requests")
    return request.read()


def read_json(body: bytes) -> dict[str, Any]:
    """Numbers are read exactly."""
    try:
        data = json.loads(body, parse_float=Decimal, parse_constant=refuse_constant)
    except (ValueError, ArithmeticError, RecursionError) as exc:
        raise Refusal(400, "a JSON object is needed") from exc
    if not isinstance(data, dict):
        raise Refusal(400, "a JSON object is needed")
    return data


def refuse_constant(name: str) -> None:
    raise ValueError(f"JSON knows no {name}")
