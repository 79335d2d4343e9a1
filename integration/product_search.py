"""Products by SKU, barcode or name, and an outlet's products by what the shop knows of them. Queries only."""

from datetime import datetime

from django.db.models import Case, Count, IntegerField, Q, QuerySet, Value, When

from integration.changes import items_to_push
from integration.models import Outlet, OutletProduct, Product


def find_product(text: str) -> Product | None:
    """The product of this SKU, or the only one with this barcode."""
    if product := Product.objects.filter(sku=text).first():
        return product
    found = list(Product.objects.filter(barcode=text)[:2])
    return found[0] if len(found) == 1 else None


def search_products(text: str) -> QuerySet[Product]:
    """The exact SKU first, then SKUs and barcodes that begin with the text, then names that hold it."""
    matches = Q(sku__istartswith=text) | Q(barcode__startswith=text) | Q(name__icontains=text)
    rank = Case(
        When(sku=text, then=0),
        When(sku__istartswith=text, then=1),
        When(barcode__startswith=text, then=2),
        default=3,
        output_field=IntegerField(),
    )
    return Product.objects.filter(matches).annotate(rank=rank).order_by("rank", "sku")


def count_outlets(products: list[Product]) -> dict[int, int]:
    """In how many outlets each of these products is sold."""
    rows = OutletProduct.objects.filter(product__in=[product.pk for product in products])
    return dict(rows.values_list("product").annotate(count=Count("pk")).order_by())


def outlet_items(outlet: Outlet, state: str, text: str, now: datetime) -> QuerySet[OutletProduct]:
    """Without a state, all of the outlet's products; "waiting": what a partial push sends; "refused" by its shop."""
    if state == "waiting":
        items = items_to_push(outlet.pk, "partial", now)
    else:
        items = OutletProduct.objects.filter(outlet=outlet)
    if state == "refused":
        items = items.filter(rejection__isnull=False)
    if text:
        items = items.filter(matches_product(text))
    return items.select_related("product", "rejection").order_by("product_id")


def matches_product(text: str) -> Q:
    sku, barcode = Q(product__sku__istartswith=text), Q(product__barcode__startswith=text)
    return sku | barcode | Q(product__name__icontains=text)


def product_items(product: Product) -> QuerySet[OutletProduct]:
    """The product in every outlet; what the shop does not know comes first."""
    items = OutletProduct.objects.filter(product=product).select_related("outlet", "rejection")
    items = items.defer("outlet__api_key", "outlet__api_secret")
    refused = Case(When(rejection__isnull=False, then=Value(0)), default=Value(1))
    return items.annotate(refused=refused).order_by("refused", "-differs", "outlet__platform", "outlet__store_id")
