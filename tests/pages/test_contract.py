"""The contract tab: what holds, two ways to change it, what it would send, and every earlier version."""

import json
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from integration.contracts import contract_of, store_contract
from integration.models import ContractVersion, Outlet
from tests.conftest import make_outlet, stock
from tests.people import restore_migrated_rows, signed_in

KEY, SECRET = "k-e/y&7 forty", "s3cret+of=shop"
STORED = "is stored. It holds from the next request on."


@pytest.fixture(autouse=True)
def migrated_rows(db: None) -> None:
    restore_migrated_rows()


@pytest.fixture
def manager() -> Client:
    return signed_in("Manager")


@pytest.fixture
def branch() -> Outlet:
    outlet = make_outlet("14", "pasons", api_endpoint="https://shop.example/14", api_key=KEY, api_secret=SECRET)
    stock(outlet, 3)
    return outlet


def store(changes: dict[str, Any], preset: str = "", note: str = "") -> ContractVersion:
    return store_contract("pasons", preset, changes, timezone.now(), None, note)


def address(kind: str = "form", name: str = "contract") -> str:
    return f"{reverse(name)}?platform=pasons&as={kind}"


def held() -> tuple[int, str, dict[str, Any]]:
    version = ContractVersion.objects.filter(platform="pasons").order_by("-number").first()
    return (version.number, version.preset, version.changes) if version else (0, "", {})


def fields(client: Client, kind: str = "form") -> dict[str, Any]:
    """What a browser would post without an edit."""
    response = client.get(address(kind))
    trial = response.context["trial_form"]
    return {"posted_as": kind, **response.context["editor"].data, **trial.data}


def post(client: Client, data: dict[str, Any], action: str = "store", kind: str = "", name: str = "contract") -> Any:
    url = address(kind or data.get("posted_as", "form"), name)
    return client.post(url, {**data, "action": action}, follow=True)


def by_htmx(client: Client, data: dict[str, Any]) -> str:
    response = client.post(address(name="contract_preview"), data, headers={"HX-Request": "true"})
    assert response.status_code == 200
    return response.content.decode()


# --- who may ---------------------------------------------------------------------------------------------


def test_a_viewer_reads_the_contract_and_finds_no_button(branch: Outlet) -> None:
    version = store({"batch_size": 200}, note="smaller")
    store({"batch_size": 300})
    viewer = signed_in("Viewer")
    page = viewer.get(address()).content.decode()
    assert "&quot;batch_size&quot;: 300" in page
    assert "smaller" in page
    assert "Store as version" not in page
    assert 'id="preview-request"' not in page
    assert "Restore" not in viewer.get(reverse("contract_version", args=[version.pk])).content.decode()


@pytest.mark.parametrize("role", ["Viewer", "Operator"])
def test_only_a_manager_may_store_look_ahead_or_restore(role: str, branch: Outlet) -> None:
    version = store({"batch_size": 200})
    store({})
    client = signed_in(role)
    data = {"posted_as": "json", "changes_json": '{"batch_size": 3}', "number": 2, "action": "store"}
    assert client.post(address(), data).status_code == 403
    assert client.post(address(name="contract_preview"), data).status_code == 403
    assert client.post(reverse("contract_restore", args=[version.pk])).status_code == 403
    assert held() == (2, "", {})


def test_nobody_without_a_role_sees_it() -> None:
    assert signed_in("nobody").get(address()).status_code == 403


# --- what holds ------------------------------------------------------------------------------------------


def test_the_platform_with_the_most_outlets_is_shown_first(manager: Client) -> None:
    make_outlet("1", "talabat")
    make_outlet("2", "talabat")
    make_outlet("3", "pasons")
    page = manager.get(reverse("contract"))
    assert page.context["held"].platform == "talabat"
    assert "for all 2 outlets of talabat" in page.content.decode()


