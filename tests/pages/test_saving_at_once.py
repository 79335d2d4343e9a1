"""Two people save an outlet's settings: the second is told what the first one did, and nothing is lost silently."""

import re
import threading
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client

from integration.forms import NamedSettingsForm, save_outlet
from integration.models import Outlet
from integration.outlet_version import Stale
from tests.conftest import NOW, make_outlet
from tests.people import make_person, restore_migrated_rows, signed_in

pytestmark = pytest.mark.django_db
OLD, NEW, THIRD = (f"https://{name}.example.com/products" for name in ("old", "new", "third"))


@pytest.fixture(autouse=True)
def ground(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    restore_migrated_rows()
    monkeypatch.setattr("integration.forms.check_endpoint", lambda url, allow_private: None)


@pytest.fixture
def outlet() -> Outlet:
    return make_outlet("14", "pasons", api_endpoint=OLD)


def address(outlet: Outlet) -> str:
    return f"/shop-integration/api-settings/?outlet={outlet.pk}"


def versions(text: str) -> list[str]:
    return re.findall(r'name="version" value="([^"]*)"', text)


def open_page(client: Client, outlet: Outlet) -> tuple[str, str]:
    """The versions of its two forms."""
    settings, branch = versions(client.get(address(outlet)).content.decode())
    return settings, branch


def save(client: Client, outlet: Outlet, version: str, **values: str) -> Any:
    typed = {"card": "settings", "version": version, "push_enabled": "on", "api_endpoint": OLD, **values}
    return client.post(address(outlet), typed)


def test_the_second_is_told_who_changed_what_and_keeps_what_was_typed(outlet: Outlet) -> None:
    manager, chief = signed_in("Manager"), signed_in("administrator")
    version, _ = open_page(manager, outlet)
    assert save(chief, outlet, version, api_endpoint=NEW, api_key="the-new-key-1234").status_code == 302
    answer = save(manager, outlet, version, api_endpoint=THIRD, push_interval_minutes="7")
    text = answer.content.decode()
    assert answer.status_code == 200
    assert "administrator has changed these settings at" in text
    assert f"API Endpoint: {OLD} → {NEW}; API Key: set" in text
    assert f'value="{THIRD}"' in text
    assert 'value="7"' in text
    assert "the-new-key" not in text
    outlet.refresh_from_db()
    assert (outlet.api_endpoint, outlet.api_key, outlet.push_interval_minutes) == (NEW, "the-new-key-1234", None)


def test_saved_again_it_takes_its_place_under_the_rules_for_keys(outlet: Outlet) -> None:
    manager, chief = signed_in("Manager"), signed_in("administrator")
    version, _ = open_page(manager, outlet)
    save(chief, outlet, version, api_endpoint=NEW, api_key="the-new-key-1234")
    told = versions(save(manager, outlet, version, api_endpoint=THIRD).content.decode())[0]
    assert "Enter it again" in save(manager, outlet, told, api_endpoint=THIRD).content.decode()
    assert save(manager, outlet, told, api_endpoint=THIRD, api_key="another-key-5678").status_code == 302
    outlet.refresh_from_db()
    assert (outlet.api_endpoint, outlet.api_key) == (THIRD, "another-key-5678")


def test_a_form_that_was_wrong_as_well_is_not_saved_over_the_others_change(outlet: Outlet) -> None:
    manager, chief = signed_in("Manager"), signed_in("administrator")
    version, _ = open_page(manager, outlet)
    wrong = versions(save(manager, outlet, version, api_endpoint="nonsense").content.decode())[0]
    assert wrong == version
    save(chief, outlet, version, api_endpoint=NEW)
    text = save(manager, outlet, wrong, api_endpoint="nonsense").content.decode()
    assert "administrator has changed" in text
    assert "Enter a valid URL" in text


def test_the_test_of_the_connection_in_between_does_not_hide_it(outlet: Outlet) -> None:
    manager, chief = signed_in("Manager"), signed_in("administrator")
    version, _ = open_page(manager, outlet)
    save(chief, outlet, version, api_endpoint=NEW)
    typed = {"version": version, "push_enabled": "on", "api_endpoint": ""}
    tested = manager.post(address(outlet).replace("/?", "/test/?"), typed).content.decode()
    assert versions(tested)[0] == version


def test_the_other_card_of_the_page_may_be_saved_meanwhile(outlet: Outlet) -> None:
    manager, chief = signed_in("Manager"), signed_in("administrator")
    version, branch = open_page(manager, outlet)
    values = {"card": "branch", "name": "Al Quoz", "location": "", "store_id": "14", "is_active": "on"}
    assert chief.post(address(outlet), {**values, "version": branch}).status_code == 302
    assert save(manager, outlet, version, push_interval_minutes="7").status_code == 302
    answer = manager.post(address(outlet), {**values, "name": "Al Barsha", "version": branch})
    assert "Name: Branch 14 → Al Quoz" in answer.content.decode()
    outlet.refresh_from_db()
    assert (outlet.name, outlet.push_interval_minutes) == ("Al Quoz", 7)


def test_a_change_that_nobody_wrote_down_is_told_as_well(outlet: Outlet) -> None:
    manager = signed_in("Manager")
    version, _ = open_page(manager, outlet)
    Outlet.objects.update(api_endpoint=NEW)
    assert "Somebody has changed these settings" in save(manager, outlet, version).content.decode()


@pytest.mark.parametrize("version", ["x", ".", "1.2.3", "a" * 10_000, "\u0000.٣"])
def test_a_version_that_was_never_given_is_stale(outlet: Outlet, version: str) -> None:
    assert "Somebody has changed" in save(signed_in("Manager"), outlet, version).content.decode()


def send(client: Client, outlet: Outlet, **values: Any) -> Any:
    return client.post("/api/outlet-api-settings/", {"outlet": outlet.pk, **values}, content_type="application/json")


def test_a_program_may_say_which_version_it_has_seen(outlet: Outlet) -> None:
    client, chief = signed_in("Manager"), signed_in("administrator")
    seen = send(client, outlet).json()["outlet"]["version"]
    send(chief, outlet, push_after_update=True)
    answer = send(client, outlet, push_interval_minutes=5, version=seen)
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["version"])
    assert "by administrator (push_after_update)" in answer.json()["errors"]["version"][0]
    now = send(client, outlet).json()["outlet"]["version"]
    assert send(client, outlet, push_interval_minutes=5, version=now).status_code == 200
    assert send(client, outlet, push_interval_minutes=6).status_code == 200
    assert send(client, outlet, push_interval_minutes=7, version=7).status_code == 400


