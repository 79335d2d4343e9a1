"""Where alerts arrive in tests: a webhook and a mail server on this machine."""

import contextlib
import json
import socketserver
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Webhook:
    """Keeps what it is sent; `status` is what it answers, when `wait` is set; `drip` makes it never come to an end."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.messages: list[dict[str, Any]] = []
        self.status = 200
        self.drip = False
        self.wait = threading.Event()
        self.wait.set()
        self.location = ""


@contextlib.contextmanager
def webhook() -> Iterator[Webhook]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.messages.append(json.loads(body))
            receiver.wait.wait()
            self.send_response(receiver.status)
            if receiver.location:
                self.send_header("Location", receiver.location)
            self.end_headers()
            with contextlib.suppress(OSError):
                while receiver.drip:
                    self.wfile.write(b".")
                    time.sleep(0.1)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver = Webhook(f"json://user:s3cr3t-password@127.0.0.1:{server.server_port}/hook-key-12345")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield receiver
    finally:
        receiver.drip = False
        receiver.wait.set()
        server.shutdown()
        server.server_close()


class MailHandler(socketserver.StreamRequestHandler):
    """As much of SMTP as smtplib speaks."""

    def handle(self) -> None:
        self.say("220 here")
        while line := self.rfile.readline():
            verb = line.split()[0].upper() if line.split() else b""
            if verb == b"DATA":
                self.say("354 go on")
                lines = list(iter(self.rfile.readline, b".\r\n"))
                self.server.mails.append(b"".join(lines).decode())  # type: ignore[attr-defined]
            self.say("221 bye" if verb == b"QUIT" else "250 ok")
            if verb == b"QUIT":
                return

    def say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


@contextlib.contextmanager
def mail_server() -> Iterator[tuple[int, list[str]]]:
    """Its port, and the mails that have come."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), MailHandler) as server:
        server.daemon_threads = True
        server.mails = []  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1], server.mails  # type: ignore[attr-defined]
        server.shutdown()
