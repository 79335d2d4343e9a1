"""Example shops that answer for the items at once: Zalando, VTEX, Google Merchant, Salla, Square, iFood.

Invented where the public pages are silent: Zalando's codes (3: refused), iFood's 429 when its window is full,
Square's categories, that each shop takes AED only. Google answers its entries last first.
"""

from typing import Any

from integration.strict_shops.base import Item, StrictShop, not_found
from integration.strict_shops.fields import (
    CURRENCY,
    array_of,
    boolean,
    invalid,
    minor_units,
    object_of,
    one_of,
    price,
    price_text,
    text,
    whole,
)
from integration.strict_shops.wire import Answer, Refusal, Request, dotted

SUCCESS = {"code": 0, "description": "OK"}


class Zalando(StrictShop):
    """POST /partners/{store_id}/prices-stocks; two limits at once."""

    name = "zalando"
    requests_per_minute = 60
    items_per_minute = 2000
    amount = object_of({"amount": price, "currency": CURRENCY})
    product = object_of({"ean": text, "regular_price": amount, "available": boolean})
    body = staticmethod(object_of({"products": array_of(product)}))

    def respond(self, request: Request) -> Answer:
        match request.parts:
            case ["partners", store_id, "prices-stocks"] if store_id:
                return self.push(request, store_id)
        raise not_found()

    def take(self, request: Request, content: Any) -> Answer:
        products = self.body(content, ())["products"]
        self.check_count(len(products))
        refused = self.put(
            Item(request.store_id, one["ean"], one["regular_price"]["amount"], one["available"]) for one in products
        )
        return Answer(207, {"results": [self.result(one["ean"], refused) for one in products]})

    def result(self, ean: str, refused: dict[str, str]) -> dict[str, Any]:
        return {"ean": ean, **({"code": 3, "description": refused[ean]} if ean in refused else SUCCESS)}


class Vtex(StrictShop):
    """POST /{store_id}/offers, a bare array; two header keys; errors by the item's path."""

    name = "vtex"
    items_per_request = 500
    body = staticmethod(array_of(object_of({"skuId": text, "price": price, "active": boolean})))

    def respond(self, request: Request) -> Answer:
        match request.parts:
            case [store_id, "offers"] if store_id:
                return self.push(request, store_id)
        raise not_found()

    def is_allowed(self, request: Request) -> bool:
        given = (request.headers.get("x-vtex-api-appkey"), request.headers.get("x-vtex-api-apptoken"))
        return given == (self.key, self.secret)

    def take(self, request: Request, content: Any) -> Answer:
        offers = self.body(content, ())
        self.check_count(len(offers))
        refused = self.put(Item(request.store_id, one["skuId"], one["price"], one["active"]) for one in offers)
        numbers = {number: one["skuId"] for number, one in enumerate(offers) if one["skuId"] in refused}
        errors = [{"instancePath": f"/{number}", "message": refused[sku]} for number, sku in numbers.items()]
        return Answer(200, {"errors": errors})

    def error(self, refusal: Refusal) -> Any:
        path = "".join(f"/{part}" for part in refusal.place)
        return {"errors": [{"instancePath": path, "message": refusal.message}]}


class GoogleMerchant(StrictShop):
    """POST /content/v2.1/products/batch; the store inside each entry."""

    name = "google-merchant"
    method = one_of({"update": "update"})
    product = object_of(
        {
            "offerId": text,
            "price": object_of({"value": price_text, "currency": CURRENCY}),
            "availability": one_of({"in stock": 1, "out of stock": 0}),
        }
    )
    entry = object_of({"batchId": whole, "merchantId": text, "method": method, "product": product})
    body = staticmethod(object_of({"entries": array_of(entry)}))

    def respond(self, request: Request) -> Answer:
        if request.parts != ["content", "v2.1", "products", "batch"]:
            raise not_found()
        return self.push(request)

    def take(self, request: Request, content: Any) -> Answer:
        entries = self.body(content, ())["entries"]
        request.store_id = entries[0]["merchantId"]
        self.check_count(len(entries))
        if len({entry["batchId"] for entry in entries}) < len(entries):
            raise invalid(("entries",), "must each have a batchId of their own")
        refused = self.put(self.read_item(entry) for entry in entries)
        return Answer(200, {"entries": [self.result(entry, refused) for entry in reversed(entries)]})

    def read_item(self, entry: dict[str, Any]) -> Item:
        product = entry["product"]
        return Item(entry["merchantId"], product["offerId"], product["price"]["value"], product["availability"])

    def result(self, entry: dict[str, Any], refused: dict[str, str]) -> dict[str, Any]:
        reason = refused.get(entry["product"]["offerId"])
        errors = {} if reason is None else {"errors": {"code": 400, "message": reason}}
        return {"kind": "content#productsCustomBatchResponseEntry", "batchId": entry["batchId"], **errors}

    def error(self, refusal: Refusal) -> Any:
        return {"error": {"code": refusal.status, "message": str(refusal)}}


