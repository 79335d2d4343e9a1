"""The shop of the benchmarks: a process that parses each body and says that it took all of it.

POST /stores/{id}/products         takes an array of items
POST /after/{milliseconds}/...     the same, answered so much later
POST /silent/...                   never answered
GET  /seen                         {"items", "requests", "arrivals"}: since the last time that it was asked
"""

import asyncio
import json
import sys
import time
from typing import Any

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
ARRIVALS_KEPT = 1000


class Seen:
    """What has arrived, and when, by the clock that all processes share."""

    def __init__(self) -> None:
        self.items = self.requests = 0
        self.arrivals: list[float] = []

    def take(self, count: int) -> None:
        self.items += count
        self.requests += 1
        if len(self.arrivals) < ARRIVALS_KEPT:
            self.arrivals.append(time.monotonic())

    def tell(self) -> bytes:
        told = json.dumps({"items": self.items, "requests": self.requests, "arrivals": self.arrivals}).encode()
        self.__init__()  # type: ignore[misc]
        return told


class Connection(asyncio.Protocol):
    """One kept-alive connection; requests come one after another."""

    def __init__(self, seen: Seen) -> None:
        self.seen = seen
        self.received = bytearray()
        self.needed = 0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data
        while len(self.received) >= max(self.needed, 1) and (end := self.received.find(b"\r\n\r\n")) >= 0:
            head = bytes(self.received[:end])
            self.needed = end + 4 + content_length(head)
            if len(self.received) < self.needed:
                return
            body = bytes(self.received[end + 4 : self.needed])
            del self.received[: self.needed]
            self.needed = 0
            self.answer(head.split(b" ", 2)[1].decode(), body)

    def answer(self, path: str, body: bytes) -> None:
        if path == "/seen":
            self.write(self.seen.tell())
            return
        if path.startswith("/silent/"):
            return
        count = len(json.loads(body)) if body else 0
        self.seen.take(count)
        told = json.dumps({"success": True, "accepted": count, "errors": []}).encode()
        if path.startswith("/after/"):
            asyncio.get_running_loop().call_later(int(path.split("/")[2]) / 1000, self.write, told)
        else:
            self.write(told)

    def write(self, content: bytes) -> None:
        self.transport.write(HEAD % (len(content), content))


def content_length(head: bytes) -> int:
    lines = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return int(lines[0].partition(b":")[2]) if lines else 0


async def serve(port: int) -> None:
    seen = Seen()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(seen), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
