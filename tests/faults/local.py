"""pytest-celery's nodes over local processes: the same API, and no container daemon is needed."""

import signal as signals
import time
from pathlib import Path
from typing import Any

import psutil
from pytest_celery import CeleryTestContainer

from dashboard.supervisor import Child, Program, Supervisor, kill_group, wait


class LocalProcess(CeleryTestContainer):
    """A program in the place of a container. The base class's own start would ask for a container daemon."""

    def __init__(self, program: Program, log_dir: Path, **celeryconfig: str) -> None:
        self.supervisor = Supervisor([], log_dir)
        self.program = program
        self._celeryconfig = celeryconfig
        log_dir.mkdir(parents=True, exist_ok=True)
        self.child = self.start()

    def start(self) -> Child:
        child = self.supervisor.spawn(self.program)
        self.supervisor.wait_ready(child)
        return child

    @property
    def process(self) -> psutil.Process:
        return psutil.Process(self.child.process.pid)

    @property
    def name(self) -> str:
        return self.program.name

    @property
    def id(self) -> str:
        return str(self.child.process.pid)

    @property
    def status(self) -> str:
        return "running" if self.child.process.poll() is None else "exited"

    @property
    def celeryconfig(self) -> dict[str, str]:
        return dict(self._celeryconfig)

    def ready(self) -> bool:
        return self.program.is_ready(self.child)

    def logs(self) -> str:
        return self.child.log_text()

    def reload(self) -> None:
        """There is no state of a daemon to read again."""

    def kill(self, signal: str | int = "SIGKILL") -> None:
        number = signals.Signals[signal] if isinstance(signal, str) else signal
        self.child.process.send_signal(number)
        self.child.process.wait(30)

    def restart(self, timeout: float = 30) -> None:
        self.stop(timeout)
        self.child = self.start()

    def stop(self, timeout: float = 30) -> None:
        if self.status == "running":
            self.child.process.terminate()
            wait(self.child.process, timeout)
        kill_group(self.child.process)

    def teardown(self) -> None:
        if self.status == "running":
            self.process.resume()
        self.stop()


def wait_until(condition: Any, seconds: float = 30, step: float = 0.05) -> None:
    ends_at = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends_at, f"not within {seconds} s"
        time.sleep(step)
