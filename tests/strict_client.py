"""A client that speaks to the strict shops as their contracts say."""

import base64
import json
from collections.abc import Callable
from typing import Any

import httpx

from integration.strict_shops.base import StrictShop
from integration.strict_shops.jobs import JobShop
from integration.strict_shops.oauth import TokenShop

HTTP = httpx.Client(timeout=5)
PASONS, TALABAT = "/api/v1/bulk-update", "/v2/chains/77/vendors/7/catalog"
WOO = "/wp-json/wc/v3/products/batch"


def pasons_body(*skus: str) -> dict[str, Any]:
    items = [{"product_code": sku, "selling_price": 13.9, "mrp": 15, "stock": 1, "enabled": 1} for sku in skus]
    return {"store_id": 7, "items": items}


def talabat_body(*skus: str) -> dict[str, Any]:
    return {"products": [{"sku": sku, "price": 13.9, "active": True} for sku in skus]}


def woo_body(*skus: str) -> dict[str, Any]:
    return {"update": [{"sku": sku, "regular_price": "13.90", "stock_status": "instock"} for sku in skus]}


PUSHES: dict[str, tuple[str, str, Callable[..., Any]]] = {
    "pasons-bulk": ("POST", f"{PASONS}/price-stock", pasons_body),
    "talabat": ("PUT", TALABAT, talabat_body),
    "woocommerce": ("POST", WOO, woo_body),
}


def ask_token(shop: TokenShop, **change: Any) -> httpx.Response:
    scope = {"scope": shop.token_scope} if shop.token_scope else {}
    form = {"grant_type": "client_credentials", "client_id": "key", "client_secret": "secret", **scope, **change}
    return HTTP.post(shop.url + shop.token_path, data=form)


def authorization(shop: StrictShop) -> dict[str, str]:
    if isinstance(shop, TokenShop):
        return {"Authorization": f"Bearer {ask_token(shop).json()['access_token']}"}
    return {"Authorization": f"Basic {base64.b64encode(b'key:secret').decode()}"}


class Client:
    """Pushes to one shop with valid credentials; a test changes what it wants to be wrong."""

    def __init__(self, shop: StrictShop) -> None:
        self.shop = shop
        self.method, self.path, self.body = PUSHES[shop.name]
        self.headers = {"Content-Type": "application/json", **authorization(shop)}

    def push(self, content: Any = None, method: str = "", path: str = "", **headers: str | None) -> httpx.Response:
        body = content if isinstance(content, bytes) else json.dumps(content or self.body("0012", "b")).encode()
        merged = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        sent = {name: value for name, value in merged.items() if value is not None}
        return HTTP.request(method or self.method, self.shop.url + (path or self.path), content=body, headers=sent)

    def get(self, path: str) -> httpx.Response:
        return HTTP.get(self.shop.url + path, headers=self.headers)


def finish_jobs(shop: StrictShop) -> None:
    """Let the shop do what it has queued."""
    if isinstance(shop, JobShop):
        for job in shop.jobs.values():
            shop.advance(job)
            shop.advance(job)


def change_item(body: dict[str, Any], key: str, value: Any = None) -> dict[str, Any]:
    """The second item has the key as well; `sku` is removed instead."""
    item = next(value for value in body.values() if isinstance(value, list))[1]
    if key == "sku":
        del item["product_code" if "product_code" in item else "sku"]
    else:
        item[key] = value
    return body


def assert_nothing_taken(client: Client, status: int) -> None:
    finish_jobs(client.shop)
    assert client.shop.items == {}
    assert client.shop.requests[-1]["status"] == status
