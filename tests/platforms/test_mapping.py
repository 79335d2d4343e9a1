"""What the mapping writes can be read back to the same values, whatever the contract says."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from integration.platforms.base import Endpoint, Item
from integration.platforms.contract import Contract
from integration.platforms.contract_checks import check_names
from integration.platforms.mapping import encode_body, fill_url

ENDPOINT = Endpoint("https://shop.example", "007", "key")
ITEM = Item(1, 1, "0012", Decimal("13.90"), 1)


def written(items: list[Item] | None = None, **contract: Any) -> Any:
    return json.loads(encode_body(Contract(**contract), ENDPOINT, items or [ITEM]), parse_float=Decimal)


def test_an_empty_contract_is_the_plan_s() -> None:
    assert encode_body(Contract(), ENDPOINT, [ITEM]) == b'[{"sku":"0012","selling_price":13.90,"stock_status":1}]'


def test_a_bulk_update_with_the_store_s_number() -> None:
    contract = {
        "fields": {"sku": "product_code", "stock_status": "stock"},
        "item_copies": {"enabled": "stock_status", "mrp": "selling_price"},
        "items_key": "items",
        "store_id_key": "store_id",
        "store_id_format": "number",
    }
    assert written(**contract) == {
        "store_id": 7,
        "items": [
            {
                "product_code": "0012",
                "selling_price": Decimal("13.90"),
                "stock": 1,
                "mrp": Decimal("13.90"),
                "enabled": 1,
            }
        ],
    }


def test_a_branch_in_each_item_and_a_word_for_the_stock() -> None:
    contract = {
        "item_constants": {"branch": "branch-{store_id}", "tracked": True},
        "stock_values": ("outofstock", "instock"),
        "price_format": "string",
        "items_key": "update",
        "body_constants": {"source": "dashboard"},
    }
    item = {"sku": "0012", "selling_price": "13.90", "stock_status": "instock", "branch": "branch-007", "tracked": True}
    assert written(**contract) == {"source": "dashboard", "update": [item]}


def test_a_store_id_that_is_no_number_stays_text() -> None:
    endpoint = Endpoint("https://shop.example", "7a")
    contract = Contract(items_key="items", store_id_key="store", store_id_format="number")
    assert json.loads(encode_body(contract, endpoint, []))["store"] == "7a"


names = st.lists(
    st.text(min_size=1, max_size=8) | st.from_regex(r"[ab](\.[xy]){0,2}", fullmatch=True), min_size=3, max_size=3
)
scalars = st.one_of(st.integers(-5, 5), st.booleans(), st.text(max_size=5))
prices = st.decimals("0.01", "99999999.99", places=2)
items = st.builds(Item, st.just(1), st.just(1), st.text(min_size=1, max_size=20), prices, st.integers(0, 1))


def price_of(value: Any, price_format: str) -> Decimal:
    if price_format == "minor_units":
        return Decimal(value) / 100
    return Decimal(value["value"] if price_format.startswith("object") else value)


def at(row: Any, name: str) -> Any:
    for part in name.split("."):
        row = row[part]
    return row


def are_names(names: list[str]) -> bool:
    try:
        check_names(names)
    except ValueError:
        return False
    return True


SHAPES: dict[str, dict[str, Any]] = {
    "": {},
    "items": {"items_key": "items"},
    "single": {"single_item": True, "batch_size": 1},
}


@given(
    st.lists(items, min_size=1, max_size=5),
    names,
    st.tuples(scalars, scalars),
    st.sampled_from(["number", "string", "minor_units", "object", "object_string"]),
    st.sampled_from(["", "items", "single"]),
    st.sampled_from(
        [{}, {"item_number": "#"}, {"item_copies": {"#.copy": "sku"}}, {"item_constants": {"#": "{store_id}"}}]
    ),
)
def test_what_is_written_can_be_read_back(
    sent: list[Item],
    fields: list[str],
    stock: tuple[Any, Any],
    price_format: str,
    shape: str,
    more: dict[str, Any],
) -> None:
    assume(json.dumps(stock[0]) != json.dumps(stock[1]))
    assume(are_names([*fields, *("#" for _ in more)]))
    sku, price, status = fields
    mapping = {"sku": sku, "selling_price": price, "stock_status": status}
    values = {"fields": mapping, "stock_values": stock, "price_format": price_format, **more}
    sent = sent[:1] if shape == "single" else sent
    body = written(sent, **values, **SHAPES[shape])
    rows = {"single": lambda: [body], "items": lambda: body["items"], "": lambda: body}[shape]()
    kept = [json.dumps(value) for value in Contract(stock_values=stock).stock_values]
    read = [
        (at(row, sku), price_of(at(row, price), price_format), kept.index(json.dumps(at(row, status)))) for row in rows
    ]
    assert read == [(item.sku, item.selling_price, item.stock_status) for item in sent]


@pytest.mark.parametrize(
    ("sku", "part"), [("a/b", "a%2Fb"), ("..", "%2E%2E"), (".", "%2E"), ("1.5", "1.5"), ("ä ?", "%C3%A4%20%3F")]
)
def test_a_value_stays_one_part_of_a_path(sku: str, part: str) -> None:
    assert fill_url("{api_endpoint}/items/{sku}", ENDPOINT, sku=sku) == f"https://shop.example/items/{part}"


@pytest.mark.parametrize("rest", [".elsewhere.example/x", "@elsewhere.example/x", "99/x"])
def test_what_follows_the_endpoint_leads_to_no_other_server(rest: str) -> None:
    endpoint = Endpoint("https://shop.example:80", "14")
    assert fill_url("{api_endpoint}" + rest, endpoint) == f"https://shop.example:80/{rest}"
