"""Tokens for programs: made for a role or for oneself, shown once, revoked."""

import json
import re
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from integration.models import ApiToken, Outlet, digest_of, make_token
from tests.conftest import NOW, make_outlet
from tests.people import ROLES, make_person, restore_migrated_rows, signed_in

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


def group(name: str) -> str:
    return str(Group.objects.get(name=name).pk)


def make(client: Client, role: str = "Viewer", name: str = "Till") -> str:
    answer = client.post(URL, {"name": name, "acts_as": group(role) if role in ROLES else role})
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
    answers = [
        client.get(URL),
        client.get(revoke_url(row)),
        client.post(URL, {"name": "new", "acts_as": group("Viewer")}),
    ]
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
    assert client.post(URL, {"name": "new", "acts_as": "me"}).status_code == 403
    assert ApiToken.objects.count() == 1


def test_a_token_is_shown_once_and_kept_nowhere(manager: Client) -> None:
    (token,) = set(TOKEN.findall(make(manager)))
    row = ApiToken.objects.get()
    assert (row.digest, row.ending, str(row.created_by)) == (digest_of(token), token[-4:], "manager")
    for url in (URL, reverse("timeline"), revoke_url(row)):
        text = manager.get(url).content.decode()
        assert token not in text
        assert not TOKEN.findall(text)
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            assert token not in str(cursor.fetchall()), table


def test_the_answer_with_the_token_is_not_kept_by_the_browser(manager: Client) -> None:
    answer = manager.post(URL, {"name": "Till", "acts_as": "me"})
    assert "no-store" in answer.headers["Cache-Control"]
    assert TOKEN.search(answer.content.decode())


def test_the_token_works_until_it_is_revoked(manager: Client) -> None:
    (token,) = set(TOKEN.findall(make(manager)))
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
    for acts_as in ("me", "Viewer"):
        make(manager, acts_as)
        assert "There is a token of this name already" in make(manager, acts_as)
    assert ApiToken.objects.count() == 2
    ApiToken.objects.update(revoked_at=NOW)
    make(manager)
    assert ApiToken.objects.count() == 3


def rights_by(token: str) -> tuple[int, int]:
    """What reading the history and changing settings are answered."""
    headers, url = {"Authorization": f"Bearer {token}"}, reverse("save_outlet_api_settings")
    outlet = Outlet.objects.first() or make_outlet()
    read = Client().get(reverse("push_history"), headers=headers)
    data = {"outlet": outlet.pk}
    return read.status_code, Client().post(url, data, content_type="application/json", headers=headers).status_code


@pytest.mark.parametrize("role", ["Viewer", "Operator", "Manager"])
def test_a_program_gets_an_account_with_the_role_and_without_a_password(manager: Client, role: str) -> None:
    (token,) = set(TOKEN.findall(make(manager, role, "Kasse: Süd")))
    row = ApiToken.objects.get()
    assert (row.role, [group.name for group in row.user.groups.all()]) == (role, [role])
    assert row.user.username.startswith("program-kasse-süd-")
    assert not row.user.has_usable_password()
    assert f"itself, with the role {role}" in manager.get(URL).content.decode()
    assert rights_by(token) == (200, 200 if role == "Manager" else 403)


def test_a_role_that_may_do_more_than_the_maker_is_not_offered(manager: Client) -> None:
    chiefs = Group.objects.create(name="Chiefs")
    chiefs.permissions.add(Permission.objects.get(codename="delete_outlet"))
    assert "Chiefs" not in manager.get(URL).content.decode()
    assert not TOKEN.search(make(manager, str(chiefs.pk)))
    assert not ApiToken.objects.exists()
    assert not LogEntry.objects.exists()
    assert get_user_model().objects.count() == 1
    assert TOKEN.search(make(signed_in("administrator"), str(chiefs.pk)))


def test_nobody_makes_a_token_for_somebody_else(manager: Client) -> None:
    vera = person("Viewer", "zenobia")
    assert not TOKEN.search(manager.post(URL, {"name": "Till", "user": vera}).content.decode())
    assert not TOKEN.search(make(manager, "zenobia"))
    assert "zenobia" not in manager.get(URL).content.decode()
    make(manager, "me")
    assert ApiToken.objects.get().user.username == "manager"


@pytest.mark.parametrize("is_superuser", [True, False])
def test_later_rights_do_not_reach_a_token(is_superuser: bool) -> None:
    """Not its account's, and not its role's."""
    user = get_user_model().objects.get(pk=person("Viewer", "vera"))
    user.user_permissions.add(*Permission.objects.filter(codename__in=("view_apitoken", "add_apitoken")))
    client = Client()
    client.force_login(user)
    (mine,) = set(TOKEN.findall(make(client, "me")))
    (program,) = set(TOKEN.findall(make(client, "Viewer")))
    get_user_model().objects.update(is_superuser=is_superuser)
    Group.objects.get(name="Viewer").permissions.set(Permission.objects.all())
    assert rights_by(mine) == rights_by(program) == (200, 403)
    answer = Client().post(
        reverse("save_outlet_api_settings"),
        "{}",
        content_type="application/json",
        headers={"Authorization": f"Bearer {mine}"},
    )
    assert answer.json() == {"errors": {"__all__": ["this token was made for less: ask for a new one"]}}


