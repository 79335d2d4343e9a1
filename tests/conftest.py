"""What tests share: an outlet with products, and a shop to push to."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from integration.mock_shop import MockShop
from integration.models import Outlet, OutletProduct, Product
from integration.platforms.memory import Memory

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
KEY = "correct-key"


@pytest.fixture(autouse=True)
def empty_memory() -> Iterator[None]:
    Memory.reset()
    yield
    Memory.reset()


@pytest.fixture
def shop() -> Iterator[MockShop]:
    with MockShop(key=KEY) as shop:
        yield shop


def make_outlet(store_id: str = "007", platform: str = "memory", **more: Any) -> Outlet:
    values = {"name": f"Branch {store_id}", "push_enabled": True, "allow_private_address": True, **more}
    return Outlet.objects.create(platform=platform, store_id=store_id, **values)


def stock(outlet: Outlet, count: int, price: str = "10.00", prefix: str = "s") -> list[str]:
    """Put `count` products into the outlet; their SKUs."""
    skus = [f"{prefix}{number:05d}" for number in range(count)]
    Product.objects.bulk_create([Product(sku=sku) for sku in skus], ignore_conflicts=True)
    products = Product.objects.filter(sku__in=skus).order_by("sku")
    OutletProduct.objects.bulk_create(
        OutletProduct(outlet=outlet, product=product, selling_price=Decimal(price), stock_status=1)
        for product in products
    )
    return skus


def set_price(outlet: Outlet, sku: str, price: str) -> None:
    OutletProduct.objects.filter(outlet=outlet, product__sku=sku).update(selling_price=Decimal(price))


def dashboard_state(outlet: Outlet) -> dict[str, tuple[str, int]]:
    rows = OutletProduct.objects.filter(outlet=outlet).values_list("product__sku", "selling_price", "stock_status")
    return {sku: (f"{price:.2f}", status) for sku, price, status in rows}


def acknowledged_state(outlet: Outlet) -> dict[str, tuple[str, int]]:
    rows = OutletProduct.objects.filter(outlet=outlet, pushed_at__isnull=False)
    values = rows.values_list("product__sku", "pushed_price", "pushed_stock_status")
    return {sku: (f"{price:.2f}", status) for sku, price, status in values}


def memory_state(store_id: str = "007") -> dict[str, tuple[str, int]]:
    return {sku: (f"{price:.2f}", status) for sku, (price, status) in Memory.shops.get(store_id, {}).items()}


@pytest.fixture
def outlet(db: None) -> Outlet:
    return make_outlet()


@pytest.fixture
def pasons_outlet(db: None, shop: MockShop) -> Outlet:
    return make_outlet("14", "pasons", api_endpoint=f"{shop.url}/stores/14/products", api_key=KEY)


@pytest.fixture
def quick(settings: Any) -> Callable[..., None]:
    """Change the contracts' times for this test: quick(backoff_seconds=0.01)."""

    def change(**contract: Any) -> None:
        settings.CONTRACTS = dict.fromkeys(("pasons", "memory"), contract)

    return change