def test_an_unknown_platform_is_no_page(manager: Client) -> None:
    assert manager.get(f"{reverse('contract')}?platform=shopify").status_code == 404


def test_while_nothing_is_stored_what_is_configured_is_the_beginning(manager: Client, settings: Any) -> None:
    settings.CONTRACTS = {"pasons": {"batch_size": 7}}
    page = manager.get(address())
    assert page.context["editor"]["set_batch_size"].value() == "7"
    assert "Nobody has stored a version yet" in page.content.decode()


def test_a_contract_that_cannot_be_used_any_more_can_be_mended(manager: Client, branch: Outlet) -> None:
    ContractVersion.objects.create(
        platform="pasons", number=1, changes={"batch": 3, "attempts": 99}, created_at=timezone.now()
    )
    page = manager.get(address())
    assert "batch: there is no such setting" in page.content.decode()
    assert page.context["editor"].errors["set_attempts"] == ["Input should be less than or equal to 10"]
    assert STORED in post(manager, {**fields(manager, "json"), "changes_json": "{}"}).content.decode()
    assert held() == (2, "", {})


# --- the form --------------------------------------------------------------------------------------------


def test_a_field_changes_its_setting_and_leaves_all_others(manager: Client) -> None:
    changes = {"headers": {"X-Chain": "p"}, "fields": {"sku": "code"}, "errors": "", "stock_values": [1, 2]}
    store(changes)
    data = {
        **fields(manager),
        "set_batch_size": "200",
        "set_fields__selling_price": "price.value",
        "note": "they asked",
    }
    assert STORED in post(manager, data).content.decode()
    after = {**changes, "batch_size": 200, "fields": {"sku": "code", "selling_price": "price.value"}}
    assert held() == (2, "", after)
    version = ContractVersion.objects.get(number=2)
    assert (version.note, version.created_by) == ("they asked", get_user_model().objects.get(username="manager"))


@pytest.mark.parametrize(
    ("edits", "changes"),
    [
        ({"set_batch_size": ""}, {"fields": {"sku": "code"}}),
        ({"set_fields__sku": ""}, {"batch_size": 5}),
        ({"set_fields__sku": '""'}, {"batch_size": 5, "fields": {"sku": ""}}),
        (
            {"set_requests_per_minute": "none"},
            {"batch_size": 5, "fields": {"sku": "code"}, "requests_per_minute": None},
        ),
        ({"set_timeout_seconds": "2.5"}, {"batch_size": 5, "fields": {"sku": "code"}, "timeout_seconds": 2.5}),
        (
            {"set_accepted_statuses": "207"},
            {"batch_size": 5, "fields": {"sku": "code"}, "accepted_statuses": [207]},
        ),
        ({"stock_choice": "truth"}, {"batch_size": 5, "fields": {"sku": "code"}, "stock_values": [False, True]}),
        (
            {"stock_choice": "words", "stock_out": "no", "stock_in": "yes"},
            {"batch_size": 5, "fields": {"sku": "code"}, "stock_values": ["no", "yes"]},
        ),
        ({"set_auth": "basic"}, {"batch_size": 5, "fields": {"sku": "code"}, "auth": "basic"}),
    ],
)
def test_what_a_field_says_is_stored(manager: Client, edits: dict[str, str], changes: dict[str, Any]) -> None:
    store({"batch_size": 5, "fields": {"sku": "code"}})
    post(manager, {**fields(manager), **edits})
    assert held() == (2, "", changes)


def test_zero_and_false_are_not_the_same(manager: Client) -> None:
    store({"stock_values": [0, 1]})
    post(manager, {**fields(manager), "stock_choice": "truth"})
    assert json.dumps(held()[2]) == '{"stock_values": [false, true]}'


@pytest.mark.parametrize("kind", ["form", "json"])
def test_what_holds_already_is_not_stored_again(manager: Client, kind: str) -> None:
    store({"batch_size": 5, "headers": {"X-Chain": "p"}, "errors": "", "job": None, "gap_seconds": 2.0}, "talabat")
    page = post(manager, {**fields(manager, kind), "note": "again"}).content.decode()
    assert "This is what holds already, so nothing was stored." in page
    assert held()[0] == 1


