"""Who speaks to the service and to the shop: a till with a token, a person on a page, and the shop's owner."""

import re
import threading
import time
import uuid
from typing import Any

import httpx

from benchmarks.soak.chain import PERSON, Chain

PATIENCE = 180.0  # seconds for which a till asks again
AGAIN_SECONDS = 1.0
TRIES = 5
REVISION = re.compile(r'name="revision" value="(\d+)"')
CSRF = re.compile(r'name="csrfmiddlewaretoken" value="(\w+)"')


class Refused(Exception):
    """The service has said no, which asking again does not change."""


class Till:
    """Asks again while there is no answer, under the same key: nothing is done twice."""

    def __init__(self, url: str, chain: Chain) -> None:
        self.client = httpx.Client(
            base_url=url, timeout=30, headers={"Authorization": f"Bearer {chain.token}"}, trust_env=False
        )
        self.again_count = 0
        self.lock = threading.Lock()

    def post(self, path: str, **what: Any) -> dict[str, Any]:
        headers = {"Idempotency-Key": uuid.uuid4().hex, **what.pop("headers", {})}
        return patiently(lambda: self.client.post(path, headers=headers, **what), self.note).json()

    def note(self) -> None:
        with self.lock:
            self.again_count += 1

    def update(self, store_id: str, rows: list[dict[str, Any]]) -> None:
        self.check(self.post("/api/product-update/", json={"store_id": store_id, "rows": rows}))

    def upload(self, store_id: str, rows: list[dict[str, Any]]) -> None:
        lines = [",".join(rows[0]), *(",".join(str(value) for value in row.values()) for row in rows)]
        headers = {"Content-Type": "text/csv"}
        content = "\n".join(lines) + "\n"
        self.check(self.post(f"/api/product-update/?store_id={store_id}", content=content, headers=headers))

    def check(self, counts: dict[str, Any]) -> None:
        if counts["bad_count"] or counts["created_count"]:
            raise Refused(f"an update was not taken as it was meant: {counts}")

    def set_key(self, outlet_id: int, key: str) -> None:
        self.post("/api/outlet-api-settings/", json={"outlet": outlet_id, "api_key": key})

    def push_fully(self, outlet_id: int) -> None:
        self.post("/api/push-to-ecommerce/", json={"outlet": outlet_id, "push_type": "full"})


class Person:
    """Changes one price on the product's page, and sends what is held."""

    def __init__(self, url: str, chain: Chain) -> None:
        self.client = httpx.Client(base_url=url, timeout=30, trust_env=False)
        self.chain = chain
        self.again_count = 0

    def note(self) -> None:
        self.again_count += 1

    def sign_in(self) -> None:
        page = patiently(lambda: self.client.get("/login/"), self.note)
        form = {"username": PERSON, "password": self.chain.password, "csrfmiddlewaretoken": token_in(page)}
        patiently(lambda: self.client.post("/login/", data=form), self.note)

    def change(self, outlet_id: int, row: dict[str, Any]) -> None:
        address = f"/products/{self.chain.product_ids[row['sku']]}/"
        page = patiently(lambda: self.client.get(address, params={"outlet": outlet_id}), self.note)
        form = {"selling_price": row["selling_price"], "stock_status": row["stock_status"]}
        form["csrfmiddlewaretoken"] = token_in(page)
        answer = patiently(lambda: self.client.post(f"{address}{outlet_id}/change/", data=form), self.note)
        if not answer.headers.get("Location", "").startswith("/products/"):
            raise Refused(f"the change of a price led to {answer.headers.get('Location') or answer.status_code}")

    def release(self, push_id: int) -> None:
        """Looks again where something has changed since."""
        address, push = f"/pushes/{push_id}/release/", f"/pushes/{push_id}/"
        for _ in range(TRIES):
            page = patiently(lambda: self.client.get(address), self.note)
            if not (seen := REVISION.search(page.text)):
                break
            form = {"revision": seen[1], "csrfmiddlewaretoken": token_in(page)}
            answer = patiently(lambda form=form: self.client.post(address, data=form), self.note)
            if answer.headers.get("Location") == push:
                return
        raise Refused(f"push {push_id} was held, and could not be sent")


def token_in(page: httpx.Response) -> str:
    found = CSRF.search(page.text)
    if found is None:
        raise Refused(f"{page.url} has no form ({page.status_code})")
    return found[1]


def patiently(ask: Any, note: Any) -> httpx.Response:
    """The answer, once there is one; the service may be down, and start again, meanwhile."""
    ends_at = time.monotonic() + PATIENCE
    while True:
        try:
            answer: httpx.Response = ask()
            if answer.status_code < 400:
                return answer
            if answer.status_code < 500 and answer.status_code not in (409, 429):
                raise Refused(f"{answer.request.method} {answer.url.path}: {answer.status_code} {answer.text[:200]}")
            problem = f"{answer.status_code}"
        except httpx.TransportError as exc:
            problem = type(exc).__name__
        if time.monotonic() > ends_at:
            raise Refused(f"no answer for {PATIENCE:.0f} s ({problem})")
        note()
        time.sleep(AGAIN_SECONDS)


class ShopOwner:
    """Has the mock shop misbehave, and looks at its shelves."""

    def __init__(self, url: str) -> None:
        self.client = httpx.Client(base_url=url, timeout=30, trust_env=False)

    def misbehave(self, store_id: str, mode: str, **how: Any) -> None:
        self.client.post("/_control", json={"store_id": store_id, "mode": mode, **how}).raise_for_status()

    def recover(self, store_id: str) -> None:
        self.misbehave(store_id, "ok")

    def shelf(self, store_id: str) -> dict[str, tuple[str, int]]:
        items = self.client.get(f"/_state/{store_id}").raise_for_status().json()["items"]
        return {sku: (price, stock) for sku, (price, stock) in items.items()}
