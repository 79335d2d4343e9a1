"""Shops of other shapes than the presets', as strict, by name: what the contract's options have to cover."""

from integration.strict_shops.base import StrictShop
from tests.platforms.example_shops_direct import GoogleMerchant, IFood, Salla, Square, Vtex, Zalando
from tests.platforms.example_shops_jobs import Magento, Trendyol
from tests.platforms.example_shops_special import Deliveroo, Keeta, UberEats

DIRECT = (Zalando, Vtex, GoogleMerchant, Salla, Square, IFood)
JOBS = (Magento, Trendyol)
SPECIAL = (Deliveroo, UberEats, Keeta)

EXAMPLE_SHOPS: dict[str, type[StrictShop]] = {shop.name: shop for shop in (*DIRECT, *JOBS, *SPECIAL)}
