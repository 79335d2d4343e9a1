"""Programs that show a token: they act as its person, and as nobody else."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.utils import timezone

from integration.models import ApiToken, Outlet, PushHistory, make_token
from tests.conftest import NOW, stock
from tests.people import ROLES, make_person, restore_migrated_rows, signed_in

pytestmark = pytest.mark.django_db
SAVE, TEST, PUSH, HISTORY = (
    "/api/outlet-api-settings/",
    "/api/test-api-connection/",
    "/api/push-to-ecommerce/",
    "/api/push-history/",
)
INVALID = "the token is not valid: it is misspelt, revoked or expired, or its person's account is closed"


@pytest.fixture(autouse=True)
def ground(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    restore_migrated_rows()
    monkeypatch.setattr("tasks.push.ring", lambda rings: None)


def token_of(role: str) -> str:
    user = get_user_model().objects.get(username=make_person(role))
    return make_token("till", user.pk, None, timezone.now())[1]


def call(url: str, token: str, client: Client | None = None, **data: Any) -> tuple[int, Any]:
    client = client or Client(enforce_csrf_checks=True)
    headers = {"Authorization": f"Bearer {token}"}
    if url == HISTORY:
        answer = client.get(url, headers=headers)
    else:
        answer = client.post(url, json.dumps(data), content_type="application/json", headers=headers)
    return answer.status_code, answer.json()


@pytest.mark.parametrize(
    ("role", "allowed"),
    [*zip(ROLES, (set(), {HISTORY}, {HISTORY, PUSH}, {HISTORY, PUSH, SAVE, TEST}), strict=True)],
)
def test_a_token_may_do_what_its_person_may(outlet: Outlet, role: str, allowed: set[str]) -> None:
    token = token_of(role)
    answers = {url: call(url, token, outlet=outlet.pk)[0] for url in (SAVE, TEST, PUSH, HISTORY)}
    assert {url for url, status in answers.items() if status != 403} == allowed
    assert 401 not in answers.values()


def test_a_push_by_token_is_its_person_s(outlet: Outlet) -> None:
    stock(outlet, 1)
    assert call(PUSH, token_of("Operator"), outlet=outlet.pk)[0] == 202
    assert str(PushHistory.objects.get().created_by) == "operator"


def test_a_revoked_token_is_refused(outlet: Outlet) -> None:
    stock(outlet, 1)
    token = token_of("Operator")
    ApiToken.objects.update(revoked_at=NOW)
    assert call(PUSH, token, outlet=outlet.pk) == (401, {"errors": {"__all__": [INVALID]}})
    assert not PushHistory.objects.exists()
    assert ApiToken.objects.get().last_used_at is None


def test_a_closed_account_s_token_is_refused() -> None:
    token = token_of("Viewer")
    get_user_model().objects.update(is_active=False)
    assert call(HISTORY, token)[0] == 401


@pytest.mark.parametrize("token", ["", "push_wrong", "x" * 5000, "pusch_ñ", "push_\x00"])
def test_a_token_that_is_none_never_falls_back_to_the_session(outlet: Outlet, token: str) -> None:
    stock(outlet, 1)
    client = signed_in("Manager")
    for url in (SAVE, TEST, PUSH, HISTORY):
        assert call(url, token, client, outlet=outlet.pk)[0] == 401
    assert not PushHistory.objects.exists()


def test_the_refusal_names_the_scheme() -> None:
    answer = Client().get(HISTORY, headers={"Authorization": "Bearer push_wrong"})
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_token_counts_more_than_the_session(outlet: Outlet) -> None:
    stock(outlet, 1)
    assert call(PUSH, token_of("Viewer"), signed_in("Manager"), outlet=outlet.pk)[0] == 403
    assert not PushHistory.objects.exists()


def test_another_scheme_is_left_to_who_asked_for_it(outlet: Outlet) -> None:
    answer = signed_in("Viewer").get(HISTORY, headers={"Authorization": "Basic YTpi"})
    assert answer.status_code == 200


def test_a_session_still_needs_the_csrf_token(outlet: Outlet) -> None:
    stock(outlet, 1)
    client = Client(enforce_csrf_checks=True)
    client.force_login(get_user_model().objects.create_superuser("asha"))
    for headers in ({}, {"Authorization": "Basic YTpi"}):
        answer = client.post(PUSH, {"outlet": outlet.pk}, content_type="application/json", headers=headers)
        assert answer.status_code == 403
    assert not PushHistory.objects.exists()


def test_a_token_opens_no_page() -> None:
    answer = Client().get("/", headers={"Authorization": f"Bearer {token_of('Manager')}"})
    assert answer.headers["Location"] == "/login/?next=/"


def test_the_last_use_is_written_once_a_minute() -> None:
    token = token_of("Viewer")
    call(HISTORY, token)
    first = ApiToken.objects.get().last_used_at
    assert first is not None
    call(HISTORY, token)
    assert ApiToken.objects.get().last_used_at == first
    ApiToken.objects.update(last_used_at=first - timedelta(minutes=1))
    call(HISTORY, token)
    assert ApiToken.objects.get().last_used_at >= first


def test_what_a_program_saves_is_recorded_under_its_person(outlet: Outlet) -> None:
    assert call(SAVE, token_of("Manager"), outlet=outlet.pk, push_enabled=False)[0] == 200
    client = signed_in("Viewer")
    text = client.get("/changes/").content.decode()
    assert "manager" in text
    assert "Push Enabled" in text
