"""Who changes prices and stock, written down with the change: in its transaction, so that none is without."""

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from django.db.models import F, QuerySet
from django.db.models.functions import Now

from integration.models import ProductUpdate, PushHistory

Source = ProductUpdate.Source
SHOWN = 20  # changes that are kept whole; all are counted


class Change(NamedTuple):
    """What an update does to one product of the outlet; the old values are None where it is new there."""

    sku: str
    name: str
    old_price: Decimal | None
    old_stock: int | None
    new_price: Decimal
    new_stock: int

    @property
    def is_new(self) -> bool:
        return self.old_price is None


class Sender(NamedTuple):
    """Where an update comes from; ids, as they are at hand."""

    source: str = Source.CODE
    user_id: int | None = None
    token_id: int | None = None
    upload_id: int | None = None


BY_CODE = Sender()


class UpdateRecord:
    """The row of an update, or of one try of it, made with the first change that it brings."""

    def __init__(self, outlet_id: int, sender: Sender) -> None:
        self.outlet_id, self.sender = outlet_id, sender
        self.pk: int | None = None

    def add(self, changes: list[Change]) -> None:
        """Runs in the transaction that makes the changes."""
        counts = count(changes)
        if self.pk is None:
            shown = [describe(one) for one in changes[:SHOWN]]
            row = ProductUpdate(outlet_id=self.outlet_id, **self.sender._asdict(), **counts, changes=shown)
            row.save(force_insert=True)
            self.pk = row.pk
            return
        more = {name: F(name) + number for name, number in counts.items()}
        ProductUpdate.objects.filter(pk=self.pk).update(**more, written_at=Now())


def count(changes: Iterable[Change]) -> dict[str, int]:
    counts = {"created_count": 0, "changed_count": 0, "sold_out_count": 0}
    for one in changes:
        counts["created_count" if one.is_new else "changed_count"] += 1
        counts["sold_out_count"] += bool(one.old_stock and not one.new_stock)
    return counts


def describe(change: Change) -> list[str | int | None]:
    """SKU, old price and stock, new price and stock; prices as text."""
    old_price = None if change.old_price is None else f"{change.old_price:.2f}"
    return [change.sku, old_price, change.old_stock, f"{change.new_price:.2f}", change.new_stock]


# --- reading --------------------------------------------------------------------------------------------


def updates() -> QuerySet[ProductUpdate]:
    """Newest first, with whom they came from; without the outlets' secrets and the files."""
    related = ProductUpdate.objects.select_related("outlet", "user", "token", "upload")
    return related.defer("outlet__api_key", "outlet__api_secret", "upload__content", "upload__findings")


def updates_before(push: PushHistory) -> QuerySet[ProductUpdate]:
    """What came until it ended, since the outlet's last push before it that brought the shop anything had begun.

    What comes while a push runs, its follow-up may bring; what a push has not brought, the next one does.
    """
    found = updates().filter(outlet=push.outlet_id)
    before = PushHistory.objects.filter(outlet=push.outlet_id, push_timestamp__lt=push.push_timestamp)
    brought = before.filter(accepted_count__gt=0).order_by("-push_timestamp", "-pk")
    if since := brought.values_list("push_timestamp", flat=True).first():
        found = found.filter(written_at__gt=since)
    return found.filter(written_at__lte=push.finished_at) if push.finished_at else found
