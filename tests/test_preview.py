"""What would be sent can be looked at, and nothing is sent."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from integration.contracts import store_contract
from integration.mock_shop import MockShop
from integration.models import ContractVersion, Outlet, PushAttempt, PushHistory
from integration.platforms import build_contract
from integration.preview import preview_requests, try_contract
from integration.push_service import PushService
from tests.conftest import make_outlet, set_price, stock

pytestmark = pytest.mark.django_db


def show(*arguments: str) -> None:
    call_command("preview_request", "--outlet", "14", *arguments)


def test_the_request_is_the_one_that_is_sent(pasons_outlet: Outlet, shop: MockShop) -> None:
    stock(pasons_outlet, 3)
    (preview,) = preview_requests(pasons_outlet, 2, timezone.now())
    assert (preview.method, preview.url) == ("POST", pasons_outlet.api_endpoint)
    assert preview.headers["X-API-Key"] == "***"
    assert json.loads(preview.body) == [
        {"sku": "s00000", "selling_price": 10.0, "stock_status": 1},
        {"sku": "s00001", "selling_price": 10.0, "stock_status": 1},
    ]
    assert (shop.requests, PushHistory.objects.count(), PushAttempt.objects.count()) == ([], 0, 0)


def test_what_changed_is_shown_first(pasons_outlet: Outlet, shop: MockShop) -> None:
    stock(pasons_outlet, 3)
    PushService(pasons_outlet).push()
    set_price(pasons_outlet, "s00002", "12")
    (preview,) = preview_requests(pasons_outlet, 2, timezone.now())
    assert [row["sku"] for row in json.loads(preview.body)] == ["s00002"]


def test_no_secret_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    outlet = make_outlet("14", "pasons", api_endpoint="https://shop.example/x", api_key="k&y=1/2", api_secret="s3cret")
    stock(outlet, 1)
    for auth in ("header", "query", "bearer", "basic"):
        contract = {"auth": auth, "secret_header": "X-Secret", "signature_header": "X-Signature"}
        store_contract("pasons", "", contract, timezone.now())
        show("--json")
        out = capsys.readouterr().out
        assert "***" in out
        for secret in ("k&y=1/2", "k%26y%3D1%2F2", "s3cret", "azUmeT"):
            assert secret not in out


def test_a_key_that_stands_in_the_contract_is_masked_too() -> None:
    outlet = make_outlet("14", "pasons", api_endpoint="https://shop.example/x", api_key="k&y=1/2", api_secret="s3cret")
    stock(outlet, 1)
    store_contract("pasons", "", {"auth": "none", "headers": {"X-Other": "a k&y=1/2"}}, timezone.now())
    (preview,) = preview_requests(outlet, 1, timezone.now())
    assert preview.headers["X-Other"] == "a ***"


def test_a_contract_is_tried_without_being_stored(pasons_outlet: Outlet, shop: MockShop) -> None:
    stock(pasons_outlet, 3)
    contract = build_contract("pasons", "", {"fields": {"sku": "code"}, "batch_size": 1})
    trial = try_contract("pasons", contract, pasons_outlet, 2, timezone.now())
    (preview,) = trial.requests()
    assert [row["code"] for row in json.loads(preview.body)] == ["s00000"]
    assert trial.read(200, trial.sample().encode()).rejected == {"s00000": "unknown product"}
    assert (shop.requests, ContractVersion.objects.count(), PushHistory.objects.count()) == ([], 0, 0)


@pytest.mark.parametrize(
    ("changes", "hosts"),
    [
        ({}, []),
        ({"url": "{api_endpoint}/x"}, []),
        ({"url": "https://elsewhere.example/x"}, ["elsewhere.example"]),
        ({"url": "{api_endpoint}.elsewhere.example/x"}, []),
        ({"url": "{api_endpoint}@elsewhere.example/x"}, []),
        ({"auth": "oauth2", "token_url": "https://tokens.example"}, ["tokens.example"]),
        ({"calls": [{"url": "{api_endpoint}"}, {"url": "https://second.example"}]}, ["second.example"]),
    ],
)
def test_hosts_that_are_not_the_endpoint_s_are_named(changes: dict[str, Any], hosts: list[str]) -> None:
    outlet = make_outlet("14", "pasons", api_endpoint="https://shop.example", api_key="k")
    trial = try_contract("pasons", build_contract("pasons", "", changes), outlet, 2, timezone.now())
    assert trial.other_hosts == hosts


def test_a_sample_of_an_answer_is_read(
    pasons_outlet: Outlet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stock(pasons_outlet, 3)
    sample = tmp_path / "sample.json"
    sample.write_text('{"success": true, "accepted": 2, "errors": [{"sku": "s00001", "error": "unknown"}]}')
    show("--answer", str(sample), "--json")
    answer = json.loads(capsys.readouterr().out)["answer"]
    assert (answer["outcome"], answer["accepted"]) == ("done", ["s00000", "s00002"])
    assert answer["rejected"] == {"s00001": "unknown"}
    show("--answer", str(sample), "--status", "401")
    assert "outcome: credentials" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--items", "0"], "--items: at least 1"),
        (["--answer", "/nowhere"], "--answer /nowhere: No such file"),
    ],
)
def test_mistakes_are_said(pasons_outlet: Outlet, arguments: list[str], problem: str) -> None:
    stock(pasons_outlet, 1)
    with pytest.raises(CommandError, match=problem):
        show(*arguments)


def test_an_outlet_without_products_has_nothing_to_show(pasons_outlet: Outlet) -> None:
    with pytest.raises(CommandError, match="has no products to show"):
        show()


def test_a_contract_that_cannot_be_used_is_said(pasons_outlet: Outlet, settings: Any) -> None:
    settings.CONTRACTS = {"pasons": {"batch": 3}}
    stock(pasons_outlet, 1)
    with pytest.raises(CommandError, match="batch: there is no such setting"):
        show()
