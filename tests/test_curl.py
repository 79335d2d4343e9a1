"""What is kept of a request, and the command that sends it again: without a secret."""

import json
import shlex
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from integration.contracts import contract_at, store_contract
from integration.curl import Command, as_curl
from integration.history import finish_attempt
from integration.mock_shop import MockShop
from integration.models import Outlet, OutletProduct, Product, PushAttempt
from integration.platforms.base import Endpoint, Item, Outcome, SendResult
from integration.platforms.contract import Contract
from integration.platforms.http import REQUEST_LIMIT, HttpPlatform
from integration.push_service import PushService
from tests.conftest import KEY, make_outlet, set_price, stock

HARD_KEY, HARD_SECRET = 'k&y=1/2 "ä"', "s3cret+<b>"
AUTHENTICATIONS: list[dict[str, Any]] = [
    {"auth": "header"},
    {"auth": "header", "secret_header": "X-Secret"},
    {"auth": "query"},
    {"auth": "bearer"},
    {"auth": "oauth2", "token_url": "https://shop.example/token"},
    {"auth": "basic"},
    {"auth": "none", "signature_header": "X-Signature"},
]


def excerpt(items: list[Item], key: str = KEY, secret: str = "top-secret", **contract: Any) -> str:
    endpoint = Endpoint("https://shop.example/push", "007", key, secret, access_token="tok3n")
    adapter = HttpPlatform(Contract(**contract), endpoint)
    return adapter.excerpt_of(adapter.build(items, "chunk-5"))


def items(count: int, sku: str = "s") -> list[Item]:
    return [Item(n, n, f"{sku}{n:05d}", Decimal("13.90"), 1) for n in range(count)]


def test_an_excerpt_is_the_head_and_the_beginning_of_the_body() -> None:
    head, body = excerpt(items(500)).split("\n\n")
    assert head.splitlines()[:2] == ["POST https://shop.example/push", "Content-Type: application/json"]
    assert "X-API-Key: ***" in head.splitlines()
    assert body.startswith('[{"sku":"s00000","selling_price":13.90,"stock_status":1},')
    assert len(body) == REQUEST_LIMIT


@pytest.mark.parametrize("contract", AUTHENTICATIONS, ids=str)
def test_no_secret_is_in_an_excerpt(contract: dict[str, Any]) -> None:
    text = excerpt(items(3), HARD_KEY, HARD_SECRET, **contract)
    for secret in (HARD_KEY, HARD_SECRET, "s3cret", "k&y", "k%26y", "tok3n"):
        assert secret not in text
    assert "***" in text


def test_a_secret_in_a_header_or_the_body_of_the_contract_is_masked() -> None:
    text = excerpt(items(1), headers={"X-Copy": f"a {KEY}"}, item_constants={"note": f"with {KEY}"})
    assert KEY not in text
    assert "X-Copy: a ***" in text
    assert '"note":"with ***"' in text


@pytest.mark.parametrize("before", range(REQUEST_LIMIT - 40, REQUEST_LIMIT + 5))
def test_a_secret_at_the_edge_is_not_cut_in_half(before: int) -> None:
    secret = "abcdefghijklmnopqrstuvwxyz"
    at_edge = Item(1, 1, "x" * (before - len('[{"sku":"')) + secret, Decimal(1), 1)
    text = excerpt([at_edge, *items(500)], key=secret)
    assert not [n for n in range(3, 26) if secret[:n] in text.partition("\n\n")[2]]


def test_no_nul_is_kept() -> None:
    assert "\x00" not in excerpt([Item(1, 1, "a\x00b", Decimal(1), 1)])


@pytest.mark.django_db
def test_a_push_keeps_what_it_has_sent(pasons_outlet: Outlet) -> None:
    stock(pasons_outlet, 2)
    PushService(pasons_outlet).push()
    kept = PushAttempt.objects.get().request_excerpt
    assert kept.startswith(f"POST {pasons_outlet.api_endpoint}\n")
    body = kept.partition("\n\n")[2]
    assert [row["sku"] for row in json.loads(body)] == ["s00000", "s00001"]
    assert KEY not in kept


@pytest.mark.django_db
def test_a_request_that_was_not_answered_is_kept_too(pasons_outlet: Outlet, shop: MockShop) -> None:
    stock(pasons_outlet, 1)
    shop.misbehave(mode="cut", times=1)
    PushService(pasons_outlet).push()
    assert [bool(one.request_excerpt) for one in PushAttempt.objects.all()] == [True, True]


@pytest.mark.django_db
def test_asking_for_a_job_keeps_the_request_that_began_it(pasons_outlet: Outlet) -> None:
    stock(pasons_outlet, 1)
    PushService(pasons_outlet).push()
    attempt = PushAttempt.objects.get()
    finish_attempt(attempt, SendResult(Outcome.JOB), timezone.now())
    assert PushAttempt.objects.get().request_excerpt == attempt.request_excerpt != ""


# --- the command ----------------------------------------------------------------------------------------


def sent(outlet: Outlet) -> PushAttempt:
    PushService(outlet).push()
    return PushAttempt.objects.select_related("chunk__push__outlet").latest("pk")


def command(outlet: Outlet) -> Command:
    found = as_curl(sent(outlet))
    assert found is not None
    return found


