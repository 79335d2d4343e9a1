"""Guessing passwords: after ten that were wrong, the next one has to wait."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.utils import timezone

from integration.models import SignInTries
from integration.sign_in_limit import LIMIT, SPAN, count_try, prune_tries
from tests.conftest import NOW
from tests.people import PASSWORD, make_person, restore_migrated_rows

pytestmark = pytest.mark.django_db
WAIT, WRONG = "Signing in has failed too often. Try again in 15 minutes.", "Please enter a correct username"


@pytest.fixture(autouse=True)
def ground(db: None, settings: Any) -> None:
    restore_migrated_rows()
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def sign_in(name: str, password: str = "wrong", url: str = "/login/", **more: str) -> str:
    """What is answered; nothing is, where it went well."""
    answer = Client().post(url, {"username": name, "password": password}, **more)  # type: ignore[arg-type]
    assert answer.status_code in (200, 302)
    return answer.content.decode()


@pytest.mark.parametrize("name", ["viewer", "nobody-of-this-name"])
def test_the_eleventh_try_waits_whether_there_is_such_a_name_or_not(name: str) -> None:
    make_person("Viewer", password=PASSWORD)
    answers = [sign_in(name) for _ in range(LIMIT)]
    assert all(WRONG in answer and WAIT not in answer for answer in answers)
    assert WAIT in sign_in(name)
    assert WAIT in sign_in(name, PASSWORD)


def test_who_waits_is_not_compared_with_any_password(monkeypatch: pytest.MonkeyPatch) -> None:
    make_person("Viewer", password=PASSWORD)
    for _ in range(LIMIT):
        sign_in("viewer")
    monkeypatch.setattr("django.contrib.auth.forms.authenticate", lambda *args, **more: pytest.fail("compared"))
    assert WAIT in sign_in("viewer")


def test_a_quarter_of_an_hour_later_it_goes_on() -> None:
    make_person("Viewer", password=PASSWORD)
    for _ in range(LIMIT + 3):
        sign_in("viewer")
    SignInTries.objects.update(since=timezone.now() - timedelta(minutes=14, seconds=10))
    assert "Try again in a minute." in sign_in("viewer", PASSWORD)
    SignInTries.objects.update(since=timezone.now() - SPAN)
    assert sign_in("viewer", PASSWORD) == ""
    assert not SignInTries.objects.exists()


def test_who_signs_in_begins_anew() -> None:
    make_person("Viewer", password=PASSWORD)
    for _ in range(3):
        for _ in range(LIMIT - 1):
            sign_in("viewer")
        assert sign_in("viewer", PASSWORD) == ""


def test_the_admin_s_sign_in_counts_with_it() -> None:
    make_person("administrator", "boss", password=PASSWORD)
    for number in range(LIMIT):
        sign_in("boss", url="/admin/login/" if number % 2 else "/login/")
    assert WAIT in sign_in("boss", PASSWORD, url="/admin/login/")
    assert WAIT in sign_in("boss", PASSWORD)


def test_another_name_and_another_address_do_not_wait() -> None:
    for name in ("Viewer", "Operator"):
        make_person(name, password=PASSWORD)
    for _ in range(LIMIT):
        sign_in("viewer")
    assert sign_in("operator", PASSWORD) == ""
    assert sign_in("viewer", PASSWORD, REMOTE_ADDR="192.0.2.7") == ""
    assert WAIT in sign_in("viewer", PASSWORD)


@pytest.mark.parametrize("name", ["VIEWER", " viewer", "\uff56iewer"])
def test_a_name_is_the_same_however_it_is_written(name: str) -> None:
    for _ in range(LIMIT):
        sign_in("viewer")
    assert WAIT in sign_in(name)


def test_behind_a_proxy_the_address_is_what_the_proxy_saw(settings: Any) -> None:
    settings.HTTPS = True
    for number in range(LIMIT):
        sign_in("viewer", HTTP_X_FORWARDED_FOR=f"203.0.113.{number}, 192.0.2.1")
    assert WAIT in sign_in("viewer", HTTP_X_FORWARDED_FOR="192.0.2.1")
    assert WAIT not in sign_in("viewer", HTTP_X_FORWARDED_FOR="192.0.2.1, 192.0.2.2")
    settings.HTTPS = False
    assert WAIT not in sign_in("viewer", HTTP_X_FORWARDED_FOR="192.0.2.1")


def test_a_whole_network_of_the_long_addresses_is_one() -> None:
    for number in range(LIMIT):
        sign_in("viewer", REMOTE_ADDR=f"2001:db8::{number:x}:1")
    assert WAIT in sign_in("viewer", REMOTE_ADDR="2001:db8::ffff")
    assert WAIT not in sign_in("viewer", REMOTE_ADDR="2001:db8:0:1::1")


@pytest.mark.parametrize("name", ["", "x" * 100_000, "\x00", "<b>"])
def test_any_name_is_answered(name: str) -> None:
    for _ in range(2):
        assert "too often" not in sign_in(name)


def test_a_closed_account_and_one_that_may_not_use_the_admin_count_as_well() -> None:
    make_person("Viewer", password=PASSWORD)
    for _ in range(LIMIT):
        assert sign_in("viewer", PASSWORD, url="/admin/login/")
    assert WAIT in sign_in("viewer", PASSWORD)
    get_user_model().objects.update(is_active=False)
    for _ in range(LIMIT):
        sign_in("viewer", PASSWORD, REMOTE_ADDR="192.0.2.9")
    assert WAIT in sign_in("viewer", PASSWORD, REMOTE_ADDR="192.0.2.9")


def test_old_tries_are_forgotten() -> None:
    count_try("old", NOW - SPAN)
    count_try("new", NOW)
    prune_tries(NOW)
    assert list(SignInTries.objects.values_list("digest", flat=True)) == ["new"]


@pytest.mark.django_db(transaction=True)
def test_guesses_at_the_same_moment_are_not_let_through_together() -> None:
    results: list[Any] = []

    def guess() -> None:
        try:
            results.extend(count_try("same", NOW) for _ in range(5))
        finally:
            connection.close()

    threads = [threading.Thread(target=guess) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (results.count(None), len(results)) == (LIMIT, 20)
