"""The JSON endpoints: for who is signed in and may do it, with errors that name the field."""

import importlib
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from integration.mock_shop import MockShop
from integration.models import EndpointHealth, Outlet, PushHistory
from integration.push_queue import start_push
from integration.push_service import PushService
from tests.conftest import KEY, make_outlet, set_price, stock

pytestmark = pytest.mark.django_db
SAVE, TEST, PUSH, HISTORY = (
    "/api/outlet-api-settings/",
    "/api/test-api-connection/",
    "/api/push-to-ecommerce/",
    "/api/push-history/",
)


@pytest.fixture(autouse=True)
def silent_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.push.ring", lambda rings: None)


@pytest.fixture(autouse=True)
def roles(db: None) -> None:
    """As the migration makes them: a test that empties the whole database takes them away."""
    migration = importlib.import_module("integration.migrations.0007_roles")
    migration.make_roles(apps, SimpleNamespace(connection=connection))


def person(role: str) -> Client:
    user = get_user_model().objects.create_user(role)
    if role != "nobody":
        user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def manager() -> Client:
    return person("Manager")


def post(client: Client, url: str, **data: Any) -> tuple[int, Any]:
    answer = client.post(url, data, content_type="application/json")
    return answer.status_code, answer.json()


def test_the_plan_s_names_and_addresses() -> None:
    names = ("save_outlet_api_settings", "test_api_connection", "push_to_ecommerce", "push_history")
    assert tuple(reverse(name) for name in names) == (SAVE, TEST, PUSH, HISTORY)


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        ("nobody", set()),
        ("Viewer", {HISTORY}),
        ("Operator", {HISTORY, PUSH}),
        ("Manager", {HISTORY, PUSH, SAVE, TEST}),
    ],
)
def test_who_may_do_what(outlet: Outlet, role: str, allowed: set[str]) -> None:
    client = person(role)
    answers = {url: post(client, url, outlet=outlet.pk)[0] for url in (SAVE, TEST, PUSH)}
    answers[HISTORY] = client.get(HISTORY).status_code
    assert {url for url, status in answers.items() if status != 403} == allowed
    assert not PushHistory.objects.exists()


def test_a_stranger_is_asked_to_sign_in(client: Client, outlet: Outlet) -> None:
    stock(outlet, 1)
    assert post(client, PUSH, outlet=outlet.pk) == (401, {"errors": {"__all__": ["sign in first"]}})
    assert client.get(HISTORY).status_code == 401
    assert not PushHistory.objects.exists()


def test_a_request_from_another_site_is_refused(outlet: Outlet) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(get_user_model().objects.create_superuser("asha"))
    stock(outlet, 1)
    answer = client.post(PUSH, {"outlet": outlet.pk}, content_type="application/json")
    assert answer.status_code == 403
    assert not PushHistory.objects.exists()


@pytest.mark.parametrize("url", [SAVE, TEST, PUSH])
@pytest.mark.parametrize("which", [None, "", "x", -1, "9" * 30, 10**6, [1], "²"])
def test_an_outlet_that_is_not_there(manager: Client, url: str, which: Any) -> None:
    assert post(manager, url, outlet=which) == (404, {"errors": {"outlet": ["there is no such outlet"]}})


@pytest.mark.parametrize("body", ["", "{", "[1]", "null", '"x"'])
def test_what_is_no_json_object(manager: Client, body: str) -> None:
    answer = manager.post(PUSH, body, content_type="application/json")
    assert (answer.status_code, answer.json()) == (400, {"errors": {"__all__": ["a JSON object is needed"]}})


# --- settings -------------------------------------------------------------------------------------------


def test_what_is_named_is_saved_and_the_rest_stays(manager: Client) -> None:
    outlet = make_outlet(api_key="old-key", api_secret="old-secret", api_endpoint="http://127.0.0.1:9/a")
    status, facts = post(manager, SAVE, outlet=outlet.pk, api_key="new-key", push_after_update=True)
    assert status == 200
    assert (facts["outlet"]["has_api_key"], facts["outlet"]["push_after_update"]) == (True, True)
    assert "key" not in str(facts["outlet"].values())
    saved = Outlet.objects.get()
    assert (saved.api_key, saved.api_secret, saved.push_enabled) == ("new-key", "old-secret", True)
    assert post(manager, SAVE, outlet=outlet.pk, push_enabled=False, api_key="")[0] == 200
    saved = Outlet.objects.get()
    assert (saved.api_key, saved.push_enabled) == ("new-key", False)


