"""Example shops that need more than one call, or a call for each item, or a signature: Deliveroo, Uber Eats, Keeta.

Invented where the public pages are silent: Deliveroo's brand is "b"; Keeta signs the time in seconds, a full
stop and the body.
"""

import hashlib
import hmac
import time
from typing import Any

from integration.strict_shops.base import Item, StrictShop, not_found
from integration.strict_shops.fields import array_of, boolean, minor_units, object_of, one_of, price, text
from integration.strict_shops.oauth import TokenShop
from integration.strict_shops.wire import Answer, Refusal, Request


class Deliveroo(TokenShop):
    """PUT /brands/b/sites/{store_id}/prices and .../availability; one refused item fails the whole request.

    A SKU is among `items` when both its price and its availability are known.
    """

    name = "deliveroo"
    push_method = "PUT"
    token_seconds = 300.0
    client_in_header = True
    prices_body = staticmethod(object_of({"prices": array_of(object_of({"id": text, "price": price}))}))
    availability = one_of({"available": 1, "unavailable": 0})
    availability_body = staticmethod(object_of({"items": array_of(object_of({"id": text, "status": availability}))}))

    def __init__(self, port: int = 0, *, key: str = "key", secret: str = "secret") -> None:
        super().__init__(port, key=key, secret=secret)
        self.prices: dict[tuple[str, str], str] = {}
        self.stock: dict[tuple[str, str], int] = {}

    def respond(self, request: Request) -> Answer:
        match request.parts:
            case ["oauth", "token"]:
                return self.give_token(request)
            case ["brands", "b", "sites", store_id, "prices" | "availability"] if store_id:
                return self.push(request, store_id)
        raise not_found()

    def take(self, request: Request, content: Any) -> Answer:
        if request.parts[-1] == "prices":
            values = {one["id"]: one["price"] for one in self.prices_body(content, ())["prices"]}
            self.keep(request, values, self.prices)
        else:
            values = {one["id"]: one["status"] for one in self.availability_body(content, ())["items"]}
            self.keep(request, values, self.stock)
        return Answer(200, {"updated": len(values)})

    def keep(self, request: Request, values: dict[str, Any], kept: dict[tuple[str, str], Any]) -> None:
        self.check_count(len(values))
        if values.keys() & self.refused.keys():
            raise Refusal(404, "item not found")
        kept.update({(request.store_id, sku): value for sku, value in values.items()})
        known = self.prices.keys() & self.stock.keys()
        self.put((Item(*name, self.prices[name], self.stock[name]) for name in known), {})


class UberEats(StrictShop):
    """POST /stores/{store_id}/items/{sku}: one item a call, its price in minor units."""

    name = "uber-eats"
    price_info = object_of({"price": minor_units})
    suspension = object_of({"suspended": boolean})
    body = staticmethod(object_of({"price_info": price_info, "suspension_info": suspension}))

    def respond(self, request: Request) -> Answer:
        match request.parts:
            case ["stores", store_id, "items", sku] if store_id and sku:
                return self.push(request, store_id)
        raise not_found()

    def take(self, request: Request, content: Any) -> Answer:
        body, sku = self.body(content, ()), request.parts[-1]
        self.check_count(1)
        stock = 1 - body["suspension_info"]["suspended"]
        if refused := self.put([Item(request.store_id, sku, body["price_info"]["price"], stock)]):
            raise Refusal(422, refused[sku])
        return Answer(204)


class Keeta(StrictShop):
    """PUT /keeta/v2/chains/77/vendors/{store_id}/catalog: Talabat's body, signed, and answered at once."""

    name = "keeta"
    push_method = "PUT"
    requests_per_minute = 60
    clock_seconds = 300  # how far off a timestamp may be
    body = staticmethod(object_of({"products": array_of(object_of({"sku": text, "price": price, "active": boolean}))}))

    def endpoint(self, store_id: str) -> str:
        return f"{self.url}/keeta/v2/chains/77"

    def respond(self, request: Request) -> Answer:
        match request.parts:
            case ["keeta", "v2", "chains", "77", "vendors", store_id, "catalog"] if store_id:
                return self.push(request, store_id)
        raise not_found()

    def is_allowed(self, request: Request) -> bool:
        sent_at, given = request.headers.get("x-timestamp", ""), request.headers.get("x-signature", "")
        if not (sent_at.isascii() and sent_at.isdigit() and abs(time.time() - int(sent_at)) <= self.clock_seconds):
            return False
        return request.headers.get("x-key") == self.key and given == self.signature(sent_at, request.body)

    def signature(self, timestamp: str, body: bytes) -> str:
        return hmac.new(self.secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()

    def take(self, request: Request, content: Any) -> Answer:
        products = self.body(content, ())["products"]
        self.check_count(len(products))
        refused = self.put(Item(request.store_id, one["sku"], one["price"], one["active"]) for one in products)
        return Answer(200, {"results": [self.result(one["sku"], refused) for one in products]})

    def result(self, sku: str, refused: dict[str, str]) -> dict[str, Any]:
        errors = [refused[sku]] if sku in refused else []
        return {"sku": sku, "state": "FAILED" if errors else "SUCCESS", "errors": errors}
