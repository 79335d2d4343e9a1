"""A client that speaks to the example shops as their contracts say."""

import base64
import json
import time
from collections.abc import Callable
from typing import Any

import httpx

from integration.strict_shops.base import StrictShop
from integration.strict_shops.jobs import JobShop
from integration.strict_shops.oauth import TokenShop
from tests.platforms.example_shops_special import Deliveroo, Keeta

HTTP = httpx.Client(timeout=5)
BASIC = {"Authorization": f"Basic {base64.b64encode(b'key:secret').decode()}"}
BEARER = {"Authorization": "Bearer key"}
HEADERS = {
    "vtex": {"X-VTEX-API-AppKey": "key", "X-VTEX-API-AppToken": "secret"},
    "salla": {**BEARER, "X-Manager-Token": "secret"},
    "trendyol": BASIC,
}
AED = {"currency": "AED"}


def zalando(*skus: str) -> Any:
    price = {"amount": 13.9, **AED}
    return {"products": [{"ean": sku, "regular_price": price, "available": True} for sku in skus]}


def vtex(*skus: str) -> Any:
    return [{"skuId": sku, "price": 13.9, "active": True} for sku in skus]


def google(*skus: str) -> Any:
    values = {"price": {"value": "13.90", **AED}, "availability": "in stock"}
    entry = {"merchantId": "7", "method": "update"}
    return {
        "entries": [{"batchId": n, **entry, "product": {"offerId": sku, **values}} for n, sku in enumerate(skus, 1)]
    }


def salla(*skus: str) -> Any:
    return {"products": [{"sku": sku, "price": 13.9, "in_stock": True, "branch": "7"} for sku in skus]}


def square(*skus: str) -> Any:
    values = {"price_money": {"amount": 1390, **AED}, "in_stock": True}
    changes = [{"catalog_object_id": sku, **values} for sku in skus]
    return {"idempotency_key": "k", "location_id": "7", "changes": changes}


def ifood(*skus: str) -> Any:
    return [{"externalCode": sku, "price": {"value": 13.9}, "status": "AVAILABLE"} for sku in skus]


def magento(*skus: str) -> Any:
    attributes = {"stock_status": 1, "source_code": "7"}
    return [{"sku": sku, "price": 13.9, "extension_attributes": attributes} for sku in skus]


def trendyol(*skus: str) -> Any:
    return {"items": [{"barcode": sku, "salePrice": 13.9, "listPrice": 13.9, "quantity": 1} for sku in skus]}


def prices(*skus: str) -> Any:
    return {"prices": [{"id": sku, "price": 13.9} for sku in skus]}


def availability(*skus: str) -> Any:
    return {"items": [{"id": sku, "status": "available"} for sku in skus]}


def uber(*skus: str) -> Any:
    return {"price_info": {"price": 1390}, "suspension_info": {"suspended": False}}


def keeta(*skus: str) -> Any:
    return {"products": [{"sku": sku, "price": 13.9, "active": True} for sku in skus]}


PUSHES: dict[str, tuple[str, str, Callable[..., Any]]] = {
    "zalando": ("POST", "/partners/7/prices-stocks", zalando),
    "vtex": ("POST", "/7/offers", vtex),
    "google-merchant": ("POST", "/content/v2.1/products/batch", google),
    "salla": ("PUT", "/products/quantities-prices", salla),
    "square": ("POST", "/v2/inventory/batch", square),
    "ifood": ("PATCH", "/merchants/7/items", ifood),
    "magento": ("POST", "/rest/async/bulk/V1/products/bulk", magento),
    "trendyol": ("POST", "/suppliers/7/products/price-and-inventory", trendyol),
    "deliveroo": ("PUT", "/brands/b/sites/7/prices", prices),
    "uber-eats": ("POST", "/stores/7/items/a%2F1", uber),
    "keeta": ("PUT", "/keeta/v2/chains/77/vendors/7/catalog", keeta),
}


class Client:
    """Pushes to one shop with valid credentials."""

    def __init__(self, shop: StrictShop) -> None:
        self.shop = shop
        self.method, self.path, self.body = PUSHES[shop.name]

    def headers(self, body: bytes) -> dict[str, str]:
        json_type = {"Content-Type": "application/json"}
        if isinstance(self.shop, Keeta):
            now = str(int(time.time()))
            return {**json_type, "X-Key": "key", "X-Timestamp": now, "X-Signature": self.shop.signature(now, body)}
        if isinstance(self.shop, TokenShop):
            return {**json_type, "Authorization": f"Bearer {ask_token(self.shop).json()['access_token']}"}
        return {**json_type, **HEADERS.get(self.shop.name, BEARER)}

    def push(self, content: Any = None, path: str = "") -> httpx.Response:
        body = json.dumps(self.body("a", "b") if content is None else content).encode()
        return HTTP.request(self.method, self.shop.url + (path or self.path), content=body, headers=self.headers(body))

    def get(self, path: str) -> httpx.Response:
        return HTTP.get(self.shop.url + path, headers=self.headers(b""))

    def poll(self, answer: httpx.Response) -> httpx.Response:
        if self.shop.name == "magento":
            return self.get(f"/rest/V1/bulk/{answer.json()['bulk_uuid']}/detailed-status")
        return self.get(f"/suppliers/7/products/batch-requests/{answer.json()['batchRequestId']}")


def ask_token(shop: TokenShop, headers: dict[str, str] = BASIC, **more: str) -> httpx.Response:
    return HTTP.post(shop.url + shop.token_path, data={"grant_type": "client_credentials", **more}, headers=headers)


def complete(client: Client, answer: httpx.Response) -> None:
    """Make the second of two calls, or wait for the job."""
    if isinstance(client.shop, JobShop):
        client.poll(answer)
        client.poll(answer)
    if isinstance(client.shop, Deliveroo):
        client.push(availability("a", "b"), "/brands/b/sites/7/availability")