@pytest.mark.parametrize(
    ("edits", "field", "problem"),
    [
        ({"set_batch_size": "many"}, "set_batch_size", "Input should be a valid integer"),
        ({"set_timeout_seconds": "nan"}, "set_timeout_seconds", "less than or equal to 120"),
        ({"set_url": "http://elsewhere"}, "set_url", "it has to begin with {api_endpoint}"),
        ({"set_errors": "items["}, "set_errors", "not a JMESPath expression"),
        ({"set_errors": "(" * 3000}, "set_errors", "nested too deeply"),
        ({"set_auth": "oauth2"}, "set_token_url", "it has to begin with {api_endpoint}"),
        ({"set_accepted_statuses": "ok"}, "set_accepted_statuses", "Input should be a valid integer"),
        ({"set_auth_header": "X Key"}, "set_auth_header", "String should match pattern"),
        ({"set_fields__sku": "a..b"}, "__all__", "the name 'a..b' has an empty part"),
        ({"set_store_id_key": "store"}, "__all__", "need an items_key"),
    ],
)
def test_a_problem_stands_at_its_field_and_nothing_is_stored(
    manager: Client, edits: dict[str, str], field: str, problem: str
) -> None:
    page = post(manager, {**fields(manager), **edits})
    assert problem in " ".join(page.context["editor"].errors[field])
    assert "Nothing is stored." in page.content.decode()
    assert held()[0] == 0


def test_the_preset_s_values_are_the_placeholders(manager: Client) -> None:
    page = post(manager, {**fields(manager), "preset": "woocommerce"}, "switch").content.decode()
    assert 'placeholder="regular_price"' in page
    assert "As the preset has it: string" in page
    assert held()[0] == 0


# --- JSON ------------------------------------------------------------------------------------------------


def test_json_says_all(manager: Client) -> None:
    changes = {"calls": [{"url": "{api_endpoint}/prices"}, {"url": "{api_endpoint}/stock"}]}
    data = {**fields(manager, "json"), "changes_json": json.dumps(changes), "preset": "pasons"}
    post(manager, data)
    assert held() == (1, "pasons", changes)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "This is not JSON"),
        ("[]", "An object is needed"),
        ('{"a": NaN}', "This is not JSON"),
        ("[" * 100_000, "at most 100000 characters|This is not JSON"),
        ("[" * 90_000, "This is not JSON"),
        ('{"currency": "\\u0000"}', "it holds what cannot be stored"),
        ('{"batch_sise": 5}', "batch_sise: there is no such setting; batch_size is meant?"),
        ('{"batch_size": "many"}', "batch_size: Input should be a valid integer"),
    ],
)
def test_json_that_cannot_be_used_is_not_stored(manager: Client, text: str, problem: str) -> None:
    page = post(manager, {**fields(manager, "json"), "changes_json": text})
    errors = str(page.context["editor"].errors.as_data())
    assert any(part in errors for part in problem.split("|"))
    assert held()[0] == 0


def test_every_setting_is_listed_with_what_it_may_be(manager: Client) -> None:
    page = manager.get(address("json")).content.decode()
    for name in ("batch_size", "fields.sku", "job.answer.unlisted", "calls"):
        assert f"<code>{name}</code>" in page
    assert "integer 1 … 10000" in page


# --- from one to the other ---------------------------------------------------------------------------------


