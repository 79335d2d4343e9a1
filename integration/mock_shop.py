"""A shop to push to: a real HTTP server that takes the planned array and keeps what each store was sent.

POST|PUT /stores/{store_id}/products   the array; answers {"success", "accepted", "errors": [{"sku", "error"}]}
GET      /stores/{store_id}/products   what the store has, by SKU: ?page=1&per_page=500, or ?after=SKU
GET      /_state/{store_id}            {"items": {sku: ["13.99", 1]}}
GET      /_requests                    what was asked, newest last
POST     /_control                     how to misbehave: {"mode", "store_id", "times", "seconds", "status", ...}
POST     /_reset                       forget everything
GET      /_health                      {"ok": true}
"""

import json
import socket
import struct
import sys
import threading
import time
from dataclasses import asdict
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from integration.mock_misbehaviour import ANSWERS, MODES, SILENT, Misbehaviour, odd_answer
from integration.mock_store import Shelf, list_page, sort_items

BATCH_LIMIT = 500
REQUESTS_KEPT = 10_000


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone is no error of the shop's."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class MockShop:
    """The server; `with MockShop() as shop:` runs it in a thread."""

    def __init__(
        self, port: int = 0, key: str | None = None, state_path: Path | None = None, address: str = "127.0.0.1"
    ) -> None:
        self.key = key
        self.shelf = Shelf(state_path)
        self.requests: list[dict[str, Any]] = []
        self.accepted: set[tuple[str, str, str, int]] = set()  # all that a store has ever taken
        self.misbehaviours: list[Misbehaviour] = []
        self.lock = threading.Lock()
        handler = type("BoundHandler", (Handler,), {"shop": self})
        self.server = Server((address, port), handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def endpoint(self, store_id: str) -> str:
        return f"{self.url}/stores/{store_id}/products"

    def __enter__(self) -> "MockShop":
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def misbehave(self, **how: Any) -> None:
        misbehaviour = Misbehaviour(**how)
        if misbehaviour.mode not in MODES:
            raise ValueError(f"unknown mode {misbehaviour.mode!r}; known: {', '.join(sorted(MODES))}")
        ends, store_id = misbehaviour.mode == "ok", misbehaviour.store_id  # of this store, or of all
        with self.lock:
            stay = [one for one in self.misbehaviours if not (ends and store_id in (None, one.store_id))]
            self.misbehaviours = stay if ends else [*stay, misbehaviour]

    def reset(self) -> None:
        self.shelf.clear()
        with self.lock:
            self.requests.clear()
            self.accepted.clear()
            self.misbehaviours = []

    def behaviour(self, store_id: str, on: str = "push") -> Misbehaviour:
        with self.lock:
            for one in self.misbehaviours:
                if one.on == on and one.store_id in (None, store_id) and one.times != 0:
                    one.times = one.times - 1 if one.times is not None else None
                    return one
        return Misbehaviour()

    def outage(self, store_id: str) -> Misbehaviour | None:
        """What meets everybody who asks for the store, not only who pushes to it."""
        with self.lock:
            lasting = [one for one in self.misbehaviours if one.mode == "status" and one.times is None]
            return next((one for one in lasting if one.store_id in (None, store_id)), None)

    def put(self, store_id: str, items: list[tuple[str, str, int]]) -> None:
        self.shelf.put(store_id, items)
        with self.lock:
            self.accepted.update((store_id, *item) for item in items)

    def note(self, **facts: Any) -> None:
        with self.lock:
            self.requests.append({"at": time.time(), **facts})
            del self.requests[:-REQUESTS_KEPT]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    shop: MockShop

    def log_message(self, *args: Any) -> None:
        """Requests are kept, not printed."""

    def parts(self) -> list[str]:
        return urlsplit(self.path).path.strip("/").split("/")

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def answer(self, status: int, content: Any, headers: dict[str, str] | None = None) -> None:
        self.answer_bytes(status, json.dumps(content).encode(), {"Content-Type": "application/json", **(headers or {})})

    def answer_bytes(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def is_allowed(self) -> bool:
        given = (self.headers.get("X-API-Key"), self.headers.get("Authorization", "").removeprefix("Bearer "))
        return self.shop.key is None or self.shop.key in given

    def do_GET(self) -> None:
        match self.parts():
            case ["_state", store_id]:
                self.answer(200, {"items": self.shop.shelf.get(store_id)})
            case ["_requests"]:
                self.answer(200, self.shop.requests)
            case ["_health"]:
                self.answer(200, {"ok": True})
            case ["stores", store_id, "products"] if self.is_allowed() and (out := self.shop.outage(store_id)):
                self.answer(out.status, {"error": out.error})
            case ["stores", store_id, "products"] if self.is_allowed():
                self.list_items(store_id, dict(parse_qsl(urlsplit(self.path).query)))
            case ["stores", _, "products"]:
                self.answer(401, {"error": "invalid key"})
            case _:
                self.answer(404, {"error": "no such path"})

    def do_POST(self) -> None:
        body = self.body()
        match self.parts():
            case ["_control"]:
                self.control(body)
            case ["_reset"]:
                self.shop.reset()
                self.answer(200, {"ok": True})
            case ["stores", store_id, "products"]:
                self.take(store_id, body)
            case _:
                self.answer(404, {"error": "no such path"})

    def do_PUT(self) -> None:
        self.do_POST()

    def control(self, body: bytes) -> None:
        try:
            self.shop.misbehave(**json.loads(body))
        except (ValueError, TypeError) as exc:
            self.answer(400, {"error": str(exc)})
            return
        self.answer(200, [asdict(one) for one in self.shop.misbehaviours])

    # --- what a store has -------------------------------------------------------------------------------

    def list_items(self, store_id: str, query: dict[str, str]) -> None:
        """`stuck`: it answers with the first page whatever it is asked; `circle`: its cursor leads back."""
        how = self.shop.behaviour(store_id, "read")
        query = {} if how.mode == "stuck" else query
        content = list_page(self.shop.shelf, store_id, query)
        content["items"] = [{**item, **how.changes.get(item["sku"], {})} for item in content["items"]]
        if how.mode == "circle":
            content["next"] = content["items"][-1]["sku"] if content["items"] else "again"
        if how.mode in SILENT:
            self.stay_silent(store_id, [], how)
        elif how.mode == "status":
            self.answer(how.status, {"error": how.error}, {"Retry-After": how.retry_after} if how.retry_after else {})
        elif how.mode in ANSWERS:
            self.answer_bytes(200, *odd_answer(how.mode))
        else:
            time.sleep(how.seconds if how.mode == "slow" else 0)
            self.confirm(content, how)

    # --- the push ---------------------------------------------------------------------------------------

    def take(self, store_id: str, body: bytes) -> None:
        how = self.shop.behaviour(store_id)
        status, items = self.check(body)
        key = self.headers.get("Idempotency-Key")
        facts = {"method": self.command, "status": status, "key": key, "client_port": self.client_address[1]}
        self.shop.note(store_id=store_id, item_count=len(items), **facts)
        if how.mode in SILENT:
            self.stay_silent(store_id, items, how)
        elif how.mode == "status":
            headers = {"Retry-After": how.retry_after, "Location": how.location}
            self.answer(how.status, {"error": how.error}, {name: value for name, value in headers.items() if value})
        elif status != 200:
            self.answer(status, {"error": {401: "invalid key", 413: "too many items"}.get(status, "not an array")})
        else:
            self.take_items(store_id, items, how)

    def stay_silent(self, store_id: str, items: list[Any], how: Misbehaviour) -> None:
        self.close_connection = True
        time.sleep(0 if how.mode == "cut" else how.seconds)
        if how.mode == "late":
            self.shop.put(store_id, sort_items(items, {})[0])

    def check(self, body: bytes) -> tuple[int, list[Any]]:
        if not self.is_allowed():
            return 401, []
        try:
            items = json.loads(body, parse_float=Decimal)
        except ValueError:
            return 400, []
        if not isinstance(items, list):
            return 400, []
        return (413 if len(items) > BATCH_LIMIT else 200), items

    def take_items(self, store_id: str, items: list[Any], how: Misbehaviour) -> None:
        if how.mode == "slow":
            time.sleep(how.seconds)
        if how.mode in ANSWERS:
            self.answer_bytes(200, *odd_answer(how.mode))
            return
        if how.mode == "poison" and any(item.get("sku") in how.skus for item in items):
            self.answer(400, {"error": "something is wrong with an item"})
            return
        good, errors = sort_items(items, how.refused())
        if how.mode == "half":
            good = good[: len(good) // 2]
        self.shop.put(store_id, good)
        self.confirm({"success": not errors or bool(good), "accepted": len(good), "errors": errors}, how)

    def confirm(self, content: dict[str, Any], how: Misbehaviour) -> None:
        if how.mode == "apply_and_cut":
            self.close_connection = True
        elif how.mode == "apply_and_hang":
            self.close_connection = True
            time.sleep(how.seconds)
        elif how.mode == "reset":
            self.reset()
        elif how.mode == "bad_json":
            self.answer_bytes(200, b'{"success": tr', {"Content-Type": "application/json"})
        elif how.mode == "drip":
            self.drip(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b" " * 100_000, how.seconds)
        else:
            self.answer(200, content)

    def reset(self) -> None:
        """Break off in the middle of the body, without a farewell."""
        self.connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"success"')
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def drip(self, answer: bytes, seconds: float) -> None:
        ends_at = time.monotonic() + seconds
        self.close_connection = True
        try:
            for byte in answer:
                self.connection.sendall(bytes([byte]))
                time.sleep(0.1)
                if time.monotonic() > ends_at:
                    return
        except OSError:
            return  # the client has hung up, as it should
