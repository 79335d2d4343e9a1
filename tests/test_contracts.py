"""Contracts that somebody stored: the latest version holds, and what cannot be used is not stored."""

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from integration import health
from integration.contracts import Draft, contract_of, difference, store_contract
from integration.models import ContractVersion, Outlet
from integration.platforms import InvalidContract, build_contract
from integration.platforms.contract import Contract
from integration.push_service import PushService
from tests.conftest import stock

pytestmark = pytest.mark.django_db


def store(changes: dict[str, Any], preset: str = "", platform: str = "pasons") -> ContractVersion:
    return store_contract(platform, preset, changes, timezone.now())


def test_nothing_stored_is_the_configured_contract(settings: Any) -> None:
    assert contract_of("pasons") == Contract()
    settings.CONTRACTS = {"pasons": {"batch_size": 7}}
    assert contract_of("pasons").batch_size == 7


def test_the_latest_version_holds_and_every_earlier_one_is_kept() -> None:
    asha = get_user_model().objects.create(username="asha")
    store({"batch_size": 10})
    store_contract("pasons", "pasons-bulk", {"batch_size": 20}, timezone.now(), asha.pk, "they moved")
    assert (contract_of("pasons").batch_size, contract_of("pasons").items_key) == (20, "items")
    kept = ContractVersion.objects.values_list("number", "preset", "created_by__username", "note")
    assert list(kept) == [(2, "pasons-bulk", "asha", "they moved"), (1, "", None, "")]


def test_what_is_not_named_of_fields_and_jobs_stays() -> None:
    store({"fields": {"sku": "code"}, "job": {"every_seconds": 3}}, "pasons-bulk")
    contract = contract_of("pasons")
    assert (contract.fields.sku, contract.fields.stock_status) == ("code", "stock")
    assert contract.job is not None
    assert (contract.job.every_seconds, contract.job.id) == (3, "batch_id")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"batch_sise": 5}, "batch_sise: there is no such setting; batch_size is meant?"),
        ({"batch_size": "many"}, "batch_size: Input should be a valid integer"),
        ({"method": "GET"}, "method: Input should be 'POST', 'PUT' or 'PATCH'"),
        ({"url": "{api_endpoint}/{branch}"}, "url: .*unknown placeholder {branch}; known are api_endpoint, job_id"),
        ({"url": "http://elsewhere"}, "url: .*it has to begin with {api_endpoint} or https://"),
        ({"errors": "items["}, "errors: .*not a JMESPath expression"),
        ({"auth": "oauth2"}, "token_url: it has to begin with {api_endpoint}"),
        ({"url": "http://elsewhere/{api_endpoint}"}, "url: it has to begin with {api_endpoint} or https://"),
        ({"connection_url": "http://elsewhere"}, "connection_url: it has to begin with {api_endpoint}"),
        ({"errors": "(" * 3000}, "errors: the expression is nested too deeply"),
        ({"currency": "A\0"}, "it holds what cannot be stored"),
        ({"currency": "\ud800"}, "it holds what cannot be stored"),
        ({"fields": {"sku": "a", "selling_price": "a"}}, "the name 'a' stands for two values"),
        ({"fields": {"sku": "a", "selling_price": "a.b"}}, "the name 'a' stands for two values"),
        ({"fields": {"sku": "a..b"}}, "the name 'a..b' has an empty part"),
        ({"single_item": True}, "single_item: batch_size has to be 1"),
        ({"store_id_key": "store"}, "need an items_key"),
        ({"headers": {"X-Key": "a\nb"}}, "a header holds printable ASCII only"),
        ({"job": {"id": "id", "url": "{api_endpoint}/jobs", "done": "ok"}}, "{job_id} is missing"),
        ({"calls": [{"url": "{api_endpoint}/a"}, {"methud": "PUT"}]}, "calls.1.methud"),
    ],
)
def test_an_error_names_the_field_and_says_what_is_allowed(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidContract, match=problem):
        store(changes)
    assert not ContractVersion.objects.exists()


def test_the_problems_are_also_there_one_by_one() -> None:
    with pytest.raises(InvalidContract) as caught:
        build_contract("pasons", "", {"batch_size": 0, "fields": {"sku": 1}})
    assert [problem.name for problem in caught.value.problems] == ["fields.sku", "batch_size"]
    with pytest.raises(InvalidContract) as caught:
        build_contract("pasons", "", {"single_item": True})
    assert [tuple(problem) for problem in caught.value.problems] == [("single_item", "batch_size has to be 1")]


def test_an_unknown_preset_is_named() -> None:
    with pytest.raises(InvalidContract, match="unknown preset 'shopify'; known: pasons, pasons-bulk"):
        build_contract("pasons", "shopify", {})


def test_a_new_contract_lets_the_endpoints_be_tried_at_once(outlet: Outlet) -> None:
    health.note_failure(outlet.pk, "credentials refused", timezone.now(), limit=1, first=30, chance=0)
    stock(outlet, 1)
    store({"batch_size": 3}, platform="memory")
    assert PushService(outlet).push()[0]


def test_drafts_say_the_same_only_if_a_shop_would_see_no_difference() -> None:
    one = Draft("pasons", "", {"stock_values": [0, 1], "batch_size": 5})
    assert one.says_the_same(Draft("pasons", "", {"batch_size": 5, "stock_values": [0, 1]}))
    assert not one.says_the_same(Draft("pasons", "", {"batch_size": 5, "stock_values": [False, True]}))
    assert not one.says_the_same(one._replace(preset="pasons"))


def test_two_drafts_differ_also_where_one_cannot_be_used_any_more() -> None:
    found = difference(Draft("pasons", "", {"batch": 3}), Draft("pasons", "talabat", {"batch_size": 7}))
    assert {("preset", "", "talabat"), ("batch", "3", ""), ("batch_size", "", "7")} <= set(map(tuple, found))


# --- the command ----------------------------------------------------------------------------------------


def test_the_command_stores_lists_and_restores(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("contract", "--platform", "pasons", "--changes", '{"batch_size": 3}', "--note", "smaller")
    call_command("contract", "--platform", "pasons", "--preset", "talabat")
    call_command("contract", "--platform", "pasons", "--restore", "1")
    assert contract_of("pasons") == Contract(batch_size=3)
    capsys.readouterr()
    call_command("contract", "--platform", "pasons", "--versions")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(", ")[0] for line in lines] == ["number: 3", "number: 2", "number: 1"]
    assert "note: version 1 again" in lines[0]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--changes", "{"], "--changes is not JSON"),
        (["--changes", "[]"], "an object is needed"),
        (["--changes", '{"x": 1}'], "x: there is no such setting"),
        (["--restore", "9"], "pasons has no version 9"),
    ],
)
def test_the_command_says_what_is_wrong(arguments: list[str], problem: str) -> None:
    with pytest.raises(CommandError, match=problem):
        call_command("contract", "--platform", "pasons", *arguments)
    assert not ContractVersion.objects.exists()
