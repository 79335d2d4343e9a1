"""Shops that give out tokens for client credentials (OAuth 2)."""

import time
import uuid
from typing import Any
from urllib.parse import parse_qsl

from integration.strict_shops.base import StrictShop
from integration.strict_shops.wire import Answer, Refusal, Request


class TokenShop(StrictShop):
    """The credentials stand in the form, or in a Basic header where `client_in_header`."""

    token_path = "/oauth/token"
    token_seconds = 3600.0
    tokens_per_minute: int | None = None
    token_scope: str | None = None
    client_in_header = False

    def handle(self, request: Request) -> Answer:
        if not self.is_token_request(request):
            return super().handle(request)
        with self.lock:
            self.token_requests += 1
        return super().handle(request)

    def is_token_request(self, request: Request) -> bool:
        return request.path == self.token_path

    def is_allowed(self, request: Request) -> bool:
        return self.tokens.get(self.bearer(request), 0.0) > time.monotonic()

    def give_token(self, request: Request) -> Answer:
        self.require_method(request, "POST")
        self.spend("tokens", 1, self.tokens_per_minute)
        self.check_form(request, self.read_form(request))
        token = self.make_token()
        self.tokens[token] = time.monotonic() + self.token_seconds
        return Answer(200, self.token_answer(token), {"Cache-Control": "no-store"})

    def make_token(self) -> str:
        return uuid.uuid4().hex

    def token_answer(self, token: str) -> dict[str, Any]:
        return {"token_type": "Bearer", "expires_in": int(self.token_seconds), "access_token": token}

    def read_form(self, request: Request) -> dict[str, str]:
        if request.content_type != "application/x-www-form-urlencoded":
            raise token_error(415, "invalid_request", "Content-Type must be application/x-www-form-urlencoded")
        pairs = parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True)
        known = {"grant_type", "client_id", "client_secret", "scope"}
        if {name for name, _ in pairs} - known or len(dict(pairs)) < len(pairs):
            raise token_error(400, "invalid_request", "an unknown or a repeated field")
        return dict(pairs)

    def check_form(self, request: Request, form: dict[str, str]) -> None:
        if not self.is_client(request, form):
            raise token_error(401, "invalid_client", "client authentication failed")
        if form.get("grant_type") != "client_credentials":
            raise token_error(400, "unsupported_grant_type", "grant_type must be client_credentials")
        if set(form.get("scope", "").split()) != set((self.token_scope or "").split()):
            raise token_error(400, "invalid_scope", f"scope must be {self.token_scope!r}")

    def is_client(self, request: Request, form: dict[str, str]) -> bool:
        if self.client_in_header:
            return self.is_basic(request) and not {"client_id", "client_secret"} & form.keys()
        return (form.get("client_id"), form.get("client_secret")) == (self.key, self.secret)


def token_error(status: int, error: str, description: str) -> Refusal:
    return Refusal(status, description, content={"error": error, "error_description": description})
