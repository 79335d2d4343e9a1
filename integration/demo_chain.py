"""A sample chain, the same each time: five outlets of two thousand products."""

import random
from decimal import Decimal

from django.db import transaction

from integration.models import Outlet, OutletProduct, Product

OUTLETS = (
    ("14", "Pasons Al Quoz", "Dubai"),
    ("22", "Pasons Shopping Center", "Sharjah"),
    ("31", "Pasons Marina", "Dubai"),
    ("45", "Pasons Corniche", "Abu Dhabi"),
    ("007", "Pasons DIP", "Dubai"),
)
PRODUCT_COUNT = 2000
DEMO_KEY = "demo-key"  # the mock shop's, on this machine only


@transaction.atomic
def load_sample_chain(shop_url: str) -> list[Outlet]:
    """Make what is not there yet; outlets that exist get the shop's address anew."""
    chance = random.Random(2026)
    make_products()
    products = list(Product.objects.filter(sku__startswith="9340").order_by("sku")[:PRODUCT_COUNT])
    return [make_outlet(shop_url, *facts, products, chance) for facts in OUTLETS]


def make_products() -> None:
    Product.objects.bulk_create(
        (Product(sku=f"9340{number:09d}", name=f"Product {number}") for number in range(PRODUCT_COUNT)),
        ignore_conflicts=True,
    )


def make_outlet(
    shop_url: str, store_id: str, name: str, location: str, products: list[Product], chance: random.Random
) -> Outlet:
    outlet, _ = Outlet.objects.update_or_create(
        platform="pasons",
        store_id=store_id,
        defaults={
            "name": name,
            "location": location,
            "api_endpoint": f"{shop_url}/stores/{store_id}/products",
            "api_key": DEMO_KEY,
            "push_enabled": True,
            "push_after_update": True,
        },
    )
    rows = [sample_product(outlet, product, chance) for product in products]
    OutletProduct.objects.bulk_create(rows, ignore_conflicts=True)
    return outlet


def sample_product(outlet: Outlet, product: Product, chance: random.Random) -> OutletProduct:
    price = Decimal(chance.randint(4, 400)) / 4
    return OutletProduct(outlet=outlet, product=product, selling_price=price, stock_status=int(chance.random() < 0.8))
