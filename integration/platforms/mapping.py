"""From items to a request's body, as the contract says. Compiled for each request; nothing is interpreted per item."""

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec

from integration.platforms.base import Endpoint, Item
from integration.platforms.contract import Contract

ENCODER = msgspec.json.Encoder(decimal_format="number")
Value = Callable[[Item], Any]
Columns = list[tuple[str, Value]]


def encode_body(
    contract: Contract, endpoint: Endpoint, items: Sequence[Item], revision: int = 0, request_key: str = ""
) -> bytes:
    """The body in JSON: the item, the bare array, or the array in its envelope."""
    columns = compile_columns(contract, endpoint, revision)
    rows = [{name: value(item) for name, value in columns} for item in items]
    if contract.item_number:
        rows = [{contract.item_number: number, **row} for number, row in enumerate(rows, contract.first_position)]
    if contract.single_item:
        return ENCODER.encode(rows[0])
    if not contract.items_key:
        return ENCODER.encode(rows)
    return ENCODER.encode({**envelope(contract, endpoint, request_key), contract.items_key: rows})


def envelope(contract: Contract, endpoint: Endpoint, request_key: str) -> dict[str, Any]:
    beside = fill_all(contract.body_constants, endpoint)
    if contract.store_id_key:
        beside[contract.store_id_key] = store_id_value(contract, endpoint)
    if contract.idempotency_key:
        beside[contract.idempotency_key] = request_key
    return beside


def compile_columns(contract: Contract, endpoint: Endpoint, revision: int = 0) -> Columns:
    """Each name in an item, and how its value is made."""
    values: dict[str, Value] = {
        "sku": lambda item: item.sku,
        "selling_price": price_value(contract),
        "stock_status": stock_value(contract),
    }
    names = [(getattr(contract.fields, source), source) for source in values]
    columns = [(name, values[source]) for name, source in [*names, *contract.item_copies.items()] if name]
    columns += [(name, constant(value)) for name, value in fill_all(contract.item_constants, endpoint).items()]
    if contract.revision_field:
        columns.append((contract.revision_field, constant(revision)))
    return nested(columns)


def nested(columns: Columns) -> Columns:
    """`price.value` becomes the `value` of an object `price`."""
    if not any("." in name for name, _ in columns):
        return columns
    groups: dict[str, Columns] = {}
    for name, value in columns:
        first, _, rest = name.partition(".")
        groups.setdefault(first, []).append((rest, value))
    return [(name, group_value(inner)) for name, inner in groups.items()]


def group_value(columns: Columns) -> Value:
    if columns[0][0] == "":
        return columns[0][1]
    inner = nested(columns)
    return lambda item: {name: value(item) for name, value in inner}


def price_value(contract: Contract) -> Value:
    currency = contract.currency
    match contract.price_format:
        case "string":
            return lambda item: f"{item.selling_price:.2f}"
        case "minor_units":
            return lambda item: int(item.selling_price * 100)
        case "object":
            return lambda item: {"value": item.selling_price, "currency": currency}
        case "object_string":
            return lambda item: {"value": f"{item.selling_price:.2f}", "currency": currency}
    return lambda item: item.selling_price


def stock_value(contract: Contract) -> Value:
    values = contract.stock_values
    return lambda item: values[item.stock_status]


def constant(value: Any) -> Value:
    return lambda item: value


def store_id_value(contract: Contract, endpoint: Endpoint) -> str | int:
    is_number = contract.store_id_format == "number" and endpoint.store_id.isascii() and endpoint.store_id.isdigit()
    return int(endpoint.store_id) if is_number else endpoint.store_id


def fill_url(template: str, endpoint: Endpoint, **values: str) -> str:
    """Each placeholder's value, quoted; the endpoint as it is, without its last slash where a path follows."""
    begin = endpoint.url if template == "{api_endpoint}" else with_path(endpoint.url)
    url = template.replace("{api_endpoint}/", endpoint.url.rstrip("/") + "/").replace("{api_endpoint}", begin)
    for name, value in {"store_id": endpoint.store_id, **values}.items():
        url = url.replace(f"{{{name}}}", quote_part(value))
    return url


def with_path(url: str) -> str:
    """What follows it must not become a part of the server's name or port."""
    parts = urlsplit(url)
    return f"{url}/" if parts.netloc and not (parts.path or parts.query) else url


def quote_part(value: str) -> str:
    """A value that stays one part of a path: two dots would lead out of it."""
    return quote(value, safe="") if value.strip(".") else value.replace(".", "%2E")


def fill(template: Any, endpoint: Endpoint) -> Any:
    """`{store_id}` in a text stands for the outlet's."""
    return template.replace("{store_id}", endpoint.store_id) if isinstance(template, str) else template


def fill_all(templates: dict[str, Any], endpoint: Endpoint) -> dict[str, Any]:
    return {name: fill(template, endpoint) for name, template in templates.items()}
