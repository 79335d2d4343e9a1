"""Access tokens: one for each credential, asked for as rarely as possible, and never readable at rest."""

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.db import connection
from django.utils import timezone

from integration.models import AccessToken
from integration.platforms.answers import Answer
from integration.platforms.base import Endpoint, Outcome
from integration.platforms.contract import Contract
from integration.platforms.http import HttpPlatform
from integration.platforms.oauth import TokenError, read_token
from integration.platforms.presets import PRESETS
from integration.strict_shops.pasons_bulk import PasonsBulk
from integration.tokens import admit

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def bulk() -> Iterator[PasonsBulk]:
    with PasonsBulk() as shop:
        yield shop


def contract(**changes: Any) -> Contract:
    return PRESETS["pasons-bulk"].model_copy(
        update={"token_requests_per_minute": 6000, "timeout_seconds": 3, **changes}
    )


def endpoint(shop: PasonsBulk, store_id: str = "7", **more: str) -> Endpoint:
    keys = {"api_key": "key", "api_secret": "secret", **more}
    return Endpoint(shop.url, store_id, allow_private=True, **keys)


def test_all_outlets_of_a_credential_share_a_token(bulk: PasonsBulk) -> None:
    tokens = {admit(endpoint(bulk, str(number)), contract()).access_token for number in range(5)}
    assert (len(tokens), bulk.token_requests) == (1, 1)


def test_many_workers_at_once_ask_once(bulk: PasonsBulk) -> None:
    found: list[str] = []

    def ask() -> None:
        found.append(admit(endpoint(bulk), contract()).access_token)
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(found), len(set(found)), bulk.token_requests) == (8, 1, 1)


def test_a_token_is_renewed_shortly_before_it_expires(bulk: PasonsBulk) -> None:
    first = admit(endpoint(bulk), contract()).access_token
    renew_at = AccessToken.objects.get().renew_at
    assert renew_at is not None
    assert timedelta(minutes=58) < renew_at - timezone.now() <= timedelta(minutes=59)
    AccessToken.objects.update(renew_at=timezone.now())
    assert admit(endpoint(bulk), contract()).access_token != first


def test_a_token_that_the_shop_refused_is_replaced_by_one_worker(bulk: PasonsBulk) -> None:
    first = admit(endpoint(bulk), contract()).access_token
    second = admit(endpoint(bulk), contract(), instead_of=first).access_token
    assert admit(endpoint(bulk), contract(), instead_of=first).access_token == second
    assert bulk.token_requests == 2


def test_the_token_server_is_not_asked_more_often_than_it_allows(bulk: PasonsBulk) -> None:
    rare = contract(token_requests_per_minute=10)
    first = admit(endpoint(bulk), rare).access_token
    with pytest.raises(TokenError, match="the shop's limit is reached") as caught:
        admit(endpoint(bulk), rare.model_copy(update={"timeout_seconds": 0.3}), instead_of=first)
    assert (caught.value.result.outcome, bulk.token_requests) == (Outcome.RETRY, 1)


def test_wrong_credentials_are_said_without_the_secret(bulk: PasonsBulk) -> None:
    with pytest.raises(TokenError, match="no access token: ") as caught:
        admit(endpoint(bulk, api_secret="another-secret"), contract())
    assert caught.value.result.outcome is Outcome.CREDENTIALS
    assert "another-secret" not in str(caught.value)


def test_a_token_is_encrypted_at_rest(bulk: PasonsBulk) -> None:
    token = admit(endpoint(bulk), contract()).access_token
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM integration_accesstoken")
        stored = str(cursor.fetchall())
    assert token not in stored
    assert "key" not in stored
    assert AccessToken.objects.get().token == token


def test_a_token_server_that_is_not_there_is_tried_again_later() -> None:
    nowhere = Endpoint("http://127.0.0.1:9", "7", "key", "secret", allow_private=True)
    with pytest.raises(TokenError) as caught:
        admit(nowhere, contract())
    assert (caught.value.result.outcome, caught.value.result.error_kind) == (Outcome.RETRY, "connect")


def test_other_kinds_of_authentication_need_none(bulk: PasonsBulk) -> None:
    assert admit(endpoint(bulk), Contract()).access_token == ""
    assert not AccessToken.objects.exists()


@pytest.mark.parametrize("seconds", [10**12, 2**63 - 1])
def test_a_token_that_never_expires_is_renewed_every_day(bulk: PasonsBulk, seconds: Any) -> None:
    answer = Answer(200, json.dumps({"access_token": "t", "token_type": "Bearer", "expires_in": seconds}).encode())
    adapter = HttpPlatform(contract(), endpoint(bulk))
    assert read_token(answer, adapter).seconds == 86_400


@pytest.mark.parametrize("text", ["", "a\nb", "ä", 7, None])
def test_a_token_that_is_no_text_is_no_token(bulk: PasonsBulk, text: Any) -> None:
    answer = Answer(200, json.dumps({"access_token": text, "token_type": "Bearer"}).encode())
    with pytest.raises(TokenError):
        read_token(answer, HttpPlatform(contract(), endpoint(bulk)))


def test_a_token_under_a_lost_key_is_fetched_anew(bulk: PasonsBulk, settings: Any) -> None:
    first = admit(endpoint(bulk), contract()).access_token
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    assert admit(endpoint(bulk), contract()).access_token != first


def test_a_failure_of_the_past_is_no_answer(bulk: PasonsBulk) -> None:
    """Also where another worker's clock is ahead."""
    with pytest.raises(TokenError):
        admit(endpoint(bulk, api_secret="wrong"), contract())
    AccessToken.objects.update(failed_at=timezone.now() + timedelta(minutes=1))
    bulk.secret = "wrong"
    assert admit(endpoint(bulk, api_secret="wrong"), contract()).access_token