class Salla(StrictShop):
    """PUT /products/quantities-prices, as Zid's; two authentication headers, the branch inside each item."""

    name = "salla"
    push_method = "PUT"
    product = object_of({"sku": text, "price": price, "in_stock": boolean, "branch": text})
    body = staticmethod(object_of({"products": array_of(product)}))

    def respond(self, request: Request) -> Answer:
        if request.parts != ["products", "quantities-prices"]:
            raise not_found()
        return self.push(request)

    def is_allowed(self, request: Request) -> bool:
        given = (request.headers.get("authorization"), request.headers.get("x-manager-token"))
        return given == (f"Bearer {self.key}", self.secret)

    def take(self, request: Request, content: Any) -> Answer:
        products = self.body(content, ())["products"]
        request.store_id = products[0]["branch"]
        self.check_count(len(products))
        refused = self.put(Item(one["branch"], one["sku"], one["price"], one["in_stock"]) for one in products)
        failed = [{"sku": sku, "message": reason} for sku, reason in refused.items()]
        return Answer(200, {"success": True, "data": {"failed": failed}})

    def error(self, refusal: Refusal) -> Any:
        return {"success": False, "error": {"code": refusal.status, "message": str(refusal)}}


class Square(StrictShop):
    """POST /v2/inventory/batch; the idempotency key in the body, errors by position."""

    name = "square"
    items_per_request = 100
    key_length = 64
    money = object_of({"amount": minor_units, "currency": CURRENCY})
    change = object_of({"catalog_object_id": text, "price_money": money, "in_stock": boolean})
    body = staticmethod(object_of({"idempotency_key": text, "location_id": text, "changes": array_of(change)}))

    def respond(self, request: Request) -> Answer:
        if request.parts != ["v2", "inventory", "batch"]:
            raise not_found()
        return self.push(request)

    def take(self, request: Request, content: Any) -> Answer:
        body = self.body(content, ())
        request.store_id, request.idempotency_key = body["location_id"], body["idempotency_key"]
        if len(body["idempotency_key"]) > self.key_length:
            raise invalid(("idempotency_key",), f"must have at most {self.key_length} characters")
        self.check_count(len(body["changes"]))
        refused = self.put(self.read_item(request, change) for change in body["changes"])
        return Answer(200, self.result(body["changes"], refused))

    def read_item(self, request: Request, change: dict[str, Any]) -> Item:
        return Item(request.store_id, change["catalog_object_id"], change["price_money"]["amount"], change["in_stock"])

    def result(self, changes: list[dict[str, Any]], refused: dict[str, str]) -> dict[str, Any]:
        names = [change["catalog_object_id"] for change in changes]
        errors = [
            self.failure("NOT_FOUND", refused[name], f"changes[{number}]")
            for number, name in enumerate(names)
            if name in refused
        ]
        counts = [{"catalog_object_id": name} for name in names if name not in refused]
        return {"counts": counts, **({"errors": errors} if errors else {})}

    def failure(self, code: str, detail: str, field: str) -> dict[str, str]:
        return {"category": "INVALID_REQUEST_ERROR", "code": code, "detail": detail, "field": field}

    def error(self, refusal: Refusal) -> Any:
        return {"errors": [self.failure(f"HTTP_{refusal.status}", refusal.message, dotted(refusal.place))]}


class IFood(StrictShop):
    """PATCH /merchants/{store_id}/items, a bare array; so many items of a store within a long window."""

    name = "ifood"
    push_method = "PATCH"
    window_items = 1000
    window_seconds = 2100.0
    status = one_of({"AVAILABLE": 1, "UNAVAILABLE": 0})
    body = staticmethod(
        array_of(object_of({"externalCode": text, "price": object_of({"value": price}), "status": status}))
    )

    def respond(self, request: Request) -> Answer:
        match request.parts:
            case ["merchants", store_id, "items"] if store_id:
                return self.push(request, store_id)
        raise not_found()

    def take(self, request: Request, content: Any) -> Answer:
        listed = self.body(content, ())
        self.check_count(len(listed))
        self.spend(f"items of {request.store_id}", len(listed), self.window_items, self.window_seconds)
        refused = self.put(
            Item(request.store_id, one["externalCode"], one["price"]["value"], one["status"]) for one in listed
        )
        return Answer(200, {"failures": [{"externalCode": sku, "reason": why} for sku, why in refused.items()]})
