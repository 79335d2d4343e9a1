"""Tokens for programs: made for somebody, shown once, revoked."""

import json
import re
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from integration.models import ApiToken, digest_of, make_token
from tests.conftest import NOW, make_outlet
from tests.people import make_person, restore_migrated_rows, signed_in

pytestmark = pytest.mark.django_db
URL = "/shop-integration/tokens/"
TOKEN = re.compile(r"push_[\w-]{43}")


@pytest.fixture(autouse=True)
def ground(db: None) -> None:
    restore_migrated_rows()


@pytest.fixture
def manager() -> Client:
    return signed_in("Manager")


def person(role: str, name: str = "") -> int:
    return get_user_model().objects.get(username=make_person(role, name)).pk


def make(client: Client, user_id: int | str, name: str = "Till") -> str:
    answer = client.post(URL, {"name": name, "user": user_id})
    assert answer.status_code == 200
    return answer.content.decode()


def revoke_url(row: ApiToken) -> str:
    return reverse("token_revoke", args=[row.pk])


@pytest.mark.parametrize(
    ("role", "status"), [("nobody", 403), ("Viewer", 403), ("Operator", 403), ("Manager", 200), ("administrator", 200)]
)
def test_who_may_see_make_and_revoke_tokens(role: str, status: int) -> None:
    client, user_id = signed_in(role), person("Viewer", "vera")
    row, _ = make_token("old", user_id, None, NOW)
    answers = [client.get(URL), client.get(revoke_url(row)), client.post(URL, {"name": "new", "user": user_id})]
    assert [answer.status_code for answer in answers] == [status] * 3
    assert client.post(revoke_url(row)).status_code == (302 if status == 200 else 403)
    row.refresh_from_db()
    assert (row.revoked_at is not None, ApiToken.objects.count()) == ((True, 2) if status == 200 else (False, 1))


def test_a_stranger_is_asked_to_sign_in(client: Client) -> None:
    row, _ = make_token("old", person("Viewer"), None, NOW)
    for url in (URL, revoke_url(row)):
        assert client.post(url).headers["Location"] == f"/login/?next={url}"


def test_who_may_only_look_sees_no_form_and_no_button(client: Client) -> None:
    user = get_user_model().objects.get(pk=person("Viewer"))
    user.user_permissions.add(Permission.objects.get(codename="view_apitoken"))
    make_token("old", user.pk, None, NOW)
    client.force_login(user)
    text = client.get(URL).content.decode()
    assert "old" in text
    assert "Make a token" not in text
    assert "Revoke" not in text
    assert client.post(URL, {"name": "new", "user": user.pk}).status_code == 403
    assert ApiToken.objects.count() == 1


def test_a_token_is_shown_once_and_kept_nowhere(manager: Client) -> None:
    vera = person("Viewer", "vera")
    (token,) = set(TOKEN.findall(make(manager, vera)))
    row = ApiToken.objects.get()
    assert (row.digest, row.ending, row.user_id, str(row.created_by)) == (
        digest_of(token),
        token[-4:],
        vera,
        "manager",
    )
    for url in (URL, reverse("timeline"), revoke_url(row)):
        text = manager.get(url).content.decode()
        assert token not in text
        assert not TOKEN.findall(text)
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            assert token not in str(cursor.fetchall()), table


def test_the_answer_with_the_token_is_not_kept_by_the_browser(manager: Client) -> None:
    answer = manager.post(URL, {"name": "Till", "user": person("Viewer")})
    assert "no-store" in answer.headers["Cache-Control"]
    assert TOKEN.search(answer.content.decode())


def test_the_token_works_until_it_is_revoked(manager: Client) -> None:
    (token,) = set(TOKEN.findall(make(manager, person("Viewer"))))
    headers = {"Authorization": f"Bearer {token}"}
    assert Client().get(reverse("push_history"), headers=headers).status_code == 200
    assert "last used" in manager.get(URL).content.decode().lower()
    row = ApiToken.objects.get()
    assert "is refused from now on" in manager.get(revoke_url(row)).content.decode()
    text = manager.post(revoke_url(row), follow=True).content.decode()
    assert "“Till” has been revoked." in text
    assert Client().get(reverse("push_history"), headers=headers).status_code == 401


def test_revoking_again_changes_nothing(manager: Client) -> None:
    row, _ = make_token("Till", person("Viewer"), None, NOW)
    manager.post(revoke_url(row))
    first = ApiToken.objects.get().revoked_at
    manager.post(revoke_url(row))
    assert ApiToken.objects.get().revoked_at == first
    assert LogEntry.objects.count() == 1


def test_a_form_that_is_sent_twice_makes_one_token(manager: Client) -> None:
    vera = person("Viewer", "vera")
    make(manager, vera)
    assert "has a token of this name already" in make(manager, vera)
    assert ApiToken.objects.count() == 1
    make(manager, person("Viewer", "ben"))
    ApiToken.objects.update(revoked_at=NOW)
    make(manager, vera)
    assert ApiToken.objects.count() == 3


@pytest.mark.parametrize("role", ["Viewer", "Operator", "Manager"])
def test_a_manager_makes_tokens_for_who_may_do_no_more(manager: Client, role: str) -> None:
    assert TOKEN.search(make(manager, person(role, "vera")))


def test_a_manager_makes_none_for_who_may_do_more(manager: Client) -> None:
    chief, boss = person("Manager", "chief"), person("administrator", "boss")
    user = get_user_model().objects.get(pk=chief)
    user.user_permissions.add(Permission.objects.get(codename="delete_outlet"))
    for user_id, name in ((chief, "chief"), (boss, "boss")):
        text = make(manager, user_id)
        assert f"{name} may do more than you: somebody with these rights has to make the token." in text
        assert not TOKEN.search(text)
    assert not ApiToken.objects.exists()
    assert not LogEntry.objects.exists()