def loaded(outlet: Outlet, **values: Any) -> NamedSettingsForm:
    fresh = Outlet.objects.defer("api_key", "api_secret").get(pk=outlet.pk)
    form = NamedSettingsForm(values, instance=fresh, now=NOW)
    assert form.is_valid()
    return form


def test_what_changed_between_the_check_and_the_save_is_not_overwritten(outlet: Outlet) -> None:
    make_person("administrator")
    checked = loaded(outlet, api_endpoint=THIRD)
    Outlet.objects.update(name="renamed")  # not of this form: no matter, and not written back
    Outlet.objects.filter(pk=outlet.pk).update(api_endpoint=NEW)
    with pytest.raises(Stale):
        save_outlet(checked, None, NOW)
    outlet.refresh_from_db()
    assert (outlet.api_endpoint, outlet.name) == (NEW, "renamed")
    assert not LogEntry.objects.exists()


def test_a_program_without_a_version_is_checked_again(outlet: Outlet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between its check and its save, somebody stores a key for the address: it may not go to another one."""

    def interfere(form: Any, *more: Any) -> Any:
        if not Outlet.objects.get(pk=outlet.pk).api_key:
            Outlet.objects.filter(pk=outlet.pk).update(api_key="the-new-key-1234", api_key_set_at=NOW)
        return save_outlet(form, *more)

    monkeypatch.setattr("integration.views.save_outlet", interfere)
    answer = send(signed_in("Manager"), outlet, api_endpoint=THIRD)
    assert answer.json() == {"errors": {"__all__": ["api_key: enter it again: the stored one belongs to another host"]}}
    outlet.refresh_from_db()
    assert outlet.api_endpoint == OLD


@pytest.mark.django_db(transaction=True)
def test_two_at_the_same_moment_one_is_told(outlet: Outlet) -> None:
    clients = [signed_in("Manager"), signed_in("administrator")]
    version, _ = open_page(clients[0], outlet)
    answers: list[int] = []
    start = threading.Barrier(2)

    def race(client: Client, url: str) -> None:
        try:
            start.wait()
            answers.append(save(client, outlet, version, api_endpoint=url).status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=race, args=pair) for pair in zip(clients, (NEW, THIRD), strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200, 302]
    assert LogEntry.objects.count() == 1
