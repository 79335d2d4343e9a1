"""Shops that are as strict as the real ones, by name."""

from integration.strict_shops.base import StrictShop
from integration.strict_shops.pasons_bulk import PasonsBulk
from integration.strict_shops.talabat import Talabat
from integration.strict_shops.woocommerce import WooCommerce

SHOPS: dict[str, type[StrictShop]] = {shop.name: shop for shop in (PasonsBulk, Talabat, WooCommerce)}
