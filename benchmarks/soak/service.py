"""The service as `manage.py serve` runs it, and the shop beside it, which is somebody else's machine."""

import os
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx
import psutil

from dashboard import env, processes
from dashboard.env import BASE_DIR
from integration.demo_chain import DEMO_KEY

START_SECONDS, STOP_SECONDS = 120.0, 120.0
READY = "Ctrl-C stops everything"
ROLES = {"valkey": "broker", "flower": "flower", "beat": "beat", "worker": "worker", "gunicorn": "web"}


class NotReady(Exception):
    """Something did not start or stop in its time."""


class Service:
    def __init__(self, folder: Path) -> None:
        self.logs = folder / "logs"
        self.logs.mkdir(parents=True, exist_ok=True)
        self.port, self.flower_port, self.shop_port = (processes.free_port() for _ in range(3))
        self.process: subprocess.Popen[bytes] | None = None
        self.up_since: float | None = None  # monotonic; None: it is being started or stopped
        self.shop = self.spawn("shop", processes.mock_shop(self.shop_port, DEMO_KEY, folder / "shop.sqlite3").command)
        wait_until(lambda: processes.listens(self.shop_port), START_SECONDS, "the shop")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def shop_url(self) -> str:
        return f"http://127.0.0.1:{self.shop_port}"

    def spawn(self, name: str, command: Sequence[str]) -> subprocess.Popen[bytes]:
        with (self.logs / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [processes.PYTHON, "-m", "benchmarks.soak.tied", str(os.getpid()), *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=BASE_DIR,
                env=env.changed(PYTHONUNBUFFERED="1"),
                start_new_session=True,
            )

    # --- start and stop ---------------------------------------------------------------------------------

    def start(self) -> float:
        """Seconds until every part says that it is ready."""
        started, before = time.monotonic(), self.said("serve").count(READY)
        options = ["--no-sample", "--port", str(self.port), "--flower-port", str(self.flower_port)]
        self.process = self.spawn("serve", [*processes.MANAGE, "serve", *options])
        wait_until(lambda: self.said("serve").count(READY) > before, START_SECONDS, "the service")
        self.up_since = time.monotonic()
        return self.up_since - started

    def stop(self) -> float:
        """Seconds until the last process has gone, of those that were asked to."""
        assert self.process is not None
        self.up_since = None
        parts, started = psutil.Process(self.process.pid).children(recursive=True), time.monotonic()
        self.process.terminate()
        self.process.wait(STOP_SECONDS)
        if left := [part.pid for part in parts if part.is_running() and part.status() != psutil.STATUS_ZOMBIE]:
            raise NotReady(f"processes {left} outlive the service")
        return time.monotonic() - started

    def said(self, name: str) -> str:
        path = self.logs / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def is_up(self) -> bool:
        return self.up_since is not None

    def is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health/ready", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    def replace_worker(self) -> float:
        """As on several machines: a new worker takes over before the old one goes. Seconds that it takes."""
        started = time.monotonic()
        extra = self.spawn(
            "extra-worker", [*processes.CELERY, "worker", "--loglevel", "INFO", "--hostname", "extra@%h"]
        )
        wait_until(lambda: " ready." in self.said("extra-worker"), START_SECONDS, "the extra worker")
        before, (old,) = self.said("worker").count(" ready."), self.find("worker")
        old.terminate()
        old.wait(STOP_SECONDS)
        wait_until(lambda: self.said("worker").count(" ready.") > before, START_SECONDS, "the new worker")
        extra.terminate()
        extra.wait(STOP_SECONDS)
        return time.monotonic() - started

    # --- its processes ----------------------------------------------------------------------------------

    def parts(self) -> list[tuple[str, psutil.Process]]:
        """Each process with its role; children of a worker or of the web server have a role of their own."""
        if self.process is None or self.process.poll() is not None:
            return []
        try:
            found = [("supervisor", psutil.Process(self.process.pid))]
            mains = found[0][1].children()
        except psutil.Error:
            return []
        for main in mains:
            try:
                role = role_of(" ".join(main.cmdline()))
                found.append((role, main))
                found += [(f"{role} child", child) for child in main.children()]
            except psutil.Error:
                continue
        return found

    def find(self, role: str) -> list[psutil.Process]:
        return [process for name, process in self.parts() if name == role]

    def close(self) -> None:
        for process in (self.process, self.shop):
            if process is not None and process.poll() is None:
                process.terminate()
                process.wait(STOP_SECONDS)


def role_of(command: str) -> str:
    return next((role for word, role in ROLES.items() if word in command), "other")


def wait_until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    ends_at = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > ends_at:
            raise NotReady(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.1)
