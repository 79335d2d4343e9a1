"""One row of a product update: its values, or the reason why it is refused."""

import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

HIGHEST_PRICE = Decimal("99999999.99")
PLAIN_PRICE = re.compile(r"\d+(\.\d+)?")
THOUSANDS = re.compile(r"[1-9]\d{0,2}(,\d{3})+\.\d+")  # without decimals, 12,500 may be 12.5
MANGLED_SKU = re.compile(r"\d([.,]\d+)?[eE]\+\d+")
STOCK = {"0": 0, "1": 1, "false": 0, "true": 1, "no": 0, "yes": 1}
LONGEST_PLAIN = 30  # digits: with a large exponent it would be gigabytes
SKU_LENGTH = 64
NAME_LENGTH = 255

Row = Mapping[str, object]


class BadRow(NamedTuple):
    row: int
    sku: str
    field: str
    reason: str

    def __str__(self) -> str:
        return f"row {self.row}, sku {self.sku!r}, {self.field}: {self.reason}"


class GoodRow(NamedTuple):
    row: int
    sku: str
    selling_price: Decimal
    stock_status: int
    name: str
    barcode: str


class Refused(ValueError):
    """(field, reason)"""


def read_sku(value: object) -> str:
    if not isinstance(value, str):
        raise Refused("sku", "is missing" if value is None else "must be text: a number loses leading zeros")
    sku = value.strip()
    if not sku:
        raise Refused("sku", "is empty")
    if len(sku) > SKU_LENGTH or not sku.isprintable():
        raise Refused("sku", f"must be at most {SKU_LENGTH} printable characters")
    if MANGLED_SKU.fullmatch(sku):
        raise Refused("sku", "was turned into a number by a spreadsheet: format the column as text")
    return sku


def read_price(value: object) -> Decimal:
    price = to_decimal(value)
    if price <= 0:
        raise Refused("selling_price", "must be above 0")
    if price > HIGHEST_PRICE:
        raise Refused("selling_price", f"must be at most {HIGHEST_PRICE}")
    cents = price.quantize(Decimal("0.01"))
    if cents != price:
        raise Refused("selling_price", "has more than two decimals")
    return cents


def to_decimal(value: object) -> Decimal:
    if isinstance(value, bool) or value is None or value == "":
        raise Refused("selling_price", "is missing" if value is None or value == "" else "is not a price")
    text = plain(value) if isinstance(value, Decimal) else str(value).strip()
    if THOUSANDS.fullmatch(text):
        text = text.replace(",", "")
    negative, digits = text.startswith("-"), text.removeprefix("-")
    if not digits.isascii() or not PLAIN_PRICE.fullmatch(digits):
        hint = ": write decimals with a point, and thousands as 1234 or 1,234.00" if "," in text else ""
        raise Refused("selling_price", f"{text[:40]!r} is not a price{hint}")
    try:
        return -Decimal(digits) if negative else Decimal(digits)
    except InvalidOperation as exc:
        raise Refused("selling_price", f"{text[:40]!r} is not a price") from exc


def plain(number: Decimal) -> str:
    """Without an exponent, which JSON may hold for any number: 1E+2 is 100."""
    return f"{number:f}" if abs(number.adjusted()) < LONGEST_PLAIN else str(number)


def read_stock(value: object) -> int:
    stock = STOCK.get(str(value).strip().lower()) if value is not None else None
    if stock is None or not isinstance(value, str | int):
        raise Refused("stock_status", f"{str(value)[:40]!r} is not 0 or 1" if value is not None else "is missing")
    return stock


def read_text(value: object, name: str, limit: int) -> str:
    if value is not None and not isinstance(value, str):
        raise Refused(name, "must be text")
    text = (value or "").strip().replace("\x00", "")
    if any(map(is_half_a_character, text)):
        raise Refused(name, "holds half of a character")
    if len(text) > limit:
        raise Refused(name, f"is longer than {limit} characters")
    return text


def is_half_a_character(letter: str) -> bool:
    """Of a pair that JSON writes, one without the other: it cannot be stored."""
    return "\ud800" <= letter <= "\udfff"


def read_row(number: int, row: Row) -> GoodRow | BadRow:
    """The row's values, or the first reason why it is refused."""
    if not isinstance(row, Mapping):
        return BadRow(number, "", "row", f"is no row with named values but a {type(row).__name__}")
    try:
        if problem := row.get("problem"):
            raise Refused("row", str(problem))
        stock = row["stock_status"] if "stock_status" in row else row.get("enabled")
        return GoodRow(
            number,
            read_sku(row.get("sku")),
            read_price(row.get("selling_price")),
            read_stock(stock),
            read_text(row.get("name"), "name", NAME_LENGTH),
            read_text(row.get("barcode"), "barcode", SKU_LENGTH),
        )
    except Refused as exc:
        return BadRow(number, str(row.get("sku") or "")[:SKU_LENGTH], *exc.args)


def read_rows(rows: Iterable[Row]) -> Iterator[GoodRow | BadRow]:
    for position, row in enumerate(rows, 1):
        number = row.get("row") if isinstance(row, Mapping) else None
        yield read_row(number if isinstance(number, int) else position, row)
