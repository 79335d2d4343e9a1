"""From items to a request's body, as the contract says. Compiled for each request; nothing is interpreted per item."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from integration.platforms.base import Endpoint, Item
from integration.platforms.contract import Contract

ENCODER = msgspec.json.Encoder(decimal_format="number")
Value = Callable[[Item], Any]


def encode_body(contract: Contract, endpoint: Endpoint, items: Sequence[Item], revision: int = 0) -> bytes:
    """The body in JSON: the bare array, or the array in its envelope."""
    columns = compile_columns(contract, endpoint, revision)
    rows = [{name: value(item) for name, value in columns} for item in items]
    if not contract.items_key:
        return ENCODER.encode(rows)
    envelope = fill_all(contract.body_constants, endpoint)
    if contract.store_id_key:
        envelope[contract.store_id_key] = store_id_value(contract, endpoint)
    return ENCODER.encode({**envelope, contract.items_key: rows})


def compile_columns(contract: Contract, endpoint: Endpoint, revision: int = 0) -> list[tuple[str, Value]]:
    """Each name in an item, and how its value is made."""
    values: dict[str, Value] = {
        "sku": lambda item: item.sku,
        "selling_price": price_value(contract),
        "stock_status": stock_value(contract),
    }
    names = [(getattr(contract.fields, source), source) for source in values]
    columns = [(name, values[source]) for name, source in [*names, *contract.item_copies.items()]]
    columns += [(name, constant(value)) for name, value in fill_all(contract.item_constants, endpoint).items()]
    if contract.revision_field:
        columns.append((contract.revision_field, constant(revision)))
    return columns


def price_value(contract: Contract) -> Value:
    match contract.price_format:
        case "string":
            return lambda item: f"{item.selling_price:.2f}"
        case "minor_units":
            return lambda item: int(item.selling_price * 100)
        case "object":
            currency = contract.currency
            return lambda item: {"value": item.selling_price, "currency": currency}
    return lambda item: item.selling_price


def stock_value(contract: Contract) -> Value:
    values = contract.stock_values
    return lambda item: values[item.stock_status]


def constant(value: Any) -> Value:
    return lambda item: value


def store_id_value(contract: Contract, endpoint: Endpoint) -> str | int:
    is_number = contract.store_id_format == "number" and endpoint.store_id.isascii() and endpoint.store_id.isdigit()
    return int(endpoint.store_id) if is_number else endpoint.store_id


def fill(template: Any, endpoint: Endpoint) -> Any:
    """`{store_id}` in a text stands for the outlet's."""
    return template.replace("{store_id}", endpoint.store_id) if isinstance(template, str) else template


def fill_all(templates: dict[str, Any], endpoint: Endpoint) -> dict[str, Any]:
    return {name: fill(template, endpoint) for name, template in templates.items()}
