"""The API settings as branch and head office use them: seen, tried, saved; and a new outlet."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from integration.contracts import store_contract
from integration.mock_shop import MockShop
from integration.models import ContractVersion, EndpointHealth, Outlet, OutletProduct
from integration.pages.connection import CAUSES, explain
from integration.platforms.base import ConnectionResult
from integration.platforms.exchange import ERRORS
from integration.push_service import PushService
from tests.conftest import KEY, NOW, make_outlet, stock
from tests.people import restore_migrated_rows, signed_in

pytestmark = pytest.mark.django_db
URL, TEST, ADD = "/shop-integration/api-settings/", "/shop-integration/api-settings/test/", "/outlets/add/"
SECRET, PAIR = "a-very-long-key-1234", "the-second-secret-5678"


@pytest.fixture(autouse=True)
def ground(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    restore_migrated_rows()
    monkeypatch.setattr("tasks.push.ring", lambda rings: None)


@pytest.fixture
def manager() -> Client:
    return signed_in("Manager")


@pytest.fixture
def branch(shop: MockShop) -> Outlet:
    return make_outlet("14", "pasons", name="Al Quoz", api_endpoint=f"{shop.url}/stores/14/products", api_key=KEY)


def at(url: str, outlet: Outlet) -> str:
    return f"{url}?outlet={outlet.pk}"


def settings_of(outlet: Outlet, **changes: str) -> dict[str, str]:
    return {"card": "settings", "api_endpoint": outlet.api_endpoint, "push_enabled": "on", **changes}


def branch_of(outlet: Outlet, **changes: str) -> dict[str, str]:
    values = {name: getattr(outlet, name) for name in ("name", "location", "store_id")}
    return {"card": "branch", **values, "is_active": "on", "allow_private_address": "on", **changes}


def text_of(answer: Any) -> str:
    assert answer.status_code == 200
    return answer.content.decode()


def messages_of(answer: Any) -> list[str]:
    return [str(message) for message in answer.context["messages"]]


# --- who may do what ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "seen", "changed"),
    [
        ("nobody", 403, 403),
        ("Viewer", 200, 403),
        ("Operator", 200, 403),
        ("Manager", 200, 302),
        ("administrator", 200, 302),
    ],
)
def test_who_may_see_and_who_may_change(role: str, seen: int, changed: int) -> None:
    outlet, client = make_outlet(), signed_in(role)
    tested = 200 if changed == 302 else 403
    assert client.get(at(URL, outlet)).status_code == seen
    assert client.post(at(URL, outlet), settings_of(outlet)).status_code == changed
    assert client.post(at(URL, outlet), branch_of(outlet, name="New")).status_code == changed
    assert client.post(at(TEST, outlet), settings_of(outlet)).status_code == tested
    assert client.get(at(TEST, outlet)).status_code == changed
    assert client.get(ADD).status_code == tested
    new = {"name": "Marina", "platform": "pasons", "store_id": "8"}
    assert client.post(ADD, new).status_code == changed
    names = {"New", "Marina"} if changed == 302 else {"Branch 007"}
    assert set(Outlet.objects.values_list("name", flat=True)) == names


def test_a_stranger_is_asked_to_sign_in(client: Client, outlet: Outlet) -> None:
    for url in (at(URL, outlet), at(TEST, outlet), ADD):
        for answer in (client.get(url), client.post(url)):
            assert answer.headers["Location"].startswith("/login/?next=/")


@pytest.mark.parametrize(("role", "pushes"), [("Viewer", False), ("Operator", True)])
def test_who_may_not_change_sees_the_values_and_no_buttons(role: str, pushes: bool) -> None:
    outlet = make_outlet(api_endpoint="https://ann:concealed@shop.example/a?key=concealed", location="Dubai")
    outlet.set_secret("api_key", SECRET, NOW)
    outlet.save()
    text = text_of(signed_in(role).get(at(URL, outlet)))
    for word in ("https://***@shop.example/a?***", "Dubai", "Set on"):
        assert word in text
    for word in (
        "concealed",
        SECRET,
        "Save Settings",
        "Save Branch",
        "Test Connection",
        f'href="{ADD}"',
        'name="api_key"',
    ):
        assert word not in text
    assert ("Push Now" in text) == pushes


@pytest.mark.parametrize("asked", ["0", "x", "9" * 30, "-1", "²", "1 OR 1"])
def test_an_outlet_that_is_not_there(manager: Client, outlet: Outlet, asked: str) -> None:
    for answer in (manager.get(URL, {"outlet": asked}), manager.post(f"{TEST}?outlet={asked}")):
        assert answer.status_code == 404


def test_without_a_choice_nothing_is_changed_or_tried(manager: Client, shop: MockShop, branch: Outlet) -> None:
    for url, data in ((URL, settings_of(branch, api_key="new")), (URL, branch_of(branch, name="New")), (TEST, {})):
        assert manager.post(url, data).status_code == 404
    assert Outlet.objects.values_list("name", "api_key").get() == ("Al Quoz", KEY)
    assert shop.requests == []


# --- seen -----------------------------------------------------------------------------------------------


def test_without_a_choice_the_first_outlet_is_shown(manager: Client) -> None:
    make_outlet("2", name="Marina")
    first = make_outlet("1", name="Al Quoz")
    assert manager.get(URL).context["outlet"] == first
    assert manager.get(reverse("shop_integration")).headers["Location"] == URL


def test_secrets_are_described_and_never_shown(manager: Client) -> None:
    outlet = make_outlet(api_secret=PAIR)
    outlet.set_secret("api_key", SECRET, NOW)
    outlet.save()
    text = text_of(manager.get(at(URL, outlet)))
    assert "ends in <code>1234</code>" in text
    assert "1 Mar 2026, 13:00:00" in text
    assert "One is stored." in text  # of the secret, it is not known since when
    assert SECRET not in text
    assert PAIR not in text


def test_the_page_opens_even_if_a_secret_cannot_be_decrypted(manager: Client, settings: Any) -> None:
    outlet = make_outlet(platform="pasons", api_endpoint="http://127.0.0.1:9/a", api_key=SECRET)
    settings.ENCRYPTION_KEYS = ["x" * 43 + "="]
    text_of(manager.get(at(URL, outlet)))
    assert "cannot be read any more" in text_of(manager.post(at(TEST, outlet), settings_of(outlet)))
    assert manager.post(at(URL, outlet), settings_of(outlet, push_after_update="on")).status_code == 302
    assert manager.post(at(URL, outlet), settings_of(outlet, api_key="again", api_secret="x")).status_code == 302
    assert Outlet.objects.get().api_key == "again"


def test_names_are_shown_as_text(manager: Client) -> None:
    outlet = make_outlet(name="<b>x</b>", location="<i>y</i>")
    text = text_of(manager.get(at(URL, outlet)))
    text += text_of(manager.post(at(URL, outlet), branch_of(outlet, store_id="")))
    assert "<b>x" not in text
    assert "<i>y" not in text


def test_the_number_of_queries_does_not_grow(manager: Client) -> None:
    counts = []
    for count in (3, 30):
        for number in range(count):
            stock(make_outlet(f"{count}-{number}"), 3, prefix=f"{count}-{number}")
        with CaptureQueriesContext(connection) as queries:
            manager.get(URL)
        counts.append(len(queries))
    assert counts[0] == counts[1]


# --- saved ----------------------------------------------------------------------------------------------


def test_saving_says_what_has_changed(manager: Client) -> None:
    outlet = make_outlet(api_endpoint="http://127.0.0.1:9/a")
    changes = settings_of(outlet, api_endpoint="http://127.0.0.1:9/b", api_key=SECRET, push_after_update="on")
    answer = manager.post(at(URL, outlet), changes, follow=True)
    assert messages_of(answer) == ["Saved. Changed: API Endpoint, Push after update and API Key."]
    saved = Outlet.objects.get()
    assert (saved.api_endpoint, saved.api_key, saved.push_after_update) == ("http://127.0.0.1:9/b", SECRET, True)
    assert saved.api_key_ending == "1234"
    assert saved.api_key_set_at is not None
    assert SECRET not in text_of(answer)


def test_what_is_the_same_is_not_called_a_change(manager: Client, outlet: Outlet) -> None:
    answer = manager.post(at(URL, outlet), settings_of(outlet), follow=True)
    assert messages_of(answer) == ["Nothing has been changed: the values are the same."]
    assert not LogEntry.objects.exists()


def test_an_empty_secret_stays_and_a_box_removes_it(manager: Client) -> None:
    outlet = make_outlet(api_key=SECRET, api_secret=PAIR)
    manager.post(at(URL, outlet), settings_of(outlet))
    assert Outlet.objects.get().api_key == SECRET
    manager.post(at(URL, outlet), settings_of(outlet, forget_api_key="on"))
    saved = Outlet.objects.get()
    assert (saved.api_key, saved.api_secret, saved.api_key_set_at) == ("", PAIR, None)


def test_a_secret_cannot_be_replaced_and_removed_at_once(manager: Client) -> None:
    outlet = make_outlet(api_key="old")
    text = text_of(manager.post(at(URL, outlet), settings_of(outlet, api_key="new", forget_api_key="on")))
    assert "Either enter a new one or remove the stored one" in text
    assert Outlet.objects.get().api_key == "old"


def test_a_stored_key_goes_to_no_other_host(manager: Client, shop: MockShop) -> None:
    outlet = make_outlet(platform="pasons", api_key="old", api_endpoint="https://shop.example/a")
    moved = settings_of(outlet, api_endpoint=f"{shop.url}/stores/1/products")
    for url in (URL, TEST):
        assert "the stored one belongs to another server" in text_of(manager.post(at(url, outlet), moved))
    assert shop.requests == []
    assert Outlet.objects.get().api_endpoint == "https://shop.example/a"
    assert manager.post(at(URL, outlet), {**moved, "forget_api_key": "on"}).status_code == 302
    assert Outlet.objects.get().api_key == ""


def test_a_private_address_is_refused_with_the_way_out(manager: Client) -> None:
    outlet = make_outlet(allow_private_address=False)
    text = text_of(manager.post(at(URL, outlet), settings_of(outlet, api_endpoint="http://169.254.169.254/latest")))
    assert "not a public address" in text
    assert Outlet.objects.get().api_endpoint == ""
    assert manager.post(at(URL, outlet), branch_of(outlet)).status_code == 302
    assert manager.post(at(URL, outlet), settings_of(outlet, api_endpoint="http://10.0.0.1/a")).status_code == 302


def test_saving_lets_the_endpoint_be_tried_at_once(manager: Client, outlet: Outlet) -> None:
    EndpointHealth.objects.create(outlet=outlet, failure_count=9, open_until=timezone.now() + timedelta(hours=1))
    assert "has failed 9 times in a row" in text_of(manager.get(at(URL, stocked(outlet))))
    manager.post(at(URL, outlet), settings_of(outlet, api_key="new"))
    assert EndpointHealth.objects.get().open_until is None


def stocked(outlet: Outlet) -> Outlet:
    stock(outlet, 1)
    return outlet


def test_the_branch_s_card_changes_the_branch(manager: Client) -> None:
    outlet = make_outlet("7", api_key=SECRET)
    data = branch_of(outlet, name="Marina", location="Dubai", store_id="007")
    del data["is_active"]
    answer = manager.post(at(URL, outlet), data, follow=True)
    assert messages_of(answer) == ["Saved. Changed: Name, Location, Store id and Active."]
    saved = Outlet.objects.get()
    assert (saved.name, saved.location, saved.store_id, saved.is_active) == ("Marina", "Dubai", "007", False)
    assert (saved.api_key, saved.push_enabled) == (SECRET, True)


def test_two_branches_of_a_platform_cannot_have_the_same_store_id(manager: Client) -> None:
    make_outlet("8", name="Marina")
    make_outlet("8", "pasons")
    outlet = make_outlet("9")
    text = text_of(manager.post(at(URL, outlet), branch_of(outlet, store_id=" 8 ")))
    assert "Marina has this store id on memory already." in text
    text = text_of(manager.post(ADD, {"name": "New", "platform": "pasons", "store_id": "8"}))
    assert "Branch 8 has this store id on pasons already." in text
    assert Outlet.objects.filter(store_id="8").count() == 2


def test_an_endpoint_in_our_network_keeps_its_leave(manager: Client) -> None:
    outlet = make_outlet(api_endpoint="http://10.0.0.1/a")
    data = branch_of(outlet)
    del data["allow_private_address"]
    assert "it would not be reached any more" in text_of(manager.post(at(URL, outlet), data))
    assert Outlet.objects.get().allow_private_address


def test_another_shop_has_to_be_told_everything(manager: Client, outlet: Outlet) -> None:
    OutletProduct.objects.filter(outlet=stocked(outlet)).update(pushed_at=NOW)
    answer = manager.post(at(URL, outlet), branch_of(outlet, store_id="8"), follow=True)
    assert "push everything once" in messages_of(answer)[1]


def test_no_secret_is_in_any_log_entry_or_page(manager: Client, caplog: pytest.LogCaptureFixture) -> None:
    outlet = make_outlet(platform="pasons", api_endpoint="http://127.0.0.1:9/a")
    data = settings_of(outlet, api_key=SECRET, api_secret=PAIR)
    answers = [manager.post(at(url, outlet), data, follow=True) for url in (TEST, URL)]
    new = {"name": "Marina", "platform": "pasons", "store_id": "8", "api_key": SECRET, "api_secret": PAIR}
    answers.append(manager.post(ADD, new, follow=True))
    answers += [manager.get(reverse("timeline")), manager.get(at(URL, outlet))]
    assert LogEntry.objects.count() == 2
    texts = [
        answer.content.decode() + str(answer.redirect_chain if hasattr(answer, "redirect_chain") else "")
        for answer in answers
    ]
    texts += [str(row) for row in LogEntry.objects.values_list()]
    texts.append(caplog.text)
    assert not [text for text in texts if SECRET in text or PAIR in text]


# --- tried ----------------------------------------------------------------------------------------------


def test_a_connection_is_tried_with_values_that_are_not_saved(manager: Client, branch: Outlet) -> None:
    Outlet.objects.update(api_key="old")
    assert "it refused the key" in text_of(manager.post(at(TEST, branch), settings_of(branch)))
    data = settings_of(branch, api_key=KEY, push_after_update="on")
    text = text_of(manager.post(at(TEST, branch), data))
    for words in ("The connection works.", "These values are not saved yet.", " ms"):
        assert words in text
    assert (
        'name="push_after_update" class="form-check-input" checked' in text.replace('id="id_push_after_update" ', "")
        or "checked" in text.split('name="push_after_update"')[1].split(">")[0]
    )
    assert KEY not in text
    saved = Outlet.objects.get()
    assert (saved.api_key, saved.push_after_update) == ("old", False)
    assert not LogEntry.objects.exists()


def test_with_htmx_only_what_was_found_comes_back(manager: Client, branch: Outlet) -> None:
    text = text_of(manager.post(at(TEST, branch), settings_of(branch), headers={"HX-Request": "true"}))
    assert "The connection works." in text
    assert "not saved yet" not in text
    assert "<html" not in text
    text = text_of(
        manager.post(at(TEST, branch), settings_of(branch, api_endpoint="no address"), headers={"HX-Request": "true"})
    )
    assert "These values cannot be tried" in text
    assert "API Endpoint: Enter a valid URL." in text


def test_a_test_that_works_ends_the_pause_of_the_endpoint(manager: Client, branch: Outlet) -> None:
    until = timezone.now() + timedelta(hours=1)
    EndpointHealth.objects.create(outlet=branch, failure_count=9, open_until=until)
    manager.post(at(TEST, branch), settings_of(branch, push_after_update="on"))
    assert EndpointHealth.objects.get().open_until == until  # other values than the stored ones
    manager.post(at(TEST, branch), settings_of(branch))
    assert EndpointHealth.objects.get().open_until is None


@pytest.mark.parametrize(
    ("endpoint", "words"),
    [
        ("http://127.0.0.1:9/a", "does not take our connection"),
        ("http://no-such-server.invalid/a", "No server of this name was found"),
        ("{shop}/nowhere", "knows no such address"),
        ("{https}/a", "it speaks no https on this port"),
        ("", "Enter the address that the shop gave you."),
    ],
)
def test_causes_are_told_apart(manager: Client, branch: Outlet, shop: MockShop, endpoint: str, words: str) -> None:
    url = endpoint.format(shop=shop.url, https=shop.url.replace("http:", "https:"))
    data = settings_of(branch, api_endpoint=url, api_key=KEY)
    assert words in text_of(manager.post(at(TEST, branch), data))


def test_an_address_that_needs_leave_is_named(manager: Client, branch: Outlet) -> None:
    Outlet.objects.update(allow_private_address=False)
    text = text_of(manager.post(at(TEST, branch), settings_of(branch)))
    assert "not a public address" in text


def test_a_contract_that_cannot_be_used_is_named(manager: Client, branch: Outlet) -> None:
    version = store_contract("pasons", "", {"batch_size": 10}, NOW)
    ContractVersion.objects.filter(pk=version.pk).update(changes={"batch_sise": 10})
    text = text_of(manager.post(at(TEST, branch), settings_of(branch)))
    assert text.count("The contract of this platform cannot be used.") == 1
    assert "The contract of pasons cannot be used, so nothing can be sent." in text


def test_every_way_of_failing_has_words_of_its_own() -> None:
    kinds = {kind for _, kind, _ in ERRORS} | {"tls", "name_not_found", "credentials", "wrong_path", "token"}
    assert kinds <= CAUSES.keys()


@pytest.mark.parametrize(
    ("status", "title"),
    [
        (503, "The shop has a problem of its own."),
        (429, "The shop is asked too often at present."),
        (302, "The shop has moved to another address."),
        (418, "The shop's answer is not the one that was expected."),
    ],
)
def test_answers_that_are_none_are_told_apart(status: int, title: str) -> None:
    assert explain(ConnectionResult(False, "unexpected_answer", "", status, 1))["title"] == title
    assert explain(ConnectionResult(False, "new kind", "", None, 1))["advice"]


def test_what_the_shop_says_is_shown_as_text(manager: Client, branch: Outlet, monkeypatch: Any) -> None:
    result = ConnectionResult(False, "protocol", "<script>alert(1)</script> at https://a/b?key=hidden", None, 5)
    monkeypatch.setattr("integration.pages.connection.ask_connection", lambda outlet: result)
    text = text_of(manager.post(at(TEST, branch), settings_of(branch)))
    assert "&lt;script&gt;alert(1)" in text
    assert "<script>alert" not in text
    assert "hidden</span>" not in text
    assert "key=hidden" not in text


def test_who_comes_back_to_a_test_s_address_gets_the_page(manager: Client, branch: Outlet) -> None:
    assert manager.get(at(TEST, branch)).headers["Location"] == at(URL, branch)


# --- first steps ----------------------------------------------------------------------------------------


def test_an_empty_system_says_how_to_begin(manager: Client) -> None:
    text = text_of(manager.get(URL))
    assert "No outlets yet" in text
    assert f'href="{ADD}"' in text
    viewer = text_of(signed_in("Viewer").get(URL))
    assert "No outlets yet" in viewer
    assert f'href="{ADD}"' not in viewer


def test_from_nothing_to_the_first_push(manager: Client, shop: MockShop) -> None:
    new = {"name": "Al Quoz", "platform": "pasons", "store_id": "007", "allow_private_address": "on"}
    answer = manager.post(ADD, new, follow=True)
    outlet = Outlet.objects.get()
    assert answer.redirect_chain == [(at(URL, outlet), 302)]
    assert messages_of(answer) == ["Al Quoz has been added."]
    assert outlet.store_id == "007"
    assert step(answer) == ("Enter the endpoint", "#id_api_endpoint")
    outlet.api_endpoint = f"{shop.url}/stores/007/products"
    data = settings_of(outlet, api_key=KEY)
    del data["push_enabled"]
    answer = manager.post(at(URL, outlet), data, follow=True)
    assert step(answer) == ("Upload products", at(reverse("product_update"), outlet))
    assert "No products yet: upload a product file." in text_of(answer)
    stock(outlet, 1)
    assert step(manager.get(at(URL, outlet))) == ("Switch it on", "#id_push_enabled")
    answer = manager.post(at(URL, outlet), settings_of(outlet), follow=True)
    assert step(answer) == ("Push the changes", f"{reverse('push_start', args=[outlet.pk])}?type=partial")
    states = [stage.state for stage in answer.context["stages"]]
    assert states == ["done", "done", "done", "here"]
    PushService(Outlet.objects.get()).push()
    answer = manager.get(at(URL, outlet))
    assert (answer.context["stages"], answer.context["step"]) == ([], {})


def step(answer: Any) -> tuple[str, str]:
    return answer.context["step"]["label"], answer.context["step"]["url"]


def test_a_step_that_one_may_not_take_has_no_link(outlet: Outlet) -> None:
    viewer = signed_in("Viewer")
    assert step(viewer.get(at(URL, outlet))) == ("Upload products", "")
    Outlet.objects.update(is_active=False)
    text = text_of(viewer.get(at(URL, outlet)))
    assert "This outlet is not active, so nothing is pushed." in text
    assert "Switch it on" not in text


def test_a_new_outlet_has_everything_that_was_entered(manager: Client) -> None:
    new = {
        "name": "Marina",
        "location": "Dubai",
        "platform": "talabat",
        "store_id": "0031",
        "api_endpoint": "http://10.0.0.1/a",
        "api_key": SECRET,
        "api_secret": PAIR,
        "push_enabled": "on",
        "push_after_update": "on",
    }
    assert "not a public address" in text_of(manager.post(ADD, new))
    assert not Outlet.objects.exists()
    assert manager.post(ADD, {**new, "allow_private_address": "on"}).status_code == 302
    saved = Outlet.objects.get()
    names = ("name", "location", "platform", "store_id", "api_endpoint", "api_key", "api_secret")
    assert {name: getattr(saved, name) for name in names} == {name: new[name] for name in names}
    assert (saved.push_enabled, saved.push_after_update, saved.is_active) == (True, True, True)
    assert (saved.api_key_ending, saved.api_secret_ending) == ("1234", "5678")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": ""}, "This field is required."),
        ({"store_id": " "}, "This field is required."),
        ({"platform": "memory"}, "Select a valid choice."),
        ({"api_endpoint": "ftp://shop.example"}, "begins with https:// or http://"),
        ({"store_id": "x" * 65}, "at most 64 characters"),
    ],
)
def test_a_new_outlet_that_cannot_be(manager: Client, changes: dict[str, str], words: str) -> None:
    new = {"name": "Marina", "platform": "pasons", "store_id": "8", **changes}
    assert words in text_of(manager.post(ADD, new))
    assert not Outlet.objects.exists()


def test_an_empty_form_is_no_outlet(manager: Client) -> None:
    assert "This field is required." in text_of(manager.post(ADD))
    assert "memory" not in text_of(manager.get(ADD))


def test_who_enters_a_key_is_told_where_else_the_contract_leads(manager: Client, branch: Outlet) -> None:
    assert "leads to" not in text_of(manager.get(at(URL, branch)))
    store_contract("pasons", "", {"connection_url": "https://elsewhere.example/ping"}, timezone.now())
    assert "leads to elsewhere.example too" in text_of(manager.get(at(URL, branch)))
