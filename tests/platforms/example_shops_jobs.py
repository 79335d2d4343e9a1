"""Example shops that queue a push: Magento's bulk interface and Trendyol.

Invented where the public pages are silent: a refused item fails for good in Magento (3), and a failed job's
operations may be sent again (2); Trendyol lists its items only when the batch is complete.
"""

import hashlib
from typing import Any

from integration.strict_shops.base import Item, not_found
from integration.strict_shops.fields import array_of, flag, invalid, object_of, price, text
from integration.strict_shops.jobs import Job, JobShop
from integration.strict_shops.wire import Answer, Request

COMPLETE, FAILED_RETRIABLE, FAILED, OPEN = 1, 2, 3, 4
TRENDYOL_STATES = {"queued": "IN_PROGRESS", "running": "IN_PROGRESS", "complete": "COMPLETED", "failed": "FAILED"}


class Magento(JobShop):
    """POST /rest/async/bulk/V1/products/bulk, a bare array of nested items; polled by position."""

    name = "magento"
    attributes = object_of({"stock_status": flag, "source_code": text})
    body = staticmethod(array_of(object_of({"sku": text, "price": price, "extension_attributes": attributes})))

    def respond(self, request: Request) -> Answer:
        match request.parts:
            case ["rest", "async", "bulk", "V1", "products", "bulk"]:
                return self.push(request)
            case ["rest", "V1", "bulk", uuid, "detailed-status"]:
                return self.detailed_status(self.poll(request, uuid))
        raise not_found()

    def take(self, request: Request, content: Any) -> Answer:
        items = [self.read_item(one) for one in self.body(content, ())]
        request.store_id = items[0].store_id
        self.check_count(len(items))
        hashes = [hashlib.sha256(repr(item).encode()).hexdigest() for item in items]
        accepted = [{"id": number, "data_hash": one, "status": "accepted"} for number, one in enumerate(hashes)]
        return Answer(202, {"bulk_uuid": self.start_job(items).id, "request_items": accepted, "errors": False})

    def read_item(self, item: dict[str, Any]) -> Item:
        attributes = item["extension_attributes"]
        return Item(attributes["source_code"], item["sku"], item["price"], attributes["stock_status"])

    def detailed_status(self, job: Job) -> Answer:
        listed = [self.operation(job, number, item.sku) for number, item in enumerate(job.items)]
        facts = {"bulk_id": job.id, "operation_count": len(listed)}
        return Answer(200, {**facts, "operations_list": listed})

    def operation(self, job: Job, number: int, sku: str) -> dict[str, Any]:
        if not job.is_over:
            return {"id": number, "status": OPEN, "result_message": ""}
        if job.state == "failed":
            return {"id": number, "status": FAILED_RETRIABLE, "result_message": "the database was locked"}
        status = FAILED if sku in job.refused else COMPLETE
        return {"id": number, "status": status, "result_message": job.refused.get(sku, "")}


class Trendyol(JobShop):
    """POST /suppliers/{store_id}/products/price-and-inventory; Basic authentication; the price twice."""

    name = "trendyol"
    items_per_request = 1000
    item = object_of({"barcode": text, "salePrice": price, "listPrice": price, "quantity": flag})
    body = staticmethod(object_of({"items": array_of(item)}))

    def respond(self, request: Request) -> Answer:
        match request.parts:
            case ["suppliers", store_id, "products", "price-and-inventory"] if store_id:
                return self.push(request, store_id)
            case ["suppliers", store_id, "products", "batch-requests", batch_id] if store_id:
                return self.batch(self.poll(request, batch_id))
        raise not_found()

    def is_allowed(self, request: Request) -> bool:
        return self.is_basic(request)

    def take(self, request: Request, content: Any) -> Answer:
        listed = self.body(content, ())["items"]
        self.check_count(len(listed))
        items = [self.read_item(request, one, number) for number, one in enumerate(listed)]
        return Answer(200, {"batchRequestId": self.start_job(items).id})

    def read_item(self, request: Request, item: dict[str, Any], number: int) -> Item:
        if item["listPrice"] != item["salePrice"]:
            raise invalid(("items", number, "listPrice"), "must be the same as salePrice")
        return Item(request.store_id, item["barcode"], item["salePrice"], item["quantity"])

    def batch(self, job: Job) -> Answer:
        listed = [self.result(job, item.sku) for item in job.items] if job.state == "complete" else []
        state = TRENDYOL_STATES[job.state]
        return Answer(200, {"batchRequestId": job.id, "status": state, "items": listed})

    def result(self, job: Job, sku: str) -> dict[str, Any]:
        reasons = [job.refused[sku]] if sku in job.refused else []
        status = "FAILED" if reasons else "SUCCESS"
        return {"requestItem": {"barcode": sku}, "status": status, "failureReasons": reasons}
