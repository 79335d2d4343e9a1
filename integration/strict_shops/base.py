"""A shop as strict as the real one: it refuses what that would refuse, and answers in its shape."""

import base64
import json
import math
import threading
import time
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple, Self

from integration.strict_shops.fields import read_json
from integration.strict_shops.pace import Window
from integration.strict_shops.wire import Answer, Handler, Refusal, Request, Server


class Item(NamedTuple):
    """`price` in major units with two decimals, `stock` 0 or 1."""

    store_id: str
    sku: str
    price: str
    stock: int


class StrictShop:
    """The server; `with Shop() as shop:` runs it in a thread. A subclass says what its paths do.

    A request is checked in this order: path, credentials, method, limits, content type, body.
    """

    name = ""
    push_method = "POST"
    requests_per_minute: int | None = None
    items_per_minute: int | None = None
    items_per_request: int | None = None
    minute_seconds = 60.0  # a test may have shorter minutes
    too_many_items_status = 400
    wrong_method_status = 405

    def __init__(self, port: int = 0, *, key: str = "key", secret: str = "secret") -> None:
        self.key, self.secret = key, secret
        self.items: dict[str, dict[str, tuple[str, int]]] = defaultdict(dict)
        self.requests: list[dict[str, Any]] = []
        self.token_requests = self.polls = 0
        self.refused: dict[str, str] = {}
        self.job_outcome, self.polls_until_done = "complete", 1
        self.tokens: dict[str, float] = {}  # until when each is valid
        self.throttled: tuple[int, str | None] = (0, None)
        self.windows: dict[str, Window] = defaultdict(Window)
        self.lock = threading.RLock()
        handler = type("BoundHandler", (Handler,), {"respond": staticmethod(self.handle)})
        self.server = Server(("127.0.0.1", port), handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def endpoint(self, store_id: str) -> str:
        """The address that an outlet of this store is configured with."""
        return self.url

    def __enter__(self) -> Self:
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def throttle(self, times: int, retry_after: str | None = "1") -> None:
        """The next `times` pushes get 429."""
        with self.lock:
            self.throttled = (times, retry_after)

    def expire_tokens(self) -> None:
        with self.lock:
            self.tokens.clear()

    # --- what a subclass says ---------------------------------------------------------------------------

    def respond(self, request: Request) -> Answer:
        raise NotImplementedError

    def take(self, request: Request, content: Any) -> Answer:
        """A push that was let in, with its parsed body."""
        raise NotImplementedError

    def is_allowed(self, request: Request) -> bool:
        return self.bearer(request) == self.key

    def error(self, refusal: Refusal) -> Any:
        return {"message": str(refusal)}

    # --- what a subclass uses ---------------------------------------------------------------------------

    def push(self, request: Request, store_id: str = "") -> Answer:
        request.store_id = store_id
        self.authorise(request)
        self.require_method(request, self.push_method)
        self.check_throttled()
        self.spend("requests", 1, self.requests_per_minute)
        return self.take(request, read_json(request))

    def authorise(self, request: Request) -> None:
        if not self.is_allowed(request):
            raise Refusal(401, "the credentials are missing or wrong")

    def require_method(self, request: Request, method: str) -> None:
        if request.method != method:
            raise Refusal(self.wrong_method_status, "this method is not allowed here", headers={"Allow": method})

    def check_throttled(self) -> None:
        times, retry_after = self.throttled
        if times > 0:
            self.throttled = (times - 1, retry_after)
            raise Refusal(429, "too many requests", headers={"Retry-After": retry_after} if retry_after else {})

    def spend(self, what: str, cost: int, limit: int | None, seconds: float | None = None) -> None:
        if limit is None:
            return
        wait = self.windows[what].spend(cost, limit, seconds or self.minute_seconds, time.monotonic())
        if wait > 0:
            raise Refusal(429, f"too many {what}", headers={"Retry-After": str(math.ceil(wait))})

    def check_count(self, count: int) -> None:
        if self.items_per_request is not None and count > self.items_per_request:
            raise Refusal(self.too_many_items_status, f"at most {self.items_per_request} items are taken at once")
        self.spend("items", count, self.items_per_minute)

    def put(self, items: Iterable[Item], refused: dict[str, str] | None = None) -> dict[str, str]:
        """Keep the items that are not refused; why the others are."""
        reasons, found = self.refused if refused is None else refused, {}
        for item in items:
            if item.sku in reasons:
                found[item.sku] = reasons[item.sku]
            else:
                self.items[item.store_id][item.sku] = (item.price, item.stock)
        return found

    def bearer(self, request: Request) -> str:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        return token if scheme.lower() == "bearer" else ""

    def is_basic(self, request: Request) -> bool:
        pair = base64.b64encode(f"{self.key}:{self.secret}".encode()).decode("ascii")
        return request.headers.get("authorization") == f"Basic {pair}"

    # --- every request ----------------------------------------------------------------------------------

    def handle(self, request: Request) -> Answer:
        with self.lock:
            try:
                answer = self.respond(request)
            except Refusal as exc:
                content = self.error(exc) if exc.content is None else exc.content
                answer = Answer(exc.status, content, exc.headers)
            if request.method != "GET" and not self.is_token_request(request):
                self.note(request, answer)
            return answer

    def is_token_request(self, request: Request) -> bool:
        return False

    def note(self, request: Request, answer: Answer) -> None:
        facts = {"method": request.method, "path": request.path, "status": answer.status}
        more = {"store_id": request.store_id, "idempotency_key": request.idempotency_key}
        self.requests.append({**facts, "item_count": count_items(request.body), **more})


def not_found() -> Refusal:
    return Refusal(404, "no such path")


def count_items(body: bytes) -> int:
    """The length of the array, bare or in its envelope; an object without one is one item."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return 0
    if isinstance(content, dict):
        content = next((value for value in content.values() if isinstance(value, list)), [content])
    return len(content) if isinstance(content, list) else 0
