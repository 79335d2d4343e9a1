"""Who a program acts as: the person whose token it shows."""

from datetime import datetime, timedelta

from django.db.models import Q
from django.http import HttpRequest

from integration.models import ApiToken, digest_of

SCHEME = "bearer"
USE_STEP = timedelta(minutes=1)  # the last use is written down this exactly


def shown_token(request: HttpRequest) -> str | None:
    """None where no token is shown at all; another scheme is not ours, a proxy may use it."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == SCHEME else None


def find_token(token: str, now: datetime) -> ApiToken | None:
    """None if the token is unknown, revoked or expired, or its person's account is closed."""
    holds = Q(expires_at__isnull=True) | Q(expires_at__gt=now)
    rows = ApiToken.objects.filter(holds, digest=digest_of(token), revoked_at__isnull=True, user__is_active=True)
    row = rows.select_related("user").first()
    if row is None:
        return None
    if row.last_used_at is None or row.last_used_at <= now - USE_STEP:
        old = Q(last_used_at__isnull=True) | Q(last_used_at__lte=now - USE_STEP)
        ApiToken.objects.filter(old, pk=row.pk).update(last_used_at=now)
    return row
