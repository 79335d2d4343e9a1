"""What a body must look like, and its values as the shop understands them. A reader takes (value, path)."""

import json
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from integration.strict_shops.wire import Place, Refusal, Request

Reader = Callable[[Any, Place], Any]
HIGHEST_PRICE = 10**9
PRICE_TEXT = re.compile(r"\d{1,9}\.\d{2}")


def invalid(place: Place, message: str) -> Refusal:
    return Refusal(400, message, place)


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a key stands twice in an object")
    return dict(pairs)


def no_number(name: str) -> None:
    raise ValueError(f"{name} is no number")


def read_json(request: Request) -> Any:
    """The body; a number with a fraction is a Decimal, so that no digit is lost."""
    if request.content_type != "application/json":
        raise Refusal(415, "Content-Type must be application/json")
    try:
        return json.loads(
            request.body.decode("utf-8"), parse_float=Decimal, parse_constant=no_number, object_pairs_hook=unique
        )
    except (ValueError, RecursionError) as exc:
        raise Refusal(400, f"the body is not JSON: {exc}") from exc


def object_of(required: dict[str, Reader], optional: dict[str, Reader] | None = None) -> Reader:
    """An object with these keys and no others."""
    readers = required | (optional or {})

    def read(value: Any, place: Place) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise invalid(place, "must be an object")
        for key in [*(value.keys() - readers.keys()), *(required.keys() - value.keys())]:
            raise invalid((*place, key), "is not known" if key in value else "is required")
        return {key: readers[key](one, (*place, key)) for key, one in value.items()}

    return read


def array_of(reader: Reader) -> Reader:
    def read(value: Any, place: Place) -> list[Any]:
        if not isinstance(value, list) or not value:
            raise invalid(place, "must be an array with at least one element")
        return [reader(one, (*place, number)) for number, one in enumerate(value)]

    return read


def one_of(meanings: dict[str, Any]) -> Reader:
    """A word, read as what it means."""

    def read(value: Any, place: Place) -> Any:
        if not isinstance(value, str) or value not in meanings:
            raise invalid(place, f"must be one of {', '.join(meanings)}")
        return meanings[value]

    return read


def text(value: Any, place: Place) -> str:
    if not isinstance(value, str) or not value.strip():
        raise invalid(place, "must be text")
    return value


def whole(value: Any, place: Place) -> int:
    """A whole number above 0."""
    if type(value) is not int or value <= 0:
        raise invalid(place, "must be a whole number above 0")
    return value


def flag(value: Any, place: Place) -> int:
    if type(value) is not int or value not in (0, 1):
        raise invalid(place, "must be 0 or 1")
    return value


def boolean(value: Any, place: Place) -> int:
    if not isinstance(value, bool):
        raise invalid(place, "must be true or false")
    return int(value)


def price(value: Any, place: Place) -> str:
    """A number in major units, as text with two decimals; so are the two below."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise invalid(place, "must be a number")
    if not 0 < value < HIGHEST_PRICE or value != round(Decimal(value), 2):
        raise invalid(place, "must be above 0 and have at most two decimals")
    return f"{value:.2f}"


def price_text(value: Any, place: Place) -> str:
    if not isinstance(value, str) or not PRICE_TEXT.fullmatch(value) or not Decimal(value):
        raise invalid(place, "must be a number above 0 with two decimals, as text")
    return value


def minor_units(value: Any, place: Place) -> str:
    return f"{Decimal(whole(value, place)) / 100:.2f}"


CURRENCY = one_of({"AED": "AED"})
