"""A sample chain, the same each time: five outlets of two thousand products, changes to them, and a comparison."""

import random
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

import httpx
from django.db import transaction

from integration.demo_catalogue import catalogue
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
DEMO_KEY = "demo-key-4f8a1c"  # the mock shop's, on this machine only


Priced = list[tuple[Product, Decimal]]


@transaction.atomic
def load_sample_chain(
    shop_url: str, now: datetime, outlets: tuple[tuple[str, str, str], ...] = OUTLETS
) -> list[Outlet]:
    """Make what is not there yet; outlets that exist get the shop's address anew."""
    chance = random.Random(2026)
    products = make_products()
    return [make_outlet(shop_url, facts, products, chance, now) for facts in outlets]


def make_products() -> Priced:
    """The articles and their usual prices."""
    articles = {article.sku: article for article in catalogue(PRODUCT_COUNT)}
    rows = (Product(sku=article.sku, name=article.name, barcode=article.barcode) for article in articles.values())
    Product.objects.bulk_create(rows, ignore_conflicts=True)
    products = Product.objects.filter(sku__startswith="9340").order_by("sku")[:PRODUCT_COUNT]
    return [(product, articles[product.sku].price) for product in products if product.sku in articles]


def address_in(shop_url: str, store_id: str) -> str:
    return f"{shop_url}/stores/{store_id}/products"


def make_outlet(
    shop_url: str, facts: tuple[str, str, str], products: Priced, chance: random.Random, now: datetime
) -> Outlet:
    store_id, name, location = facts
    outlet, _ = Outlet.objects.update_or_create(
        platform="pasons",
        store_id=store_id,
        defaults={
            "name": name,
            "location": location,
            "api_endpoint": address_in(shop_url, store_id),
            "push_enabled": True,
            "push_after_update": True,
            "allow_private_address": True,  # the mock shop is on this machine
        },
    )
    outlet.set_secret("api_key", DEMO_KEY, now)
    outlet.save()
    rows = [sample_product(outlet, product, price, chance) for product, price in products]
    OutletProduct.objects.bulk_create(rows, ignore_conflicts=True)
    return outlet


def sample_product(outlet: Outlet, product: Product, usual: Decimal, chance: random.Random) -> OutletProduct:
    """Prices differ a little from branch to branch."""
    price = usual + Decimal(chance.randint(0, 3)) / 4
    return OutletProduct(outlet=outlet, product=product, selling_price=price, stock_status=int(chance.random() < 0.9))


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
