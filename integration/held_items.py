"""The items for which a push is held, for people: those that matter most."""

from django.db.models import ExpressionWrapper, F, FloatField
from django.db.models.functions import Abs, Cast, NullIf

from integration.guard import LEAVING, Limits, cents, leaping, moving
from integration.models import OutletProduct

SORTED = 100_000  # items; of more, any are shown, for a page must not take a minute


def items_leaving(outlet_id: int, count: int, limit: int) -> list[OutletProduct]:
    """Of the `count` items that go out of stock, the dearest."""
    items = moving(outlet_id).filter(LEAVING).select_related("product")
    return list(items.order_by("-pushed_price" if count <= SORTED else "product_id", "pk")[:limit])


def largest_leaps(outlet_id: int, limits: Limits, count: int, limit: int) -> list[OutletProduct]:
    """Of the `count` items whose price leaps, those that leap furthest."""
    items = moving(outlet_id).filter(leaping(limits)).select_related("product")
    if count > SORTED:
        return list(items.order_by("product_id")[:limit])
    moved = Cast(Abs(cents("selling_price") - cents("pushed_price")), FloatField())
    share = ExpressionWrapper(moved / NullIf(cents("pushed_price"), 0), FloatField())
    return list(items.annotate(share=share).order_by(F("share").desc(nulls_first=True), "pk")[:limit])