def test_switching_loses_nothing(manager: Client) -> None:
    store({"headers": {"X-Chain": "p"}, "errors": ""})
    edited = {**fields(manager), "set_batch_size": "many", "note": "why not", "preset": "talabat"}
    shown = post(manager, edited, "switch", "json").context["editor"]
    assert json.loads(shown["changes_json"].value()) == {
        "headers": {"X-Chain": "p"},
        "errors": "",
        "batch_size": "many",
    }
    assert (shown["note"].value(), shown["preset"].value(), shown["number"].value()) == ("why not", "talabat", 1)
    back = post(manager, {"posted_as": "json", **shown.data}, "switch", "form").context["editor"]
    assert (back["set_batch_size"].value(), back["set_errors"].value(), back["note"].value()) == (
        "many",
        '""',
        "why not",
    )
    assert "Input should be a valid integer" in str(back.errors["set_batch_size"])
    assert post(manager, {"posted_as": "form", **back.data, "set_batch_size": "9"}).status_code == 200
    assert held() == (2, "talabat", {"headers": {"X-Chain": "p"}, "errors": "", "batch_size": 9})


def test_json_that_cannot_be_read_stays_where_it_can_be_mended(manager: Client) -> None:
    shown = post(manager, {**fields(manager, "json"), "changes_json": '{"batch_size": '}, "switch", "form")
    assert shown.context["editor"].kind == "json"
    assert shown.context["editor"]["changes_json"].value() == '{"batch_size": '


def test_the_form_says_what_only_the_json_shows(manager: Client) -> None:
    store({"headers": {"X-Chain": "p"}, "batch_size": 5, "job": None})
    assert manager.get(address()).context["editor"].beyond() == ["headers", "job"]


def test_a_version_that_somebody_else_stored_meanwhile_is_not_replaced_unseen(manager: Client) -> None:
    mine = {**fields(manager), "set_batch_size": "9"}
    store({"batch_size": 1})
    page = post(manager, mine)
    assert "While you were editing, version 1 was stored." in page.content.decode()
    assert held() == (1, "", {"batch_size": 1})
    post(manager, {"posted_as": "form", **page.context["editor"].data})
    assert held() == (2, "", {"batch_size": 9})


# --- the preview -----------------------------------------------------------------------------------------


def test_the_preview_shows_the_request_of_a_contract_that_is_not_stored(manager: Client, branch: Outlet) -> None:
    data = {**fields(manager), "set_fields__sku": "code", "set_items_key": "items", "stock_choice": "truth"}
    shown = by_htmx(manager, data)
    assert "<strong>POST</strong> https://shop.example/14" in shown
    assert "X-API-Key: ***" in shown
    assert "&quot;code&quot;: &quot;s00001&quot;" in shown
    assert "s00002" not in shown
    assert held()[0] == 0


def test_without_javascript_the_preview_is_the_whole_page(manager: Client, branch: Outlet) -> None:
    page = post(manager, {**fields(manager), "set_fields__sku": "code"}, "", name="contract_preview").content.decode()
    assert "&quot;code&quot;: &quot;s00001&quot;" in page
    assert "This is not stored yet." in page
    assert "Store as version 1" in page


def test_the_preview_s_address_leads_back_to_the_tab(manager: Client) -> None:
    assert manager.get(address(name="contract_preview")).url == address()


@pytest.mark.parametrize("has_outlet", [True, False])
def test_where_there_are_no_products_some_are_made_up(manager: Client, has_outlet: bool) -> None:
    if has_outlet:
        make_outlet("14", "pasons")
    page = manager.get(address()).content.decode()
    assert "https://shop.example/api" in page
    assert "&quot;100001&quot;" in page
    assert ("The outlet has no endpoint yet" in page) is has_outlet


def test_problems_take_the_preview_s_place(manager: Client, branch: Outlet) -> None:
    shown = by_htmx(manager, {**fields(manager), "set_batch_size": "many"})
    assert "batch_size: Input should be a valid integer" in shown
    assert "shop.example" not in shown


def test_an_address_that_is_none_is_said(manager: Client, branch: Outlet) -> None:
    assert "url: no address that can be asked: Invalid port" in by_htmx(
        manager, {**fields(manager), "set_url": "https://x:port/"}
    )


