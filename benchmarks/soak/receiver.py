"""Where the alerts arrive: a webhook that keeps each outlet of each message with its time."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from benchmarks.soak import clock
from benchmarks.soak.told import Told, read_message


class Receiver:
    def __init__(self) -> None:
        self.told: list[Told] = []
        self.message_count = 0
        handler = type("BoundHandler", (Handler,), {"receiver": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"json://127.0.0.1:{self.server.server_port}/alerts"


class Handler(BaseHTTPRequestHandler):
    receiver: Receiver

    def do_POST(self) -> None:
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.receiver.message_count += 1
        self.receiver.told += read_message(clock.now(), message)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """What has come is counted, not printed."""
