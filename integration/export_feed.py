"""The feed of an outlet as CSV, streamed. Reading it changes nothing."""

import csv
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from integration.changes import unsynced
from integration.models import Outlet, OutletProduct

HEADER = ("sku", "selling_price", "stock_status")
FORMULA = tuple("=+-@\t\r")


class Line:
    """A file that hands back what is written to it."""

    def write(self, text: str) -> str:
        return text


def feed_items(outlet: Outlet, partial: bool, now: datetime) -> QuerySet[OutletProduct]:
    """Also what is in quarantine: it is not sent, but the shop does not know it."""
    products = OutletProduct.objects.filter(outlet=outlet)
    return products.filter(unsynced(now)) if partial else products


def count_feed(outlet: Outlet, *, partial: bool, now: datetime) -> int:
    return feed_items(outlet, partial, now).count()


def feed_lines(outlet: Outlet, *, partial: bool, now: datetime) -> Iterator[str]:
    """The lines of the feed, header first, by SKU. Partial: what the shop does not know yet."""
    writer: Any = csv.writer(Line(), lineterminator="\n")
    yield writer.writerow(HEADER)
    rows = feed_items(outlet, partial, now).order_by("product__sku")
    values = rows.values_list("product__sku", "selling_price", "stock_status")
    for sku, price, stock in values.iterator(chunk_size=2000):
        yield writer.writerow((guard(sku), f"{price:.2f}", stock))


def guard(text: str) -> str:
    """A spreadsheet must not run a SKU as a formula."""
    return f"'{text}" if text.lstrip("'").startswith(FORMULA) else text