def test_an_expression_that_fails_on_the_answer_is_said(manager: Client, branch: Outlet) -> None:
    data = {**fields(manager), "set_errors": "errors[::0]", "answer": '{"errors": [1]}'}
    assert "the answer cannot be read: slice step cannot be zero" in by_htmx(manager, data)


def test_a_status_that_is_none_is_said(manager: Client, branch: Outlet) -> None:
    assert "HTTP status: Ensure this value is less" in by_htmx(manager, {**fields(manager), "status": "1000"})


def test_a_proposed_answer_follows_the_contract_and_a_written_one_stays(manager: Client, branch: Outlet) -> None:
    data = {**fields(manager), "set_errors": "wrong", "set_error_sku": "code"}
    shown = by_htmx(manager, data)
    assert "&quot;wrong&quot;" in shown
    assert "s00001: unknown product" in shown
    shown = by_htmx(manager, {**data, "answer": '{"wrong": [{"code": "s00000", "error": "no <b>"}]}', "status": "200"})
    assert 'id="preview-sample"' not in shown
    assert "s00000: no &lt;b&gt;" in shown
    shown = by_htmx(manager, {**data, "answer": "{}", "status": "401"})
    assert "The shop does not let us in" in shown


def test_the_answer_to_the_question_for_a_job_is_read_too(manager: Client, branch: Outlet) -> None:
    data = {**fields(manager), "preset": "talabat"}
    assert "The shop works it off later" in by_htmx(manager, data)
    answer = {"job_status": "COMPLETED", "results": [{"sku": "s00000", "state": "SUCCESS"}]}
    shown = by_htmx(manager, {**data, "answer": json.dumps(answer), "answers_to": "job"})
    assert "does not list 1 items" in shown
    proposed = by_htmx(manager, {**data, "answers_to": "job"})
    assert "&quot;job_status&quot;: &quot;COMPLETED&quot;" in proposed
    assert "s00001: refused without a reason" in proposed


@pytest.mark.parametrize(
    "changes",
    [
        {"auth": "query"},
        {"auth": "bearer"},
        {"auth": "basic"},
        {"secret_header": "X-Secret", "signature_header": "X-Signature"},
        {"auth": "none", "headers": {"X-Other": KEY}, "query": {"q": SECRET}, "item_constants": {"k": KEY}},
    ],
)
def test_no_secret_leaves_the_preview(manager: Client, branch: Outlet, changes: dict[str, Any]) -> None:
    data = {"posted_as": "json", "number": 0, "outlet": branch.pk, "status": "200"}
    answer = json.dumps({"success": False, "error": f"wrong {KEY}", "errors": [{"sku": "s00000", "error": SECRET}]})
    shown = by_htmx(manager, {**data, "changes_json": json.dumps(changes), "answer": answer})
    assert "***" in shown
    for secret in (KEY, "k-e%2Fy%267", "k-e/y&amp;7", SECRET, "s3cret%2B", "ay1lL3k"):
        assert secret not in shown


def test_a_contract_that_holds_a_key_is_warned_of(manager: Client, branch: Outlet) -> None:
    data = {**fields(manager, "json"), "changes_json": json.dumps({"headers": {"X-Other": KEY}})}
    assert "Keys belong into API settings." in by_htmx(manager, data)


def test_keys_that_would_go_to_another_host_are_warned_of(manager: Client, branch: Outlet) -> None:
    shown = by_htmx(manager, {**fields(manager), "set_url": "https://elsewhere.example/x"})
    assert "The outlets&#x27; keys go to elsewhere.example" in shown
    assert "keys go to" not in by_htmx(manager, {**fields(manager), "set_url": "{api_endpoint}/x"})


def test_the_page_opens_where_the_keys_cannot_be_decrypted(manager: Client, branch: Outlet, settings: Any) -> None:
    settings.ENCRYPTION_KEYS = ["MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="]
    page = manager.get(address())
    assert "none of ENCRYPTION_KEYS decrypts the stored value" in page.content.decode()