@pytest.mark.django_db
def test_the_command_is_read_by_a_shell_as_it_was_sent(pasons_outlet: Outlet) -> None:
    stock(pasons_outlet, 1, prefix="it's $HOME `id` @")
    made = command(pasons_outlet)
    words = shlex.split(made.text.replace("\\\n", ""))
    assert words[:6] == ["curl", "--globoff", "--request", "POST", "--url", pasons_outlet.api_endpoint]
    assert "X-API-Key: ***" in words
    assert words[-2] == "--data-raw"
    assert json.loads(words[-1]) == [{"sku": "it's $HOME `id` @00000", "selling_price": 10.0, "stock_status": 1}]
    assert not made.is_cut


@pytest.mark.django_db
def test_the_whole_body_is_made_again_with_what_was_sent(pasons_outlet: Outlet) -> None:
    stock(pasons_outlet, 400)
    attempt = sent(pasons_outlet)
    set_price(pasons_outlet, "s00399", "99")
    store_contract("pasons", "", {"fields": {"sku": "code"}}, timezone.now())
    made = as_curl(attempt)
    assert made is not None
    assert not made.is_cut
    body = json.loads(shlex.split(made.text.replace("\\\n", ""))[-1])
    assert (len(body), body[399]) == (400, {"sku": "s00399", "selling_price": 10.0, "stock_status": 1})


@pytest.mark.django_db
@pytest.mark.parametrize("change", [{"idempotency_key": "key", "items_key": "list"}, {"revision_field": "version"}])
def test_what_differs_with_each_request_is_made_again(pasons_outlet: Outlet, change: dict[str, Any]) -> None:
    store_contract("pasons", "", change, timezone.now())
    stock(pasons_outlet, 400)
    assert not command(pasons_outlet).is_cut


@pytest.mark.django_db
def test_where_a_product_is_gone_the_excerpt_has_to_do(pasons_outlet: Outlet) -> None:
    stock(pasons_outlet, 400)
    attempt = sent(pasons_outlet)
    OutletProduct.objects.filter(product__sku="s00399").delete()
    made = as_curl(attempt)
    assert made is not None
    assert made.is_cut
    assert "s00399" not in made.text


@pytest.mark.django_db
def test_where_a_product_has_another_sku_now_the_excerpt_has_to_do(pasons_outlet: Outlet) -> None:
    stock(pasons_outlet, 400)
    attempt = sent(pasons_outlet)
    Product.objects.filter(sku="s00000").update(sku="other")
    made = as_curl(attempt)
    assert made is not None
    assert (made.is_cut, "s00000" in made.text) == (True, True)


@pytest.mark.django_db
def test_without_an_excerpt_there_is_no_command(outlet: Outlet) -> None:
    stock(outlet, 1)
    assert as_curl(sent(outlet)) is None


@pytest.mark.django_db
@pytest.mark.parametrize("contract", [one for one in AUTHENTICATIONS if "token_url" not in one], ids=str)
def test_no_secret_is_in_a_command(shop: MockShop, contract: dict[str, Any]) -> None:
    store_contract("pasons", "", contract, timezone.now())
    keys = {"api_key": "k&y=1/2", "api_secret": "s3cret+<b>"}
    outlet = make_outlet("14", "pasons", api_endpoint=shop.endpoint("14"), **keys)
    stock(outlet, 400)
    shop.key = None
    made = command(outlet)
    for secret in (*keys.values(), "s3cret", "k&y", "k%26y"):
        assert secret not in made.text
    assert not made.is_cut


@pytest.mark.django_db
def test_a_lost_encryption_key_hides_no_attempt(pasons_outlet: Outlet, settings: Any) -> None:
    stock(pasons_outlet, 400)
    PushService(pasons_outlet).push()
    settings.ENCRYPTION_KEYS = ["MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="]
    attempts = PushAttempt.objects.select_related("chunk__push__outlet")
    attempt = attempts.defer("chunk__push__outlet__api_key", "chunk__push__outlet__api_secret").get()
    made = as_curl(attempt)
    assert made is not None
    assert made.is_cut


@pytest.mark.django_db
def test_the_contract_that_held_then() -> None:
    before = timezone.now()
    store_contract("pasons", "", {"batch_size": 7}, timezone.now())
    between = timezone.now()
    store_contract("pasons", "", {"batch_size": 8}, timezone.now())
    found = [contract_at("pasons", at).batch_size for at in (before, between, timezone.now())]
    assert found == [500, 7, 8]


def test_what_may_be_a_key_in_the_endpoint_s_own_address_is_masked() -> None:
    endpoint = Endpoint("https://asha:pass-word@shop.example/push?token=s3cret&store=7", "007", KEY)
    adapter = HttpPlatform(Contract(query={"lang": "en"}), endpoint)
    head = adapter.excerpt_of(adapter.build(items(1), "chunk-5")).splitlines()[0]
    assert head == "POST https://***@shop.example/push?token=***&store=***&lang=en"


def test_an_address_that_is_none_any_more_leaves_the_excerpt(pasons_outlet: Outlet) -> None:
    stock(pasons_outlet, 200)
    PushService(pasons_outlet).push()
    Outlet.objects.update(api_endpoint="https://☃☃.net/")
    command = as_curl(PushAttempt.objects.get())
    assert command
    assert command.is_cut
