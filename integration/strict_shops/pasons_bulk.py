"""Pasons' bulk update: a token, queued batches, and HTTP 200 for a refusal too.

Where the shop's own pages are silent: a body that is not valid gets 400 {"message"}; logs come in pages.
"""

import time
from typing import Any

from integration.strict_shops.base import Item, not_found
from integration.strict_shops.fields import array_of, flag, invalid, object_of, price, text, whole
from integration.strict_shops.jobs import Job, JobShop
from integration.strict_shops.oauth import TokenShop
from integration.strict_shops.wire import Answer, Refusal, Request

ITEM = object_of({"product_code": text, "selling_price": price, "stock": flag, "enabled": flag}, {"mrp": price})
BODY = object_of({"store_id": whole, "items": array_of(ITEM)})
STATES = {"queued": "queued", "running": "processing", "complete": "completed", "failed": "failed"}


class PasonsBulk(TokenShop, JobShop):
    """`refused` shows in the push's answer, `refused_later` only in the logs of the completed batch.

    `refusal`, where it is not empty, refuses each push whole: HTTP 200 and status "0".
    """

    name = "pasons-bulk"
    requests_per_minute = 100
    items_per_request = 1000
    tokens_per_minute = 10
    token_scope = "update:prices update:stock update:enabled"

    def __init__(self, port: int = 0, *, key: str = "key", secret: str = "secret") -> None:
        super().__init__(port, key=key, secret=secret)
        self.refused_later: dict[str, str] = {}
        self.refusal = ""
        self.synced: dict[str, float] = {}

    def respond(self, request: Request) -> Answer:
        match request.parts:
            case ["oauth", "token"]:
                return self.give_token(request)
            case ["api", "v1", "bulk-update", "price-stock"]:
                return self.push(request)
            case ["api", "v1", "bulk-update", "status", batch_id]:
                return self.status(self.poll(request, batch_id))
            case ["api", "v1", "bulk-update", "logs", batch_id]:
                return self.logs(request, batch_id)
            case ["api", "v1", "bulk-update", "last-sync", store_id]:
                return self.last_sync(request, store_id)
        raise not_found()

    def token_answer(self, token: str) -> dict[str, Any]:
        return {**super().token_answer(token), "refresh_token": self.make_token()}

    def job_id(self) -> str:
        return f"B{len(self.jobs) + 1}"

    def take(self, request: Request, content: Any) -> Answer:
        body = BODY(content, ())
        request.store_id = str(body["store_id"])
        self.check_count(len(body["items"]))
        items = [self.read_item(request, one, number) for number, one in enumerate(body["items"])]
        if self.refusal:
            return Answer(200, {"status": "0", "message": self.refusal})
        taken = [item for item in items if item.sku not in self.refused]
        failed = failures({item.sku: self.refused[item.sku] for item in items if item.sku in self.refused})
        counts = {"success_count": len(taken), "failed_count": len(items) - len(taken), "failed_items": failed}
        return Answer(200, {"status": "1", "batch_id": self.start_job(taken).id, **counts})

    def read_item(self, request: Request, item: dict[str, Any], number: int) -> Item:
        if item["enabled"] != item["stock"]:
            raise invalid(("items", number, "enabled"), "must be the same as stock")
        return Item(request.store_id, item["product_code"], item["selling_price"], item["stock"])

    def finish(self, job: Job) -> dict[str, str]:
        self.synced |= {item.store_id: time.time() for item in job.items}
        return self.put(job.items, self.refused_later)

    def status(self, job: Job) -> Answer:
        data = {"batch_id": job.id, "state": STATES[job.state], "total_count": len(job.items)}
        return Answer(200, {"status": "1", "data": {**data, "failed_count": len(job.refused)}})

    def logs(self, request: Request, batch_id: str) -> Answer:
        """One page of the items that failed."""
        self.authorise(request)
        self.require_method(request, "GET")
        listed = failures(self.find_job(batch_id).refused)
        if request.query.get("status", ["failed"]) != ["failed"]:
            raise Refusal(400, "status must be failed")
        size, page = query_number(request, "per_page", 15), query_number(request, "page", 1)
        data = {"items": listed[(page - 1) * size : page * size], "total": len(listed), "current_page": page}
        return Answer(
            200, {"status": "1", "data": {**data, "per_page": size, "last_page": -(-len(listed) // size) or 1}}
        )

    def last_sync(self, request: Request, store_id: str) -> Answer:
        self.authorise(request)
        self.require_method(request, "GET")
        return Answer(200, {"status": "1", "data": {"store_id": store_id, "last_sync_at": self.synced.get(store_id)}})


def failures(reasons: dict[str, str]) -> list[dict[str, str]]:
    return [{"product_code": sku, "error": reason} for sku, reason in reasons.items()]


def query_number(request: Request, name: str, default: int) -> int:
    """From 1 to 100."""
    value = request.query.get(name, [str(default)])[-1]
    if not (value.isascii() and value.isdigit() and 1 <= int(value) <= 100):
        raise Refusal(400, f"{name} must be a number from 1 to 100")
    return int(value)
