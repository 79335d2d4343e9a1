"""How a shop's list of what it has reads: from an answer to a page of items. Pure functions.

What a shop lists may hold anything: an item that cannot be read is one with a `problem`, and nothing is guessed.
"""

import re
from collections.abc import Callable, Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

import httpx
import msgspec

from integration.platforms.answers import NOTHING, Answer, as_number, read_push, search
from integration.platforms.base import Outcome, SendResult, ShopItem, ShopPage
from integration.platforms.contract import Contract, ReadBack

LONGEST_SKU = 64
LONGEST_PLACE = 2000  # characters of a cursor or an address
SHOWN = 40  # characters of a value that cannot be read
PLAIN_PRICE = re.compile(r"-?\d{1,12}(\.\d{1,6})?", re.ASCII)

Value = Callable[[Any], Any]


class Unreadable(ValueError):
    """A value is none of those that the contract says."""


def exact_number(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation as exc:  # beyond every exponent
        raise ValueError(f"{text[:SHOWN]} is no price") from exc


DECODER = msgspec.json.Decoder(float_hook=exact_number)


def read_answer(contract: Contract, answer: Answer, place: str, url: httpx.URL) -> ShopPage:
    """What a page holds, and where the next one is. Without a list, it is read as a push's answer is."""
    read_back = contract.read_back
    assert read_back is not None
    is_accepted = answer.status in contract.accepted_statuses
    parsed = parse_exactly(answer.body) if is_accepted else NOTHING
    listed = search(read_back.items, parsed)
    if not isinstance(listed, list):
        said = read_push(contract, answer, ())
        missing = f"HTTP {answer.status}, but there is no list of items at {read_back.items!r} in the answer"
        return without_page(said) if said.outcome is not Outcome.DONE else broken(answer, missing)
    try:
        following = next_place(read_back, parsed, place, len(listed), url)
    except Unreadable as exc:
        return broken(answer, str(exc))
    total = as_number(search(read_back.total, parsed))
    items = tuple(read_items(contract, read_back, listed))
    whole = int(total) if total is not None and 0 <= total < 10**9 else None
    return ShopPage(Outcome.DONE, items, following, whole, status_code=answer.status)


def without_page(said: SendResult) -> ShopPage:
    facts = (said.error_kind, said.message, said.status_code, said.retry_after)
    return ShopPage(said.outcome, (), None, None, *facts)


def parse_exactly(body: bytes) -> Any:
    """No digit of a price is lost."""
    try:
        return DECODER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError):
        return NOTHING


def broken(answer: Answer, message: str) -> ShopPage:
    return ShopPage(Outcome.BROKEN, error_kind="bad_answer", message=message, status_code=answer.status)


# --- where the next page is -----------------------------------------------------------------------------


def page_query(read_back: ReadBack, place: str) -> dict[str, str]:
    """What is asked for beside the contract's own query; a link says it all itself."""
    query = {read_back.size_parameter: str(read_back.page_size)} if read_back.size_parameter else {}
    first = {"page": str(read_back.first_page), "offset": "0"}.get(read_back.paging, "")
    wanted = place or first
    if read_back.paging in ("page", "offset", "cursor") and wanted:
        query[read_back.page_parameter] = wanted
    return query


def next_place(read_back: ReadBack, parsed: Any, place: str, count: int, url: httpx.URL) -> str | None:
    more = search(read_back.more, parsed)
    if read_back.paging == "none" or (more is not None and not more):  # what is not said ends no list
        return None
    match read_back.paging:
        case "page":
            return str(int(place or read_back.first_page) + 1) if count else None
        case "offset":
            return str(int(place or 0) + count) if count else None
    found = search(read_back.next, parsed)
    if found in (None, "", False):
        return None
    text = str(found)
    if isinstance(found, bool | dict | list) or len(text) > LONGEST_PLACE or not text.isprintable():
        raise Unreadable("what the answer names as the next page is none")
    return same_host(url, text) if read_back.paging == "link" else text


def same_host(url: httpx.URL, link: str) -> str:
    """The address of the next page: it is sent the outlet's key, so it has to be the shop's own."""
    try:
        target = url.join(link)
        is_there = place_of(target) == place_of(url)
    except (httpx.InvalidURL, ValueError) as exc:
        raise Unreadable("what the answer names as the next page is no address") from exc
    if not is_there:
        raise Unreadable("the next page would be at another address than the shop's")
    return str(target)


def place_of(url: httpx.URL) -> tuple[str, str, int | None, bytes]:
    return url.scheme, url.host, url.port, url.userinfo


# --- items ----------------------------------------------------------------------------------------------


def read_items(contract: Contract, read_back: ReadBack, listed: list[Any]) -> Iterator[ShopItem]:
    fields = read_back.fields or contract.fields
    sku_of, price_of, stock_of = (finder(name) for name in (fields.sku, fields.selling_price, fields.stock_status))
    price_format = read_back.price_format or contract.price_format
    stock_values = read_back.stock_values or contract.stock_values
    for entry in listed:
        sku, problem = read_sku(sku_of(entry))
        price = stock = None
        try:
            if not problem and fields.selling_price:
                price = read_price(price_of(entry), price_format)
            if not problem and fields.stock_status:
                stock = read_stock(stock_of(entry), stock_values)
        except Unreadable as exc:
            problem = str(exc)
        yield ShopItem(sku, price, stock, problem)


def finder(name: str) -> Value:
    """The value under a name; a dot leads into an object."""
    parts = name.split(".")

    def find(entry: Any) -> Any:
        for part in parts:
            entry = entry.get(part) if isinstance(entry, dict) else None
        return entry

    return find


def read_sku(value: Any) -> tuple[str, str]:
    """(SKU, problem). A number is its digits: whether it had zeros before them, only the shop knows."""
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        return "", f"the SKU is {shown(value)}"
    sku = str(value)
    if len(sku) > LONGEST_SKU or "\x00" in sku:
        return sku[:LONGEST_SKU].replace("\x00", ""), "the SKU is longer than 64 characters, or holds a zero byte"
    return sku, ""


def read_price(value: Any, price_format: str) -> Decimal:
    if price_format.startswith("object"):
        value = value.get("value") if isinstance(value, dict) else value
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise Unreadable(f"the price is {shown(value)}")
    text = value if isinstance(value, str) else plain(value)
    if not PLAIN_PRICE.fullmatch(text) or text.startswith("-"):
        raise Unreadable(f"the price is {shown(value)}")
    price = Decimal(text)
    return price / 100 if price_format == "minor_units" else price


def plain(value: int | Decimal) -> str:
    """Without an exponent, which could stand for a thousand digits."""
    if isinstance(value, int):
        return str(value) if abs(value) < 10**12 else ""
    return f"{value:f}" if value.is_finite() and -12 < value.adjusted() < 12 else ""


def read_stock(value: Any, stock_values: tuple[Any, Any]) -> int:
    for status, meaning in enumerate(stock_values):
        if value == meaning:
            return status
    raise Unreadable(f"the stock is {shown(value)}")


def shown(value: Any) -> str:
    if value is None or value == "":
        return "missing"
    if isinstance(value, dict | list):
        return "no single value"
    text = str(value)
    return f"{text[:SHOWN]}…" if len(text) > SHOWN else text
