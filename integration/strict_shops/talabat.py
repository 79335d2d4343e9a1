"""Talabat's catalogue (Delivery Hero, quick commerce): a token, a job for each push, one pace for all branches.

Where public integrations are silent: errors are {"code", "message"}; a completed job lists every item; a page of the
catalogue behind the last one is empty.
"""

import base64
import json
import time
from typing import Any

from integration.strict_shops.base import Item, not_found
from integration.strict_shops.fields import array_of, boolean, object_of, price, text
from integration.strict_shops.jobs import Job, JobShop
from integration.strict_shops.oauth import TokenShop
from integration.strict_shops.wire import Answer, Refusal, Request

BODY = object_of({"products": array_of(object_of({"sku": text, "price": price, "active": boolean}))})
STATES = {"queued": "QUEUED", "running": "IN_PROGRESS", "complete": "COMPLETED", "failed": "FAILED"}


class Talabat(TokenShop, JobShop):
    """The vendor in the URL is the store."""

    name = "talabat"
    push_method = "PUT"
    requests_per_minute = 60
    polls_are_paced = True
    tokens_per_minute = 50
    token_path = "/v2/oauth/token"
    token_seconds = 7200.0
    chain_id = "77"
    longest_page = 500

    def endpoint(self, store_id: str) -> str:
        return f"{self.url}/v2/chains/{self.chain_id}"

    def respond(self, request: Request) -> Answer:
        match request.parts:
            case ["v2", "oauth", "token"]:
                return self.give_token(request)
            case ["v2", "chains", self.chain_id, "vendors", vendor_id, "catalog"] if vendor_id:
                answer = self.catalogue if request.method == "GET" else self.push
                return answer(request, vendor_id)
            case ["v2", "chains", self.chain_id, "catalog", "jobs", job_id]:
                return self.outcome(self.poll(request, job_id))
        raise not_found()

    def make_token(self) -> str:
        """In the form of a JSON web token."""
        claims = {"iss": "mock", "exp": int(time.time() + self.token_seconds), "jti": super().make_token()}
        parts = [encode({"alg": "RS256", "typ": "JWT"}), encode(claims), encode({"signature": super().make_token()})]
        return ".".join(parts)

    def take(self, request: Request, content: Any) -> Answer:
        products = BODY(content, ())["products"]
        self.check_count(len(products))
        items = [Item(request.store_id, one["sku"], one["price"], one["active"]) for one in products]
        return Answer(202, {"job_id": self.start_job(items).id, "job_status": "QUEUED"})

    def catalogue(self, request: Request, vendor_id: str) -> Answer:
        """A page of what the vendor sells; it counts as one of the requests a minute."""
        self.authorise(request)
        self.spend("requests", 1, self.requests_per_minute)
        page, size = self.whole(request, "page", 1), self.whole(request, "page_size", 20)
        if size > self.longest_page:
            raise Refusal(400, f"page_size is at most {self.longest_page}")
        items = sorted(self.items[vendor_id].items())
        shown = [product(sku, *values) for sku, values in items[(page - 1) * size : page * size]]
        pages = -(-len(items) // size)
        return Answer(200, {"page_number": page, "page_size": size, "total_pages": pages, "products": shown})

    def whole(self, request: Request, name: str, otherwise: int) -> int:
        text = request.query.get(name, [str(otherwise)])[-1]
        if not text.isdecimal() or not 0 < int(text) < 10**6:
            raise Refusal(400, f"{name} must be a whole number above 0")
        return int(text)

    def outcome(self, job: Job) -> Answer:
        rows = [row(item.sku, job.refused.get(item.sku)) for item in job.items] if job.state == "complete" else []
        return Answer(200, {"job_id": job.id, "job_status": STATES[job.state], "results": rows})

    def error(self, refusal: Refusal) -> Any:
        return {"code": str(refusal.status), "message": str(refusal)}


def product(sku: str, price: str, stock: int) -> dict[str, Any]:
    return {"sku": sku, "price": float(price), "active": bool(stock)}


def row(sku: str, reason: str | None) -> dict[str, Any]:
    return {"sku": sku, "state": "FAILED" if reason else "SUCCESS", "errors": [reason] if reason else []}


def encode(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode("ascii")