@pytest.mark.parametrize("url", [SAVE, TEST])
def test_a_stored_key_goes_to_no_other_host(manager: Client, shop: MockShop, url: str) -> None:
    outlet = make_outlet(platform="pasons", api_key="old-key", api_endpoint="https://shop.example/a")
    status, facts = post(manager, url, outlet=outlet.pk, api_endpoint=f"{shop.url}/stores/1/products")
    assert (status, facts["errors"]["__all__"]) == (
        400,
        ["api_key: enter it again: the stored one belongs to another host"],
    )
    assert Outlet.objects.get().api_endpoint == "https://shop.example/a"
    assert shop.requests == []


@pytest.mark.parametrize("url", [SAVE, TEST])
def test_a_stored_key_is_not_sent_in_the_clear_where_it_was_encrypted(manager: Client, url: str) -> None:
    outlet = make_outlet(platform="pasons", api_key="old-key", api_endpoint="https://shop.example/a")
    status, facts = post(manager, url, outlet=outlet.pk, api_endpoint="http://shop.example/a")
    assert (status, list(facts["errors"])) == (400, ["__all__"])
    assert Outlet.objects.get().api_endpoint == "https://shop.example/a"


@pytest.mark.parametrize("address", ["https://xn--a.com/", "https://☃☃.net/", "https://shop.example/\u0001"])
def test_an_address_that_no_request_can_go_to_is_an_error_of_its_field(manager: Client, address: str) -> None:
    outlet = make_outlet(platform="pasons")
    status, facts = post(manager, SAVE, outlet=outlet.pk, api_endpoint=address)
    assert (status, list(facts["errors"])) == (400, ["api_endpoint"])


def test_half_a_character_is_no_key(manager: Client) -> None:
    body = f'{{"outlet": {make_outlet().pk}, "api_key": "\\ud800"}}'
    answer = manager.post(SAVE, body, content_type="application/json")
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["api_key"])


@pytest.mark.parametrize("digits", [20, 5000])
def test_no_outlet_has_so_long_a_number(manager: Client, digits: int) -> None:
    assert post(manager, PUSH, outlet="9" * digits)[0] == 404


def test_errors_name_their_field(manager: Client) -> None:
    outlet = make_outlet(allow_private_address=False)
    status, facts = post(manager, SAVE, outlet=outlet.pk, api_endpoint="no address")
    assert (status, list(facts["errors"])) == (400, ["api_endpoint"])
    status, facts = post(manager, SAVE, outlet=outlet.pk, api_endpoint="http://169.254.169.254/latest")
    assert (status, list(facts["errors"])) == (400, ["api_endpoint"])
    assert Outlet.objects.get().api_endpoint == ""


@pytest.mark.parametrize("value", ["no", "true", 0, 1, None, [], {}])
def test_a_switch_is_true_or_false(manager: Client, value: Any) -> None:
    outlet = make_outlet(push_enabled=False)
    status, facts = post(manager, SAVE, outlet=outlet.pk, push_enabled=value)
    assert (status, facts["errors"]) == (400, {"push_enabled": ["Enter true or false."]})
    assert not Outlet.objects.get().push_enabled


def test_saving_lets_the_endpoint_be_tried_at_once(manager: Client, outlet: Outlet) -> None:
    EndpointHealth.objects.create(outlet=outlet, failure_count=9, open_until=timezone.now() + timedelta(hours=1))
    assert post(manager, SAVE, outlet=outlet.pk, api_key="new")[0] == 200
    assert EndpointHealth.objects.get().open_until is None


# --- connection -----------------------------------------------------------------------------------------