def test_an_administrator_makes_one_for_an_administrator() -> None:
    assert TOKEN.search(make(signed_in("administrator"), person("administrator", "boss")))


def test_a_person_who_has_only_what_the_maker_has_by_the_account_itself_is_no_administrator(manager: Client) -> None:
    user = get_user_model().objects.get(username="manager")
    user.user_permissions.set(Permission.objects.all())
    assert "boss may do more than you" in make(manager, person("administrator", "boss"))


@pytest.mark.parametrize("user", ["", "x", "9" * 30, "closed"])
def test_nobody_to_act_as(manager: Client, user: str) -> None:
    closed = person("Viewer", "vera")
    get_user_model().objects.filter(pk=closed).update(is_active=False)
    text = make(manager, closed if user == "closed" else user)
    assert "text-danger" in text
    assert not ApiToken.objects.exists()


def test_a_name_is_shown_as_text(manager: Client) -> None:
    text = make(manager, person("Viewer", "<i>y</i>"), "<b>x</b>")
    row = ApiToken.objects.get()
    text += manager.get(URL).content.decode() + manager.get(revoke_url(row)).content.decode()
    text += manager.post(revoke_url(row), follow=True).content.decode()
    assert "<b>x" not in text
    assert "<i>y" not in text


def test_making_and_revoking_stand_in_the_timeline(manager: Client) -> None:
    make(manager, person("Viewer", "vera"))
    manager.post(revoke_url(ApiToken.objects.get()))
    rows = manager.get(reverse("timeline")).context["rows"]
    assert [str(row["action"]["label"]) for row in rows] == ["changed", "added"]
    (added,) = json.loads(LogEntry.objects.earliest("pk").change_message)
    assert added["values"] == {"name": [None, "Till"], "user": [None, "vera"]}


def test_a_token_may_be_for_some_outlets(manager: Client) -> None:
    outlets = [make_outlet(f"{number}", api_key="secret-key") for number in range(5)]
    chosen = [str(outlet.pk) for outlet in outlets[:4]]
    answer = manager.post(URL, {"name": "Till", "user": person("Viewer"), "outlets": chosen})
    row = ApiToken.objects.get()
    assert (row.is_scoped, row.outlets.count(), TOKEN.search(answer.content.decode()) is not None) == (True, 4, True)
    text = manager.get(URL).content.decode()
    assert "<bdi>Branch 2</bdi>" in text
    assert "<bdi>Branch 3</bdi>" not in text
    assert "4 in all" in text
    timeline = manager.get(reverse("timeline")).content.decode()
    assert "Branch 0 (memory 0), Branch 1 (memory 1), Branch 2 (memory 2), Branch 3 (memory 3)" in timeline
    outlets[0].delete()
    for outlet in outlets[1:4]:
        outlet.delete()
    assert "none any more" in manager.get(URL).content.decode()


def test_an_outlet_that_is_not_there_cannot_be_chosen(manager: Client) -> None:
    answer = manager.post(URL, {"name": "Till", "user": person("Viewer"), "outlets": [str(10**9)]})
    assert "text-danger" in answer.content.decode()
    assert not ApiToken.objects.exists()


def test_what_was_chosen_stays_chosen_where_something_else_is_wrong(manager: Client) -> None:
    first, second = make_outlet("1"), make_outlet("2")
    text = manager.post(URL, {"name": "", "user": person("Viewer"), "outlets": [str(second.pk)]}).content.decode()
    assert f'<option value="{second.pk}" selected>' in text
    assert f'<option value="{first.pk}">' in text


def test_a_token_holds_through_its_last_day(manager: Client) -> None:
    today = timezone.localdate()
    vera = person("Viewer")
    manager.post(URL, {"name": "Till", "user": vera, "last_day": today.isoformat()})
    expires_at = ApiToken.objects.get().expires_at
    assert expires_at is not None
    assert timezone.localtime(expires_at).replace(tzinfo=None) == datetime.combine(today + timedelta(days=1), time.min)
    assert "until" in manager.get(URL).content.decode()
    for day in (today - timedelta(days=1), date.max):
        answer = manager.post(URL, {"name": "Other", "user": vera, "last_day": day.isoformat()})
        assert "Choose a day that is not over yet." in answer.content.decode()
    assert ApiToken.objects.count() == 1


def test_an_expired_token_s_name_is_free_again(manager: Client) -> None:
    vera = person("Viewer")
    make_token("Till", vera, None, NOW, expires_at=NOW)
    text = manager.get(URL).content.decode()
    assert "expired" in text
    assert "Revoke<" not in text
    assert TOKEN.search(make(manager, vera))


def test_an_empty_list_says_what_a_token_is_for(manager: Client) -> None:
    assert "No tokens yet" in manager.get(URL).content.decode()


def test_the_number_of_queries_does_not_grow(manager: Client) -> None:
    counts: list[Any] = []
    for count in (3, 20):
        for number in range(count):
            user_id = person("Viewer", f"{count}-{number}")
            make_token(f"{number}", user_id, user_id, NOW)
        with CaptureQueriesContext(connection) as queries:
            manager.get(URL)
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_the_list_comes_in_pages(manager: Client) -> None:
    vera = person("Viewer", "vera")
    for number in range(26):
        make_token(f"{number}", vera, None, NOW)
    assert len(manager.get(URL).context["page"]) == 25
    assert len(manager.get(URL, {"page": "2"}).context["page"]) == 1
