"""Who has guessed too often has to wait before the next guess, at the pages' sign-in and at the admin's.

1. A try is counted before the password is looked at: guesses at the same moment are not let through together.
2. Whoever has to wait is told the same, and as fast, whether there is such a name or not: no password is looked at.
3. What is counted is a name at an address: nobody keeps a colleague at another address out.
"""

import hashlib
import ipaddress
import logging
import unicodedata
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import ValidationError
from django.db.models import F
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import ngettext

from integration.models import SignInTries

logger = logging.getLogger(__name__)

LIMIT = 10  # tries that fail
SPAN = timedelta(minutes=15)
IPV6_PREFIX = 64  # what one household or server gets


def count_try(digest: str, now: datetime) -> timedelta | None:
    """None, and the try is counted; or how long to wait."""
    SignInTries.objects.get_or_create(digest=digest, defaults={"since": now})
    mine = SignInTries.objects.filter(digest=digest)
    mine.filter(since__lte=now - SPAN).update(count=0, since=now)
    if mine.filter(count__lt=LIMIT).update(count=F("count") + 1):
        return None
    since = mine.values_list("since", flat=True).first()
    return since + SPAN - now if since else None


def forget_tries(digest: str) -> None:
    SignInTries.objects.filter(digest=digest).delete()


def prune_tries(now: datetime) -> None:
    SignInTries.objects.filter(since__lte=now - SPAN).delete()


def digest_of(name: str, address: str) -> str:
    """Names that look the same are counted together."""
    alike = unicodedata.normalize("NFKC", name).casefold().strip()
    return hashlib.sha256(f"{alike}\0{address}".encode("utf-8", "replace")).hexdigest()


def address_of(request: HttpRequest | None) -> str:
    """Of who asks; behind a proxy, what the proxy has added last."""
    if request is None:
        return ""
    seen = request.META.get("REMOTE_ADDR", "")
    if settings.HTTPS:
        seen = request.headers.get("X-Forwarded-For", seen).rpartition(",")[2].strip()
    try:
        address = ipaddress.ip_address(seen)
    except ValueError:
        return str(seen)[:100]
    is_long = address.version == 6
    return str(ipaddress.ip_network((address, IPV6_PREFIX), strict=False)) if is_long else str(address)


class Limited:
    """Beside a form of Django's that signs in."""

    request: HttpRequest | None
    cleaned_data: dict[str, Any]

    def clean(self) -> dict[str, Any]:
        name, password = (self.cleaned_data.get(field) or "" for field in ("username", "password"))
        digest = digest_of(name, address_of(self.request))
        if name and password and (wait := count_try(digest, timezone.now())):
            logger.warning("a sign-in has to wait: too many have failed")
            raise too_many(wait)
        cleaned: dict[str, Any] = super().clean()  # type: ignore[misc]
        forget_tries(digest)
        return cleaned


def too_many(wait: timedelta) -> ValidationError:
    n = max(1, -(-wait // timedelta(minutes=1)))
    text = ngettext(
        "Signing in has failed too often. Try again in a minute.",
        "Signing in has failed too often. Try again in %(n)d minutes.",
        n,
    )
    return ValidationError(text, code="too_many", params={"n": n})


class SignInForm(Limited, AuthenticationForm):
    """Of the pages."""


class AdminSignInForm(Limited, AdminAuthenticationForm):
    """Of the admin."""
