"""How a shop's list of what it has is asked for and read."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import httpx
import pytest

from integration.platforms import InvalidContract, build_contract, load
from integration.platforms.answers import Answer
from integration.platforms.base import Endpoint, Outcome, ShopItem, ShopPage
from integration.platforms.contract import Contract
from integration.platforms.http import HttpPlatform
from integration.platforms.read_back import page_query, read_answer

URL = httpx.URL("https://shop.example/stores/7/products")


def contract(**read_back: Any) -> Contract:
    return build_contract("pasons", "", {"read_back": read_back})


def read(content: Any, place: str = "", status: int = 200, **read_back: Any) -> ShopPage:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return read_answer(contract(**read_back), Answer(status, body), place, URL)


def items(*entries: Any, **read_back: Any) -> list[ShopItem]:
    return list(read({"items": list(entries)}, **read_back).items)


ENTRY = {"sku": "0012", "selling_price": 13.99, "stock_status": 1}
ITEM = ShopItem("0012", Decimal("13.99"), 1)


# --- items ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "read_back"),
    [
        (ENTRY, {}),
        ({**ENTRY, "selling_price": "13.99", "stock_status": True}, {}),
        ({**ENTRY, "selling_price": 1399}, {"price_format": "minor_units"}),
        ({**ENTRY, "selling_price": {"value": 13.99, "currency": "AED"}}, {"price_format": "object"}),
        ({**ENTRY, "selling_price": {"value": "13.99"}}, {"price_format": "object_string"}),
        ({**ENTRY, "stock_status": "instock"}, {"stock_values": ["outofstock", "instock"]}),
        (
            {"id": 1, "article": {"code": "0012"}, "price": {"now": 13.99}, "active": True},
            {"fields": {"sku": "article.code", "selling_price": "price.now", "stock_status": "active"}},
        ),
    ],
)
def test_an_item_is_read_with_the_values_that_are_sent(entry: Any, read_back: dict[str, Any]) -> None:
    assert items(entry, **read_back) == [ITEM]


@pytest.mark.parametrize(
    ("change", "sku", "problem"),
    [
        ({"sku": None}, "", "the SKU is missing"),
        ({"sku": ""}, "", "the SKU is missing"),
        ({"sku": True}, "", "the SKU is True"),
        ({"sku": ["a"]}, "", "the SKU is no single value"),
        ({"sku": "x" * 65}, "x" * 64, "the SKU is longer than 64 characters, or holds a zero byte"),
        ({"sku": "a\x00"}, "a", "the SKU is longer than 64 characters, or holds a zero byte"),
        ({"selling_price": None}, "0012", "the price is missing"),
        ({"selling_price": "13,99"}, "0012", "the price is 13,99"),
        ({"selling_price": -1}, "0012", "the price is -1"),
        ({"selling_price": True}, "0012", "the price is True"),
        ({"selling_price": "1e9"}, "0012", "the price is 1e9"),
        ({"selling_price": 10**30}, "0012", f"the price is {10**30}"),
        ({"selling_price": {"value": 1}}, "0012", "the price is no single value"),
        ({"selling_price": "x" * 99}, "0012", f"the price is {'x' * 40}…"),
        ({"stock_status": 2}, "0012", "the stock is 2"),
        ({"stock_status": "yes"}, "0012", "the stock is yes"),
        ({"stock_status": None}, "0012", "the stock is missing"),
    ],
)
def test_an_item_that_cannot_be_read_says_why(change: dict[str, Any], sku: str, problem: str) -> None:
    assert items({**ENTRY, **change}) == [ShopItem(sku, problem=problem)] or items({**ENTRY, **change}) == [
        ShopItem(sku, Decimal("13.99"), problem=problem)
    ]


@pytest.mark.parametrize("entry", [None, 1, "x", [], {}, [ENTRY]])
def test_what_is_no_item_is_one_that_cannot_be_read(entry: Any) -> None:
    assert items(entry, ENTRY) == [ShopItem("", problem="the SKU is missing"), ITEM]


def test_a_number_is_read_to_its_last_digit() -> None:
    entries = '{"sku": 12, "selling_price": 13.999999, "stock_status": 0}, {"sku": "b", "selling_price": 1e400}'
    first, second = read(f'{{"items": [{entries}]}}'.encode()).items
    assert first == ShopItem("12", Decimal("13.999999"), 0)
    assert (second.sku, second.price) == ("b", None)
    assert second.problem.startswith("the price is 1E+400")


def test_a_value_that_the_shop_does_not_list_is_not_compared() -> None:
    assert items({"sku": "a", "stock_status": 1}, fields={"selling_price": ""}) == [ShopItem("a", None, 1)]


# --- answers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "status", "outcome"),
    [
        (b"<html>maintenance</html>", 200, Outcome.BROKEN),
        (b"", 200, Outcome.BROKEN),
        (b"", 204, Outcome.BROKEN),
        (b'{"items": {}}', 200, Outcome.BROKEN),
        (b'{"success": false, "error": "closed"}', 200, Outcome.BROKEN),
        (b"[" * 100_000, 200, Outcome.BROKEN),
        (b'{"error": "no"}', 404, Outcome.REFUSED),
        (b"", 302, Outcome.REFUSED),
        (b"", 401, Outcome.CREDENTIALS),
        (b"", 429, Outcome.RETRY),
        (b"", 503, Outcome.RETRY),
    ],
)
def test_an_answer_without_a_list_is_no_page(body: bytes, status: int, outcome: Outcome) -> None:
    page = read(body, status=status)
    assert (page.outcome, page.items, page.next_place) == (outcome, (), None)
    assert page.message


def test_the_total_is_read_where_it_is_a_number() -> None:
    assert [read({"items": [], "n": n}, total="n").total for n in (3, "3", None, "x", -1, True, 1e30)] == [
        3,
        3,
        None,
        None,
        None,
        None,
        None,
    ]


# --- pages ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("read_back", "place", "query"),
    [
        ({}, "", {"per_page": "500", "page": "1"}),
        ({"first_page": 0, "page_size": 100, "size_parameter": "limit"}, "", {"limit": "100", "page": "0"}),
        ({}, "7", {"per_page": "500", "page": "7"}),
        ({"paging": "offset", "page_parameter": "from"}, "", {"per_page": "500", "from": "0"}),
        ({"paging": "cursor", "page_parameter": "after"}, "", {"per_page": "500"}),
        ({"paging": "cursor", "page_parameter": "after"}, "x y", {"per_page": "500", "after": "x y"}),
        ({"paging": "none", "size_parameter": ""}, "", {}),
    ],
)
def test_a_page_is_asked_for(read_back: dict[str, Any], place: str, query: dict[str, str]) -> None:
    asked = contract(**read_back).read_back
    assert asked
    assert page_query(asked, place) == query


FULL = {"items": [ENTRY, ENTRY]}


@pytest.mark.parametrize(
    ("read_back", "place", "content", "following"),
    [
        ({"paging": "none"}, "", FULL, None),
        ({}, "", FULL, "2"),
        ({}, "9", FULL, "10"),
        ({"first_page": 0}, "", FULL, "1"),
        ({}, "3", {"items": []}, None),
        ({"more": "has_more"}, "", {**FULL, "has_more": False}, None),
        ({"more": "has_more"}, "", FULL, "2"),
        ({"more": "page < pages"}, "", {**FULL, "page": 1, "pages": "3"}, "2"),
        ({"more": "has_more"}, "", {**FULL, "has_more": True}, "2"),
        ({"paging": "offset"}, "", FULL, "2"),
        ({"paging": "offset"}, "10", FULL, "12"),
        ({"paging": "cursor"}, "", {**FULL, "next": "abc"}, "abc"),
        ({"paging": "cursor"}, "", {**FULL, "next": 17}, "17"),
        ({"paging": "cursor"}, "", {**FULL, "next": None}, None),
        ({"paging": "cursor"}, "", {**FULL, "next": ""}, None),
        ({"paging": "cursor"}, "", FULL, None),
        ({"paging": "link"}, "", {**FULL, "next": "?page=2"}, "https://shop.example/stores/7/products?page=2"),
        ({"paging": "link"}, "", {**FULL, "next": "https://shop.example/x"}, "https://shop.example/x"),
    ],
)
def test_the_next_page_is_found(read_back: dict[str, Any], place: str, content: Any, following: str | None) -> None:
    page = read(content, place, **read_back)
    assert (page.outcome, page.next_place) == (Outcome.DONE, following)


@pytest.mark.parametrize(
    ("paging", "following"),
    [
        ("cursor", {"a": 1}),
        ("cursor", "x" * 2001),
        ("cursor", "a\nb"),
        ("cursor", True),
        ("link", "https://evil.example/"),
        ("link", "http://shop.example/"),
        ("link", "https://shop.example:8443/"),
        ("link", "https://user@shop.example/"),
        ("link", "//evil.example/"),
        ("link", "https://[::1"),
        ("link", ["x"]),
    ],
)
def test_a_next_page_that_is_none_or_elsewhere_is_not_asked_for(paging: str, following: Any) -> None:
    page = read({**FULL, "next": following}, paging=paging)
    assert (page.outcome, page.items, page.next_place) == (Outcome.BROKEN, (), None)


def test_the_address_holds_the_store_and_the_query_of_the_contract() -> None:
    changes = {
        "query": {"api": "1"},
        "read_back": {"url": "{api_endpoint}/s/{store_id}/list", "query": {"of": "{store_id}"}},
    }
    adapter: Any = load("pasons", build_contract("pasons", "", changes), Endpoint("https://shop.example", "7 a"))
    assert str(adapter.page_url("3")) == "https://shop.example/s/7%20a/list?api=1&of=7+a&per_page=500&page=3"


def test_a_secret_that_the_shop_lists_is_not_shown() -> None:
    adapter = HttpPlatform(contract(), Endpoint("https://shop.example", "7", "s3cret-key"))
    bad = ShopItem("x", problem="the price is s3cret-key")
    assert adapter.without_secrets(bad).problem == "the price is ***"
    assert adapter.without_secrets(ShopItem("my s3cret-key")).sku == "my ***"


# --- contracts ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("read_back", "message"),
    [
        ({"url": "http://shop.example"}, "begin with"),
        ({"url": "{api_endpoint}/{sku}"}, "{sku} is not known here"),
        ({"url": "{api_endpoint}/{job_id}"}, "{job_id} is not known here"),
        ({"items": "["}, "JMESPath"),
        ({"paging": "cursor", "next": ""}, "next"),
        ({"page_parameter": ""}, "page_parameter"),
        ({"fields": {"sku": ""}}, "without a SKU"),
        ({"page_size": 0}, "page_size"),
        ({"nonsense": 1}, "no such setting"),
    ],
)
def test_a_contract_that_cannot_read_is_refused(read_back: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidContract, match="read_back") as caught:
        contract(**read_back)
    assert message in str(caught.value)


def test_what_is_not_named_stays_as_the_preset_has_it() -> None:
    made = build_contract("talabat", "", {"read_back": {"page_size": 100}}).read_back
    assert made
    assert (made.items, made.size_parameter, made.page_size) == ("products", "page_size", 100)
    assert build_contract("talabat", "", {"read_back": None}).read_back is None
    assert build_contract("pasons", "", {}).read_back is None


@pytest.mark.parametrize("build", [lambda: contract(), lambda: contract(paging="link")])
def test_a_step_of_several_calls_reads_back_as_well(build: Callable[[], Contract]) -> None:
    assert build().steps[0].read_back == build().read_back


@pytest.mark.parametrize("link", ["https://xn--/", "https://h:abc/", "http://["])
def test_a_link_that_is_no_address_is_said(link: str) -> None:
    page = read({**FULL, "next": link}, paging="link", next="next")
    assert (page.outcome, page.error_kind, "next page" in page.message) == (Outcome.BROKEN, "bad_answer", True)
