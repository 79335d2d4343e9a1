"""A request and its answer, and the HTTP server between them."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

Place = tuple[str | int, ...]  # where in a body: ("items", 0, "price")


@dataclass
class Request:
    """Header names are in lower case. A shop fills in the store where the body names it."""

    method: str
    path: str
    query: dict[str, list[str]] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    store_id: str = ""
    idempotency_key: str | None = None

    @property
    def parts(self) -> list[str]:
        return [unquote(part) for part in self.path.strip("/").split("/")]

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "").split(";")[0].strip().lower()


@dataclass
class Answer:
    """`content` None stands for no body."""

    status: int
    content: Any = None
    headers: dict[str, str] = field(default_factory=dict)


class Refusal(Exception):
    """The whole request is refused, and nothing of it is applied. `content`: the answer, where it has its own shape."""

    def __init__(
        self,
        status: int,
        message: str,
        place: Place = (),
        headers: dict[str, str] | None = None,
        content: Any = None,
    ) -> None:
        super().__init__(f"{dotted(place)} {message}" if place else message)
        self.status, self.message, self.place, self.content = status, message, place, content
        self.headers = headers or {}


def dotted(place: Place) -> str:
    """items[0].price"""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).lstrip(".")


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone is no error of the shop's."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    respond: Callable[[Request], Answer]

    def log_message(self, *args: Any) -> None:
        """Requests are kept, not printed."""

    def exchange(self) -> None:
        self.give(
            type(self).respond(self.read()) if "Transfer-Encoding" not in self.headers else self.length_required()
        )

    def length_required(self) -> Answer:
        self.close_connection = True
        return Answer(411, {"message": "Content-Length is required"}, {"Connection": "close"})

    def read(self) -> Request:
        url = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length") or 0))
        query = parse_qs(url.query, keep_blank_values=True)
        key = headers.get("idempotency-key")
        return Request(self.command, url.path, query, headers, body, idempotency_key=key)

    def give(self, answer: Answer) -> None:
        body = b"" if answer.content is None else json.dumps(answer.content).encode()
        self.send_response(answer.status)
        if answer.status != 204:
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = exchange  # noqa: N815