def test_what_its_account_loses_the_token_loses(manager: Client) -> None:
    (token,) = set(TOKEN.findall(make(manager, "me")))
    assert rights_by(token) == (200, 200)
    get_user_model().objects.get(username="manager").groups.set(Group.objects.filter(name="Viewer"))
    assert rights_by(token) == (200, 403)


def test_a_token_of_an_earlier_release_works_as_it_did() -> None:
    user = get_user_model().objects.get(pk=person("Viewer", "vera"))
    row, token = make_token("old", user.pk, None, timezone.now())
    ApiToken.objects.update(permissions=None)
    user.groups.set(Group.objects.filter(name="Manager"))
    assert rights_by(token) == (200, 200)
    assert "vera" in signed_in("Manager").get(revoke_url(row)).content.decode()


def test_revoking_closes_the_account_that_is_the_token_s_alone(manager: Client) -> None:
    make(manager, "Viewer", "Till")
    make(manager, "me", "Mine")
    for row in ApiToken.objects.all():
        manager.post(revoke_url(row))
    active = get_user_model().objects.filter(is_active=True).values_list("username", flat=True)
    assert list(active) == ["manager"]


@pytest.mark.parametrize("acts_as", ["", "x", "9" * 30, "-1", "None"])
def test_nobody_to_act_as(manager: Client, acts_as: str) -> None:
    text = make(manager, acts_as)
    assert "text-danger" in text
    assert not ApiToken.objects.exists()


def test_a_name_is_shown_as_text(manager: Client) -> None:
    Group.objects.filter(name="Viewer").update(name="<i>y</i>")
    text = make(manager, str(Group.objects.get(name="<i>y</i>").pk), "<b>x</b>")
    row = ApiToken.objects.get()
    text += manager.get(URL).content.decode() + manager.get(revoke_url(row)).content.decode()
    text += manager.post(revoke_url(row), follow=True).content.decode()
    assert "<b>x" not in text
    assert "<i>y" not in text


def test_making_and_revoking_stand_in_the_timeline(manager: Client) -> None:
    make(manager)
    manager.post(revoke_url(ApiToken.objects.get()))
    rows = manager.get(reverse("timeline")).context["rows"]
    assert [str(row["action"]["label"]) for row in rows] == ["changed", "added"]
    (added,) = json.loads(LogEntry.objects.earliest("pk").change_message)
    assert added["values"] == {"name": [None, "Till"], "role": [None, "Viewer"]}


def test_a_token_may_be_for_some_outlets(manager: Client) -> None:
    outlets = [make_outlet(f"{number}", api_key="secret-key") for number in range(5)]
    chosen = [str(outlet.pk) for outlet in outlets[:4]]
    answer = manager.post(URL, {"name": "Till", "acts_as": "me", "outlets": chosen})
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
    answer = manager.post(URL, {"name": "Till", "acts_as": "me", "outlets": [str(10**9)]})
    assert "text-danger" in answer.content.decode()
    assert not ApiToken.objects.exists()


def test_what_was_chosen_stays_chosen_where_something_else_is_wrong(manager: Client) -> None:
    first, second = make_outlet("1"), make_outlet("2")
    text = manager.post(URL, {"name": "", "acts_as": "me", "outlets": [str(second.pk)]}).content.decode()
    assert f'<option value="{second.pk}" selected>' in text
    assert f'<option value="{first.pk}">' in text


def test_a_token_holds_through_its_last_day(manager: Client) -> None:
    today = timezone.localdate()
    manager.post(URL, {"name": "Till", "acts_as": "me", "last_day": today.isoformat()})
    expires_at = ApiToken.objects.get().expires_at
    assert expires_at is not None
    assert timezone.localtime(expires_at).replace(tzinfo=None) == datetime.combine(today + timedelta(days=1), time.min)
    assert "until" in manager.get(URL).content.decode()
    for day in (today - timedelta(days=1), date.max):
        answer = manager.post(URL, {"name": "Other", "acts_as": "me", "last_day": day.isoformat()})
        assert "Choose a day that is not over yet." in answer.content.decode()
    assert ApiToken.objects.count() == 1


def test_an_expired_token_s_name_is_free_again(manager: Client) -> None:
    me = get_user_model().objects.get().pk
    make_token("Till", me, None, NOW, expires_at=NOW)
    text = manager.get(URL).content.decode()
    assert "expired" in text
    assert "Revoke<" not in text
    assert TOKEN.search(make(manager, "me"))


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
