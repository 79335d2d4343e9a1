"""WooCommerce's product batch: Basic authentication, prices as text, errors that name no SKU.

The answer lists every item in the order of the request. One shop is one store. A GET of the batch path finds
no route, as in WordPress; a GET of the products is answered.
"""

from typing import Any

from integration.strict_shops.base import Item, StrictShop, not_found
from integration.strict_shops.fields import array_of, object_of, one_of, price_text, text
from integration.strict_shops.wire import Answer, Refusal, Request

STOCK = {"instock": 1, "outofstock": 0}
ITEM = object_of({"sku": text, "regular_price": price_text, "stock_status": one_of(STOCK)})
BODY = object_of({"update": array_of(ITEM)})
CODES = {
    400: "rest_invalid_param",
    401: "woocommerce_rest_cannot_edit",
    404: "rest_no_route",
    413: "woocommerce_rest_request_entity_too_large",
    415: "rest_unsupported_media_type",
    429: "woocommerce_rest_too_many_requests",
}


class WooCommerce(StrictShop):
    name = "woocommerce"
    items_per_request = 100
    too_many_items_status = 413
    wrong_method_status = 404
    store_id = "1"

    def endpoint(self, store_id: str) -> str:
        """All that is taken from now on belongs to this store."""
        self.store_id = store_id
        return f"{self.url}/wp-json/wc/v3"

    def respond(self, request: Request) -> Answer:
        match request.parts:
            case ["wp-json", "wc", "v3", "products", "batch"]:
                return self.push(request, self.store_id)
            case ["wp-json", "wc", "v3", "products"]:
                self.authorise(request)
                self.require_method(request, "GET")
                return Answer(200, [])
        raise not_found()

    def is_allowed(self, request: Request) -> bool:
        return self.is_basic(request)

    def take(self, request: Request, content: Any) -> Answer:
        updates = BODY(content, ())["update"]
        self.check_count(len(updates))
        refused = self.put(
            Item(self.store_id, one["sku"], one["regular_price"], one["stock_status"]) for one in updates
        )
        rows = zip(range(1, len(updates) + 1), content["update"], strict=True)
        return Answer(200, {"update": [row(number, one, refused.get(one["sku"])) for number, one in rows]})

    def error(self, refusal: Refusal) -> Any:
        return failure(CODES[refusal.status], str(refusal), refusal.status)


def row(number: int, item: dict[str, Any], reason: str | None) -> dict[str, Any]:
    if reason is None:
        return {"id": number, **item}
    return {"id": 0, "error": failure("woocommerce_rest_product_invalid_id", reason, 400)}


def failure(code: str, message: str, status: int) -> dict[str, Any]:
    return {"code": code, "message": message, "data": {"status": status}}
