"""Errors to Sentry, where SENTRY_DSN names one: what broke and where, without what people, shops or settings say."""

import re
from collections.abc import Callable
from typing import Any

import sentry_sdk
from sentry_sdk.integrations.celery import CeleryIntegration
from sentry_sdk.integrations.django import DjangoIntegration
from sentry_sdk.types import Event, Hint

from integration.log_context import IDS

HIDDEN = "[hidden]"
# Tokens for programs, Fernet's ciphertext, whoever stands in an address, whatever its query says.
SECRETS = re.compile(
    r"push_[A-Za-z0-9_-]{16,}|gAAAA[A-Za-z0-9_=-]{16,}|(?<=://)[^/\s@]+(?=@)|(?<=[Bb]earer )\S+"
    r"|(?<=[?&])[^=\s&]+=[^&\s'\"]+"
)
REQUEST_KEPT = ("method", "url")  # no headers, cookies, query or body


def report_errors(dsn: str, own_secrets: list[str]) -> None:
    """Without an address nothing leaves the web server and the workers."""
    if not dsn:
        return
    sentry_sdk.init(
        dsn=dsn,
        send_default_pii=False,
        include_local_variables=False,
        max_request_body_size="never",
        max_breadcrumbs=0,  # they hold the addresses of shops
        auto_enabling_integrations=False,
        integrations=[DjangoIntegration(), CeleryIntegration()],
        before_send=scrubber(own_secrets),
    )


def scrubber(own_secrets: list[str]) -> Callable[[Event, Hint], Event]:
    """Hides what is known as a secret, wherever it stands in a report."""
    known = [secret for secret in own_secrets if len(secret) > 5]

    def hide(text: str) -> str:
        for secret in known:
            text = text.replace(secret, HIDDEN)
        return SECRETS.sub(HIDDEN, text)

    def clean(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: clean(each) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [clean(each) for each in value]
        return hide(value) if isinstance(value, str) else value

    def scrub(event: Event, hint: Hint) -> Event:
        request = event.pop("request", None) or {}
        event["request"] = {name: request[name] for name in REQUEST_KEPT if name in request}
        event.get("extra", {}).pop("sys.argv", None)
        event["tags"] = {**event.get("tags", {}), **{name: str(value) for name, value in IDS.get().items()}}
        cleaned: Event = clean(event)
        return cleaned

    return scrub
