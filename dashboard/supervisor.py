"""Keeps programs running: starts them in order, restarts what dies, stops them in reverse order.

Nothing stays behind, however this process ends: on Linux each child asks the kernel to be killed with its parent.
"""

import ctypes
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import IO

from dashboard.env import BASE_DIR

START_SECONDS = 60.0
POLL_SECONDS = 0.05
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # seconds between restarts of a program that keeps dying
STABLE_SECONDS = 60.0
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


class StartFailed(Exception):
    """A program ended at its start, or was not ready in time; the message ends with its last words."""


class AlreadyRunning(Exception):
    """Another process supervises the same directory."""


@dataclass(frozen=True, slots=True)
class Program:
    """What to run. `is_ready` is asked until it says yes; `is_first`: what follows waits for that."""

    name: str
    command: Sequence[str]
    is_ready: Callable[["Child"], bool] = lambda child: True
    is_first: bool = False
    folder: Path = BASE_DIR
    environment: Mapping[str, str] | None = None
    stop_seconds: float = 10.0


@dataclass(slots=True)
class Child:
    """A program that was started, and how often it had to be."""

    program: Program
    process: subprocess.Popen[bytes]
    log_path: Path
    log_start: int
    started_at: float  # monotonic seconds, like the following
    restart_at: float | None = None
    pause: float = FIRST_PAUSE
    restart_count: int = 0

    def log_text(self) -> str:
        """What it has printed since it was started."""
        with self.log_path.open("rb") as file:
            file.seek(self.log_start)
            return file.read().decode("utf-8", "replace")


def die_with_parent(parent_id: int | None = None) -> None:
    """Have the kernel kill this process when the thread that made it ends."""
    if LIBC is not None:
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if parent_id is not None and os.getppid() != parent_id:
        os._exit(1)


@dataclass(slots=True)
class Supervisor:
    """Use it as a context manager, from the main thread: `with Supervisor(programs, log_dir) as supervisor`."""

    programs: Sequence[Program]
    log_dir: Path
    report: Callable[[str], object] = print
    children: list[Child] = field(default_factory=list)
    lock: IO[str] | None = None

    def __enter__(self) -> "Supervisor":
        self.log_dir.mkdir(parents=True, exist_ok=True)
        self.lock = lock_directory(self.log_dir)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, interrupt)
        return self

    def __exit__(self, *exc: object) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C would leave the rest running
        self.stop()
        if self.lock:
            self.lock.close()

    # --- start ------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start all; return when each says that it is ready."""
        for program in self.programs:
            self.children.append(self.spawn(program))
            if program.is_first:
                self.wait_ready(self.children[-1])
        for child in self.children:
            self.wait_ready(child)

    def spawn(self, program: Program) -> Child:
        parent_id, path = os.getpid(), self.log_dir / f"{program.name}.log"
        with path.open("ab") as log:
            start = log.tell()
            process = subprocess.Popen(
                program.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=program.folder,
                env=program.environment,
                start_new_session=True,
                preexec_fn=lambda: die_with_parent(parent_id),
            )
        return Child(program, process, path, start, time.monotonic())

    def wait_ready(self, child: Child) -> None:
        ends_at = time.monotonic() + START_SECONDS
        while not child.program.is_ready(child):
            if child.process.poll() is not None or time.monotonic() > ends_at:
                last_words = "".join(child.log_text().splitlines(keepends=True)[-5:]).strip()
                how = "was not ready in time" if child.process.poll() is None else "ended at its start"
                raise StartFailed(f"{child.program.name} {how} (see {child.log_path}): {last_words}")
            time.sleep(POLL_SECONDS)

    # --- keep -------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Restart what dies, until a signal interrupts."""
        while True:
            self.check()
            time.sleep(0.2)

    def check(self) -> None:
        """One look at each child: a dead one is started again after a pause that grows with each death."""
        now = time.monotonic()
        for index, child in enumerate(self.children):
            if child.restart_at is not None and now >= child.restart_at:
                self.children[index] = self.restart(child)
            elif child.restart_at is None and child.process.poll() is not None:
                self.plan_restart(child, now)

    def plan_restart(self, child: Child, now: float) -> None:
        kill_group(child.process)
        if now - child.started_at > STABLE_SECONDS:
            child.pause = FIRST_PAUSE
        child.restart_at = now + child.pause
        code = child.process.returncode
        self.report(f"{child.program.name} ended ({code}), starting it again in {child.pause:g} s: {child.log_path}")

    def restart(self, child: Child) -> Child:
        again = self.spawn(child.program)
        again.pause = min(child.pause * 2, LONGEST_PAUSE)
        again.restart_count = child.restart_count + 1
        return again

    # --- stop -------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """End all, the last one first; whoever does not go in its time is killed."""
        for child in reversed(self.children):
            if child.process.poll() is None:
                child.process.terminate()
                wait(child.process, child.program.stop_seconds)
            kill_group(child.process)
        self.children.clear()


def wait(process: subprocess.Popen[bytes], seconds: float) -> None:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill what a program has left in its process group."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):  # macOS says the latter of a group of zombies
        return


def interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def lock_directory(path: Path) -> IO[str]:
    """Hold the directory for this process; the kernel gives it back however the process ends."""
    file = (path / "supervisor.lock").open("a+", encoding="ascii")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as exc:
        file.seek(0)
        process_id = file.read().strip() or "unknown"
        file.close()
        raise AlreadyRunning(f"process {process_id} runs here already ({path})") from exc
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file
