"""A wire between worker and broker that can break in the middle of an answer."""

import socket
import threading
from contextlib import suppress
from pathlib import Path


class BreakingProxy:
    """Forwards TCP to a Unix socket. `cut(word, times)` drops the next answers that hold the word, and their wires."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.word, self.times, self.cut_count = b"", 0, 0
        self.server = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self.serve, daemon=True).start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.server.getsockname()[1]}/0"

    def cut(self, word: bytes, times: int) -> None:
        self.word, self.times = word, times

    def serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self.server.accept()
                broker = socket.socket(socket.AF_UNIX)
                try:
                    broker.connect(str(self.target))
                except OSError:
                    client.close()
                    continue
                threading.Thread(target=self.forward, args=(client, broker, False), daemon=True).start()
                threading.Thread(target=self.forward, args=(broker, client, True), daemon=True).start()

    def forward(self, source: socket.socket, sink: socket.socket, is_answer: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if is_answer and self.times and self.word in data:
                    self.times -= 1
                    self.cut_count += 1
                    sink.sendall(data[: len(data) // 2])
                    break
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def close(self) -> None:
        self.server.close()
