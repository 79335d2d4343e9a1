"""An httpx transport with a total deadline: it covers name look-up, connect, TLS, headers and body alike.

httpx's own time-outs start anew with every byte that arrives, so a shop that drips would hold a worker for ever.
"""

import socket
import ssl
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import httpcore
import httpx

from integration.platforms.egress import choose_addresses

CHECK_SECONDS = 3.0
DEADLINE: ContextVar[float] = ContextVar("deadline", default=float("inf"))
RESOLVER = ThreadPoolExecutor(max_workers=4, thread_name_prefix="resolver")


@contextmanager
def until(ends_at: float) -> Iterator[None]:
    """Requests in here end at `ends_at` (of the monotonic clock), or with the deadline that holds already."""
    token = DEADLINE.set(min(ends_at, DEADLINE.get()))
    try:
        yield
    finally:
        DEADLINE.reset(token)


def remaining(timeout: float | None) -> float:
    """Seconds left of the request's deadline, at most `timeout`."""
    left = DEADLINE.get() - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout("the deadline of the request has passed")
    return left if timeout is None else min(left, timeout)


class DeadlineStream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self.stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self.stream.read(max_bytes, remaining(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self.stream.write(buffer, remaining(timeout))

    def close(self) -> None:
        self.stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return DeadlineStream(self.stream.start_tls(ssl_context, server_hostname, remaining(timeout)))

    def get_extra_info(self, info: str) -> Any:
        return self.stream.get_extra_info(info)


def resolve(host: str, port: int) -> list[str]:
    """The addresses of a name. The system's resolver knows no deadline, so it runs in a thread."""
    future = RESOLVER.submit(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    try:
        return [str(found[4][0]) for found in future.result(timeout=remaining(None))]
    except TimeoutError as exc:
        raise httpcore.ConnectTimeout(f"looking up {host} took too long") from exc
    except OSError as exc:
        raise httpcore.ConnectError(f"name not found: {host}") from exc


class DeadlineBackend(httpcore.SyncBackend):
    """Connects to the very address that was checked: the name is not looked up a second time."""

    def __init__(self, allow_private: bool) -> None:
        self.allow_private = allow_private

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        *others, last = choose_addresses(host, resolve(host, port), self.allow_private)
        for address in others:
            try:
                stream = super().connect_tcp(address, port, remaining(timeout), local_address, socket_options)
                return DeadlineStream(stream)
            except httpcore.ConnectError:
                continue
        return DeadlineStream(super().connect_tcp(last, port, remaining(timeout), local_address, socket_options))


class DeadlineTransport(httpx.HTTPTransport):
    """httpx offers no argument for the network backend, so its pool is replaced by one that has it."""

    def __init__(self, allow_private: bool) -> None:
        super().__init__()
        self._pool = httpcore.ConnectionPool(
            ssl_context=ssl.create_default_context(),
            max_connections=10,
            max_keepalive_connections=10,
            keepalive_expiry=30,
            network_backend=DeadlineBackend(allow_private),
        )


def check_endpoint(url: str, allow_private: bool) -> None:
    """Raise AddressRefusedError if no request may go there today. A name that nobody knows is let pass: it may come."""
    parts = httpx.URL(url)
    try:
        with until(time.monotonic() + CHECK_SECONDS):
            choose_addresses(parts.host, resolve(parts.host, parts.port or 443), allow_private)
    except (httpcore.ConnectError, httpcore.ConnectTimeout):
        return