def test_a_connection_is_tried_with_values_that_are_not_saved(manager: Client, shop: MockShop) -> None:
    outlet = make_outlet(platform="pasons", api_key="old", api_endpoint=f"{shop.url}/stores/1/products")
    assert post(manager, TEST, outlet=outlet.pk)[1]["kind"] == "credentials"
    status, facts = post(manager, TEST, outlet=outlet.pk, api_key=KEY)
    assert (status, facts["ok"], facts["kind"]) == (200, True, "ok")
    assert Outlet.objects.get().api_key == "old"
    assert facts["elapsed_ms"] >= 0


def test_without_an_address_there_is_nothing_to_try(manager: Client, outlet: Outlet) -> None:
    assert post(manager, TEST, outlet=outlet.pk) == (
        400,
        {"errors": {"api_endpoint": ["enter the shop's address first"]}},
    )


# --- pushes ---------------------------------------------------------------------------------------------


def test_a_push_begins_and_a_second_one_joins_it(manager: Client, outlet: Outlet) -> None:
    stock(outlet, 1)
    status, first = post(manager, PUSH, outlet=outlet.pk, push_type="full")
    push = PushHistory.objects.get()
    assert (status, first["push"], first["joined"]) == (202, push.pk, False)
    assert (push.push_type, push.trigger, push.created_by.username) == ("full", "manual", "Manager")  # type: ignore[union-attr]
    status, second = post(manager, PUSH, outlet=outlet.pk)
    assert (status, second["push"], second["joined"]) == (202, push.pk, True)
    assert first["url"] == reverse("push", args=[push.pk])
    assert manager.get(first["history_url"]).json()["pushes"][0]["push"] == push.pk


def test_where_nothing_differs_no_push_begins(manager: Client, outlet: Outlet) -> None:
    status, facts = post(manager, PUSH, outlet=outlet.pk)
    assert (status, facts["push"]) == (200, None)
    assert not PushHistory.objects.exists()


def test_an_outlet_that_cannot_push_says_why(manager: Client) -> None:
    outlet = make_outlet(push_enabled=False)
    stock(outlet, 1)
    status, facts = post(manager, PUSH, outlet=outlet.pk)
    assert status == 400
    assert "set push_enabled" in facts["errors"]["__all__"][0]
    status, facts = post(manager, PUSH, outlet=outlet.pk, push_type="everything")
    assert (status, list(facts["errors"])) == (400, ["push_type"])


def test_the_history_comes_in_pages_of_ten_and_can_be_filtered(
    manager: Client, outlet: Outlet, django_assert_max_num_queries: Any
) -> None:
    (sku,) = stock(outlet, 1)
    for number in range(12):
        set_price(outlet, sku, str(number + 1))
        PushService(outlet).push()
    with django_assert_max_num_queries(8):
        facts = manager.get(HISTORY).json()
    assert (len(facts["pushes"]), facts["page_count"], facts["push_count"]) == (10, 2, 12)
    newest = facts["pushes"][0]
    assert (newest["status"], newest["item_count"], newest["store_id"]) == ("success", 1, "007")
    assert newest["response_message"] == "1 of 1 items accepted"
    assert len(manager.get(HISTORY, {"page": 2}).json()["pushes"]) == 2
    set_price(outlet, sku, "99")
    start_push(outlet, "full", "schedule", timezone.now())
    for filters, count in (({"trigger": "schedule"}, 1), ({"status": "success"}, 12), ({"outlet": outlet.pk + 1}, 0)):
        assert manager.get(HISTORY, filters).json()["push_count"] == count
    assert manager.get(HISTORY, {"status": "odd"}).status_code == 400


def test_no_answer_holds_a_secret(manager: Client, shop: MockShop) -> None:
    outlet = make_outlet(
        platform="pasons", api_key=KEY, api_secret="another", api_endpoint=f"{shop.url}/stores/1/products"
    )
    stock(outlet, 1)
    texts = [str(post(manager, url, outlet=outlet.pk)[1]) for url in (SAVE, TEST, PUSH)]
    texts.append(manager.get(HISTORY).content.decode())
    assert not [text for text in texts if KEY in text or "another" in text]
