"""Access tokens: one for each credential, fetched by one worker while the others wait, kept encrypted."""

import dataclasses
import hashlib
import time
from datetime import timedelta

from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from integration.encryption import WrongEncryptionKey
from integration.models import AccessToken
from integration.platforms.base import Endpoint, Outcome, SendResult
from integration.platforms.contract import Contract
from integration.platforms.oauth import Token, TokenError, failure, fetch_token, token_url
from integration.platforms.transport import DEADLINE

LONGEST_MARGIN = 60.0  # seconds before its end that a token is renewed, or a tenth of its life
STEP = 0.2  # seconds between two looks


def admit(endpoint: Endpoint, contract: Contract, *, instead_of: str = "") -> Endpoint:
    """The endpoint with an access token, where the contract asks for one; TokenError if there is none.

    `instead_of` is a token that the shop has refused: another one is fetched, if no other worker has done so.
    """
    if contract.auth != "oauth2":
        return endpoint
    return dataclasses.replace(endpoint, access_token=find_token(endpoint, contract, instead_of))


def find_token(endpoint: Endpoint, contract: Contract, refused: str) -> str:
    row = find_row(credential(endpoint, contract))
    failed_before, ends_at = row.failed_at, min(time.monotonic() + contract.timeout_seconds, DEADLINE.get())
    while time.monotonic() < ends_at:
        row.refresh_from_db()
        if row.token and row.token != refused and row.renew_at and row.renew_at > timezone.now():
            return row.token
        if row.failed_at and row.failed_at != failed_before:
            raise TokenError(SendResult(**row.failure | {"outcome": Outcome(row.failure["outcome"])}))
        if claim(row, contract):
            return fetch(row, endpoint, contract)
        time.sleep(STEP)
    raise TokenError(failure(Outcome.RETRY, "token", "another worker is asking for it, or the shop's limit is reached"))


def find_row(name: str) -> AccessToken:
    """One that was encrypted with a key that is lost gives way: a token can be had again."""
    try:
        return AccessToken.objects.get_or_create(credential=name)[0]
    except WrongEncryptionKey:
        AccessToken.objects.filter(credential=name).update(token="", renew_at=None)
        return AccessToken.objects.get(credential=name)


def credential(endpoint: Endpoint, contract: Contract) -> str:
    """Whom the token is for. Not to be read back from its name."""
    parts = (str(token_url(contract, endpoint)), endpoint.api_key, endpoint.api_secret, contract.token_scope)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def claim(row: AccessToken, contract: Contract) -> bool:
    """The right to ask the token server, never more often than it allows, and not if another worker has changed the
    row since it was read."""
    gap = timedelta(seconds=60 / contract.token_requests_per_minute)
    free = Q(fetching_until__isnull=True) | Q(fetching_until__lt=Now())
    rested = Q(requested_at__isnull=True) | Q(requested_at__lt=Now() - gap)
    until = Now() + timedelta(seconds=contract.timeout_seconds + 5)
    mine = AccessToken.objects.filter(free, rested, pk=row.pk, change_count=row.change_count)
    return bool(mine.update(fetching_until=until, requested_at=Now(), change_count=F("change_count") + 1))


def fetch(row: AccessToken, endpoint: Endpoint, contract: Contract) -> str:
    try:
        token = fetch_token(contract, endpoint)
    except TokenError as exc:
        keep(row, failed_at=timezone.now(), failure=as_json(exc.result))
        raise
    except Exception:
        keep(row)  # the others need not wait for what will not come
        raise
    keep(row, token=token.text, renew_at=timezone.now() + timedelta(seconds=usable_seconds(token)))
    return token.text


def keep(row: AccessToken, **values: object) -> None:
    AccessToken.objects.filter(pk=row.pk).update(fetching_until=None, change_count=F("change_count") + 1, **values)


def usable_seconds(token: Token) -> float:
    return token.seconds - min(LONGEST_MARGIN, token.seconds / 10)


def as_json(result: SendResult) -> dict[str, object]:
    names = ("outcome", "error_kind", "message", "status_code", "retry_after")
    return {name: getattr(result, name) for name in names}


def forget_tokens() -> int:
    """They are fetched anew when they are needed."""
    return AccessToken.objects.all().delete()[0]