def test_another_platform_s_outlet_is_not_looked_at(manager: Client, branch: Outlet) -> None:
    other = make_outlet("1", "talabat", api_endpoint="https://other.example")
    shown = by_htmx(manager, {**fields(manager), "outlet": other.pk})
    assert "other.example" not in shown


# --- versions ----------------------------------------------------------------------------------------------


def test_a_version_shows_what_it_changed_and_what_it_would_change(manager: Client) -> None:
    store({"batch_size": 200})
    second = store({"batch_size": 200, "fields": {"sku": "code"}})
    store({"batch_size": 300, "stock_values": [False, True]})
    context = manager.get(reverse("contract_version", args=[second.pk])).context
    assert list(context["changed"]) == [("fields.sku", '"sku"', '"code"')]
    assert list(context["to_restore"]) == [
        ("fields.sku", '"sku"', '"code"'),
        ("stock_values", "[false, true]", "[0, 1]"),
        ("batch_size", "300", "200"),
    ]


def test_a_version_is_restored_as_the_next_one(manager: Client) -> None:
    first = store({"batch_size": 200}, "talabat")
    store({})
    page = manager.post(reverse("contract_restore", args=[first.pk]), {"number": 2}, follow=True)
    assert "Version 1 holds again, as version 3, from the next request on." in page.content.decode()
    assert held() == (3, "talabat", {"batch_size": 200})
    assert contract_of("pasons").batch_size == 200
    version = ContractVersion.objects.get(number=3)
    assert (version.note, version.created_by and version.created_by.username) == ("version 1 again", "manager")


def test_what_holds_is_not_restored(manager: Client) -> None:
    first = store({"batch_size": 200})
    store({"batch_size": 200})
    page = manager.post(reverse("contract_restore", args=[first.pk]), follow=True)
    assert "nothing was stored" in page.content.decode()
    assert held()[0] == 2


def test_what_cannot_be_used_any_more_is_not_restored(manager: Client) -> None:
    old = ContractVersion.objects.create(platform="pasons", number=1, changes={"batch": 3}, created_at=timezone.now())
    store({})
    page = manager.post(reverse("contract_restore", args=[old.pk]), {"number": 2}, follow=True)
    assert "batch: there is no such setting" in page.content.decode()
    assert held()[0] == 2


def test_what_was_stored_meanwhile_is_looked_at_before_it_is_replaced(manager: Client) -> None:
    first = store({"batch_size": 200})
    store({})
    store({"attempts": 4})
    page = manager.post(reverse("contract_restore", args=[first.pk]), {"number": 2}, follow=True)
    assert "Version 3 has been stored meanwhile." in page.content.decode()
    assert held() == (3, "", {"attempts": 4})


def test_restoring_asks_first(manager: Client) -> None:
    first = store({"batch_size": 200})
    store({})
    page = manager.get(reverse("contract_restore", args=[first.pk]), follow=True).content.decode()
    assert "Restore version 1 as version 3" in page
    assert held()[0] == 2


def test_what_people_wrote_is_only_text(manager: Client) -> None:
    version = store({"currency": "<script>alert(1)</script>"}, note="<img src=x>")
    for url in (address(), address("json"), reverse("contract_version", args=[version.pk])):
        page = manager.get(url).content.decode()
        assert "<script>alert(1)" not in page
        assert "<img src=x>" not in page


def test_the_number_of_queries_does_not_grow(manager: Client, branch: Outlet) -> None:
    counts = []
    for versions in (3, 27):
        for number in range(versions):
            store({"batch_size": 100 + number})
            make_outlet(f"{versions}-{number}", "pasons")
        with CaptureQueriesContext(
            connection,
        ) as queries:
            manager.get(address())
        counts.append(len(queries))
    assert counts[0] == counts[1]
