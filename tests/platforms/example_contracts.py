"""Contracts of shops that are not among the presets: what somebody would store for them, and a strict shop of each."""

from typing import Any

from integration.strict_shops.base import StrictShop

EXAMPLES: dict[str, tuple[type[StrictShop], dict[str, Any]]] = {}
