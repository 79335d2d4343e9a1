"""A sample chain, the same each time: five outlets of two thousand products, changes to them, and a comparison."""

import random
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

import httpx
from django.db import transaction

from integration.models import Outlet, OutletProduct, Product
from integration.product_update import apply_product_update

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
def load_sample_chain(shop_url: str, now: datetime) -> list[Outlet]:
    """Make what is not there yet; outlets that exist get the shop's address anew."""
    chance = random.Random(2026)
    make_products()
    products = list(Product.objects.filter(sku__startswith="9340").order_by("sku")[:PRODUCT_COUNT])
    outlets = [make_outlet(shop_url, *facts, now) for facts in OUTLETS]
    for outlet in outlets:
        rows = [sample_product(outlet, product, chance) for product in products]
        OutletProduct.objects.bulk_create(rows, ignore_conflicts=True)
    return outlets


def make_products() -> None:
    Product.objects.bulk_create(
        (Product(sku=f"9340{number:09d}", name=f"Product {number}") for number in range(PRODUCT_COUNT)),
        ignore_conflicts=True,
    )


def make_outlet(shop_url: str, store_id: str, name: str, location: str, now: datetime) -> Outlet:
    outlet, _ = Outlet.objects.update_or_create(
        platform="pasons",
        store_id=store_id,
        defaults={
            "name": name,
            "location": location,
            "api_endpoint": f"{shop_url}/stores/{store_id}/products",
            "push_enabled": True,
            "push_after_update": True,
            "allow_private_address": True,  # the mock shop is on this machine
        },
    )
    outlet.set_secret("api_key", DEMO_KEY, now)
    outlet.save()
    return outlet


def sample_product(outlet: Outlet, product: Product, chance: random.Random) -> OutletProduct:
    price = Decimal(chance.randint(4, 400)) / 4
    return OutletProduct(outlet=outlet, product=product, selling_price=price, stock_status=int(chance.random() < 0.8))


def change_sample(outlet: Outlet, count: int) -> int:
    """Another price for `count` products, another stock status for half of them; how many rows have changed."""
    chance = random.Random(f"changes of {outlet.store_id}")
    products = list(OutletProduct.objects.filter(outlet=outlet).select_related("product").order_by("product__sku"))
    rows = [
        {
            "sku": item.product.sku,
            "selling_price": item.selling_price + Decimal("0.25"),
            "stock_status": item.stock_status ^ (number % 2),
        }
        for number, item in enumerate(chance.sample(products, count))
    ]
    return apply_product_update(outlet, rows).changed_count


class Difference(NamedTuple):
    """What the dashboard and the shop say of one SKU: (price, stock status), or None where it is not there."""

    sku: str
    dashboard: tuple[str, int] | None
    shop: tuple[str, int] | None


def shop_state(shop_url: str, store_id: str) -> dict[str, tuple[str, int]]:
    answer = httpx.get(f"{shop_url}/_state/{store_id}", timeout=30).raise_for_status()
    return {sku: (price, stock) for sku, (price, stock) in answer.json()["items"].items()}


def compare(outlet: Outlet, shop: dict[str, tuple[str, int]]) -> list[Difference]:
    """Where the shop's state is not the dashboard's, item by item and in both directions."""
    rows = OutletProduct.objects.filter(outlet=outlet).values_list("product__sku", "selling_price", "stock_status")
    ours = {sku: (f"{price:.2f}", stock) for sku, price, stock in rows}
    skus = sorted(ours.keys() | shop.keys())
    return [Difference(sku, ours.get(sku), shop.get(sku)) for sku in skus if ours.get(sku) != shop.get(sku)]
