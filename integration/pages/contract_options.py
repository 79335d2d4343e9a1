"""The usual settings of a contract as fields: how each is called, and how its value is written and read.

An empty field is as the preset has it; `""` is really empty, `none` is no limit.
"""

import json
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

from django.utils.translation import gettext_lazy as _

from integration.platforms.contract import Contract
from integration.platforms.contract_settings import as_json

EMPTY, NONE = '""', "none"
MISSING = object()
STOCK_CHOICES = {"numbers": [0, 1], "truth": [False, True]}


class Option(NamedTuple):
    """`path` is the setting's dotted name; `kind` is text, number, list or choice."""

    path: str
    label: Any
    help: Any
    kind: str = "text"

    @property
    def field(self) -> str:
        """With a prefix: a field `errors` would hide the form's own errors from the templates."""
        return f"set_{self.path.replace('.', '__')}"


class Group(NamedTuple):
    label: Any
    options: tuple[Option, ...]


GROUPS = (
    Group(
        _("Signing in"),
        (
            Option("auth", _("Way of signing in"), _("How the shop knows us."), "choice"),
            Option("auth_header", _("Header of the key"), _("The header that holds the API key.")),
            Option("token_url", _("Token address"), _("Where an access token is had, for oauth2.")),
        ),
    ),
    Group(
        _("Request"),
        (
            Option("method", _("Method"), _("The HTTP method."), "choice"),
            Option("url", _("Address"), _("It may hold {api_endpoint} and {store_id}.")),
            Option("items_key", _("Name of the list"), _("The items stand under it; without one the body is a list.")),
            Option("store_id_key", _("Name of the store id"), _("It stands beside the list of items.")),
            Option("store_id_format", _("Store id as"), _("Text, or a number."), "choice"),
        ),
    ),
    Group(
        _("Item"),
        (
            Option("fields.sku", _("Name of the SKU"), _("What the shop calls it.")),
            Option("fields.selling_price", _("Name of the price"), _("A dot leads into an object: price.value.")),
            Option("fields.stock_status", _("Name of the stock"), _("What the shop calls it.")),
            Option("price_format", _("Price as"), _("A number, text, the smallest coin, or an object."), "choice"),
            Option("currency", _("Currency"), _("For a price that is an object.")),
        ),
    ),
    Group(
        _("How much, how fast"),
        (
            Option("batch_size", _("Items in a request"), _("At most so many."), "number"),
            Option("requests_per_minute", _("Requests per minute"), _("What the shop allows one key."), "number"),
            Option("timeout_seconds", _("Time limit"), _("Seconds for a whole request."), "number"),
            Option("attempts", _("Tries"), _("Of one request, until it is given up."), "number"),
            Option("backoff_seconds", _("Wait between tries"), _("Seconds at first; it doubles."), "number"),
        ),
    ),
    Group(
        _("What is held"),
        (
            Option(
                "guard.stock_percent",
                _("Out of stock, in percent"),
                _("Of an outlet's items, at most."),
                "number",
            ),
            Option(
                "guard.price_percent",
                _("Move of a price, in percent"),
                _("Further moves count."),
                "number",
            ),
            Option(
                "guard.items_percent",
                _("Such prices, in percent"),
                _("Of the items sent, at most."),
                "number",
            ),
            Option("guard.min_items", _("At least so many items"), _("Fewer are never a reason."), "number"),
        ),
    ),
    Group(
        _("The shop's answer"),
        (
            Option("accepted_statuses", _("Good statuses"), _("HTTP statuses, with commas between."), "list"),
            Option("success", _("It worked if"), _("A condition in JMESPath.")),
            Option("message", _("Message"), _("Where the shop says why not.")),
            Option("errors", _("List of errors"), _("Where the shop lists refused items.")),
            Option("error_sku", _("SKU in an error"), _("Where an entry names its item.")),
            Option("error_reason", _("Reason in an error"), _("Where an entry says why.")),
        ),
    ),
)
OPTIONS = tuple(option for group in GROUPS for option in group.options)


def choices_of(path: str) -> list[str]:
    values: list[str] = Contract.model_json_schema()["properties"][path]["enum"]
    return values


# --- a value of the changes -----------------------------------------------------------------------------


def find(changes: dict[str, Any], path: str) -> Any:
    """What the changes say of it; MISSING where they say nothing."""
    value: Any = changes
    for name in path.split("."):
        if not isinstance(value, dict) or name not in value:
            return MISSING
        value = value[name]
    return value


def put(changes: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """The changes with this value, or without any where it is MISSING."""
    name, _dot, rest = path.partition(".")
    if rest:
        inner = changes.get(name)
        value = put(inner if isinstance(inner, dict) else {}, rest, value) or MISSING
    others = {**changes, name: value}
    return others if value is not MISSING else {key: kept for key, kept in changes.items() if key != name}


def leaves(changes: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """The dotted names of what the changes set; `fields`, `job` and `guard` are gone into."""
    for name, value in changes.items():
        if name in ("fields", "job", "guard") and isinstance(value, dict):
            yield from leaves(value, f"{name}.")
        else:
            yield f"{prefix}{name}"


# --- as text, and back ----------------------------------------------------------------------------------


def write(value: Any) -> str:
    if value is MISSING:
        return ""
    if value is None:
        return NONE
    if isinstance(value, str):
        return value or EMPTY
    if isinstance(value, list) and value and all(isinstance(inner, int) for inner in value):
        return ", ".join(map(as_json, value))
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return json.dumps(value, ensure_ascii=False)


def read(kind: str, text: str) -> Any:
    """What cannot be read stays text: the contract says what is wrong with it."""
    if not text:
        return MISSING
    if text == EMPTY:
        return ""
    if kind == "number":
        return None if text.casefold() == NONE else read_number(text)
    if kind == "list":
        return [read_number(part) for part in text.replace(",", " ").split()]
    return text


def read_number(text: str) -> Any:
    try:
        return int(text)
    except ValueError:
        return read_decimal(text)


def read_decimal(text: str) -> Any:
    try:
        number = float(text)
    except ValueError:
        return text
    return number if math.isfinite(number) else text


def is_same_text(one: str, other: str) -> bool:
    """As a browser hands back what stood in a field of one line."""
    return "".join(one.splitlines()).strip() == "".join(other.splitlines()).strip()


# --- the two values of the stock ------------------------------------------------------------------------


def write_stock(value: Any) -> tuple[str, str, str]:
    """(choice, word for out of stock, word for in stock)"""
    if value is MISSING:
        return "", "", ""
    for choice, pair in STOCK_CHOICES.items():
        if as_json(value) == as_json(pair):
            return choice, "", ""
    words = value if isinstance(value, list) and len(value) == 2 else [value, ""]
    return "words", write(words[0]), write(words[1])


def read_stock(choice: str, out_word: str, in_word: str) -> Any:
    if choice in STOCK_CHOICES:
        return STOCK_CHOICES[choice]
    return [word if word != EMPTY else "" for word in (out_word, in_word)] if choice else MISSING
