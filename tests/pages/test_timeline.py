"""Who changed which setting when."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from integration import audit
from integration.models import Outlet
from tests.conftest import NOW, make_outlet
from tests.people import PASSWORD, make_person, restore_migrated_rows, signed_in

pytestmark = pytest.mark.django_db
URL = "/changes/"


@pytest.fixture(autouse=True)
def ground(db: None) -> None:
    restore_migrated_rows()


@pytest.fixture
def viewer() -> Client:
    return signed_in("Viewer")


def person(name: str) -> int:
    return get_user_model().objects.get(username=make_person("Manager", name)).pk


def rename(user_id: int, outlet: Outlet, name: str, minutes: int = 0) -> None:
    audit.record(user_id, outlet, {"name": outlet.name}, {"name": name}, NOW + timedelta(minutes=minutes))


def text_of(client: Client, **query: Any) -> str:
    answer = client.get(URL, query)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.parametrize(
    ("role", "status"), [("nobody", 403), ("Viewer", 200), ("Operator", 200), ("Manager", 200), ("administrator", 200)]
)
def test_who_may_see_it(role: str, status: int) -> None:
    client = signed_in(role)
    assert client.get(URL).status_code == status
    assert client.post(URL).status_code == 405


def test_a_stranger_is_asked_to_sign_in(client: Client) -> None:
    assert client.get(URL).headers["Location"] == f"/login/?next={URL}"


def test_where_nothing_has_changed_it_says_what_will_be_here(viewer: Client) -> None:
    text = text_of(viewer)
    assert "Nothing has been changed yet" in text
    assert reverse("api_settings") in text


def test_the_newest_comes_first_with_the_values_before_and_after(viewer: Client, outlet: Outlet) -> None:
    rename(person("asha"), outlet, "Al Quoz")
    rename(person("ben"), outlet, "Marina", minutes=1)
    answer = viewer.get(URL)
    rows = [(row["entry"].user.username, row["lines"][0][:3]) for row in answer.context["rows"]]
    assert rows == [("ben", ("Name", "Branch 007", "Marina")), ("asha", ("Name", "Branch 007", "Al Quoz"))]
    assert f"{reverse('api_settings')}?outlet={outlet.pk}" in answer.content.decode()


def test_switches_and_what_is_empty_are_put_in_words(viewer: Client, outlet: Outlet) -> None:
    before, after = {"push_enabled": True, "location": ""}, {"push_enabled": False, "location": "Dubai"}
    audit.record(person("asha"), outlet, before, after, NOW)
    (row,) = viewer.get(URL).context["rows"]
    assert [tuple(map(str, line[:3])) for line in row["lines"]] == [
        ("Push Enabled", "on", "off"),
        ("Location", "–", "Dubai"),
    ]


def test_a_time_is_local_and_settings_are_written_as_in_a_contract(viewer: Client, outlet: Outlet) -> None:
    ended_at = datetime(2026, 11, 25, 1, 14, 51, 300969, tzinfo=UTC)
    audit.record(person("asha"), outlet, {"ended_at": None}, {"ended_at": ended_at}, NOW)
    audit.record(person("ben"), outlet, {}, {"changes": {"batch_size": 200}, "note": "smaller"}, NOW + timedelta(1))
    lines = [line for row in viewer.get(URL).context["rows"] for line in row["lines"]]
    assert [tuple(map(str, line[:3])) for line in lines] == [
        ("changes", "–", '{"batch_size": 200}'),
        ("Why", "–", "smaller"),
        ("Until", "–", "25 Nov 2026, 05:14:51"),
    ]


def test_of_a_secret_it_says_only_that_it_was_replaced(viewer: Client, outlet: Outlet) -> None:
    audit.record(person("asha"), outlet, {"api_key": "old-key-9"}, {"api_key": "new-key-9"}, NOW)
    text = text_of(viewer)
    assert "replaced" in text
    assert "-key-9" not in text


def test_what_stands_in_an_address_s_query_is_masked(viewer: Client, outlet: Outlet) -> None:
    address = "https://ann:hidden@shop.example/a?key=hidden"
    audit.record(person("asha"), outlet, {"api_endpoint": ""}, {"api_endpoint": address}, NOW)
    text = text_of(viewer)
    assert "https://***@shop.example/a?***" in text
    assert "hidden" not in "".join(LogEntry.objects.values_list("change_message", flat=True))


def test_what_somebody_typed_is_shown_as_text(viewer: Client, outlet: Outlet) -> None:
    outlet.name = "<b>x</b>"
    rename(person("<i>y</i>"), outlet, "<script>alert(1)</script>")
    text = text_of(viewer)
    assert "&lt;script&gt;alert(1)" in text
    for tag in ("<script>alert", "<b>x", "<i>y"):
        assert tag not in text


@pytest.mark.parametrize(
    "message", ["[1]", "{}", '["x"]', "[", "Changed by hand.", "", '[{"changed": {"fields": []}}]']
)
def test_what_others_have_written_does_not_break_the_page(viewer: Client, outlet: Outlet, message: str) -> None:
    kind = ContentType.objects.get_for_model(Outlet)
    facts = {"user_id": person("asha"), "object_id": outlet.pk, "object_repr": "Al Quoz", "action_flag": 2}
    LogEntry.objects.create(content_type=kind, change_message=message, **facts)
    assert "Al Quoz" in text_of(viewer)


def test_it_is_filtered_by_person_kind_and_outlet(viewer: Client, outlet: Outlet) -> None:
    asha, ben, other = person("asha"), person("ben"), make_outlet("8")
    rename(asha, outlet, "first")
    rename(ben, other, "second")
    group = Group.objects.get(name="Viewer")
    audit.record(ben, group, {"name": "a"}, {"name": "third"}, NOW)
    kind = ContentType.objects.get_for_model(Group).pk
    for query, words in (
        ({"person": asha}, {"first"}),
        ({"person": ben}, {"second", "third"}),
        ({"kind": kind}, {"third"}),
        ({"outlet": other.pk}, {"second"}),
        ({"outlet": other.pk, "person": asha}, set()),
        ({"person": "x", "kind": "9" * 30, "outlet": "' OR 1", "page": "z"}, {"first", "second", "third"}),
    ):
        rows = viewer.get(URL, query).context["rows"]
        assert {row["lines"][0].after for row in rows} == words


def test_a_filter_that_nothing_fits_can_be_taken_away(viewer: Client, outlet: Outlet) -> None:
    rename(person("asha"), outlet, "first")
    assert "No change fits these filters" in text_of(viewer, outlet=make_outlet("8").pk)


def test_the_number_of_queries_does_not_grow(viewer: Client) -> None:
    asha, counts = person("asha"), []
    for count in (3, 30):
        for number in range(count):
            rename(asha, make_outlet(f"{count}-{number}"), "new")
        ContentType.objects.clear_cache()
        with CaptureQueriesContext(
            connection,
        ) as queries:
            viewer.get(URL)
        counts.append(len(queries))
    assert counts[0] == counts[1]
    assert counts[0] <= 12


def test_it_comes_in_pages(viewer: Client, outlet: Outlet) -> None:
    asha = person("asha")
    for number in range(26):
        rename(asha, outlet, f"name {number}", minutes=number)
    assert len(viewer.get(URL).context["rows"]) == 25
    (last,) = viewer.get(URL, {"page": 2}).context["rows"]
    assert last["lines"][0].after == "name 0"


# --- what is done in the admin --------------------------------------------------------------------------


@pytest.fixture
def administrator() -> Client:
    return signed_in("administrator")


def admin_form(outlet: Outlet, **changes: str) -> dict[str, str]:
    names = ("platform", "store_id", "name", "location", "api_endpoint")
    flags = {"push_enabled": "on", "is_active": "on", "allow_private_address": "on"}
    return {**{name: getattr(outlet, name) for name in names}, **flags, **changes}


def test_an_outlet_changed_in_the_admin_is_listed_with_its_values(administrator: Client, outlet: Outlet) -> None:
    url = reverse("admin:integration_outlet_change", args=[outlet.pk])
    administrator.post(url, admin_form(outlet, name="Marina", new_api_key="a-long-secret-key"))
    (part,) = json.loads(LogEntry.objects.get().change_message)
    assert part["values"] == {"name": ["Branch 007", "Marina"]}
    assert part["secrets"] == {"api_key": "set"}
    assert "a-long-secret-key" not in text_of(administrator)
    assert "a-long" not in administrator.get(reverse("admin:index")).content.decode()
    assert Outlet.objects.get().api_key_ending == "-key"


def test_an_outlet_added_in_the_admin_is_listed(administrator: Client) -> None:
    new = admin_form(Outlet(platform="pasons", store_id="007", name="New"), new_api_secret="pair")
    assert administrator.post(reverse("admin:integration_outlet_add"), new).status_code == 302
    (row,) = administrator.get(URL).context["rows"]
    lines = {str(line.label): (str(line.after), str(line.fate)) for line in row["lines"]}
    assert lines["Store id"] == ("007", "")
    assert lines["API Secret"] == ("", "set")


def test_people_changed_in_the_admin_are_listed_without_their_password(administrator: Client) -> None:
    data = {"username": "carla", "password1": PASSWORD, "password2": PASSWORD, "usable_password": "true"}
    assert administrator.post(reverse("admin:auth_user_add"), data).status_code == 302
    text = text_of(administrator)
    assert "carla" in text
    assert PASSWORD not in text


def test_a_stored_key_goes_to_no_other_host_by_the_admin_either(administrator: Client) -> None:
    outlet = make_outlet(platform="pasons", api_key="old-key", api_endpoint="https://shop.example/a")
    url = reverse("admin:integration_outlet_change", args=[outlet.pk])
    moved = admin_form(outlet, api_endpoint="http://127.0.0.1:9/a")
    assert "the stored one belongs to another host" in administrator.post(url, moved).content.decode()
    assert Outlet.objects.get().api_endpoint == "https://shop.example/a"
    assert administrator.post(url, {**moved, "new_api_key": "other"}).status_code == 302
