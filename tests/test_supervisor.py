"""Programs are kept running, and none stays behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from dashboard import env
from dashboard.processes import free_port
from dashboard.supervisor import AlreadyRunning, Child, Program, StartFailed, Supervisor
from tests.faults.local import wait_until

SLEEPER = "import time; print('up', flush=True); time.sleep(600)"


def program(name: str = "one", code: str = SLEEPER, is_up: str = "up", stop_seconds: float = 2) -> Program:
    def is_ready(child: Child) -> bool:
        return is_up in child.log_text()

    return Program(name, [sys.executable, "-c", code], is_ready, stop_seconds=stop_seconds)


def processes_with(word: str) -> list[psutil.Process]:
    return [p for p in psutil.process_iter(["cmdline"]) if word in " ".join(p.info["cmdline"] or [])]


@pytest.fixture(autouse=True)
def signals_as_before() -> object:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_programs_start_and_stop_with_the_last_one_first(tmp_path: Path) -> None:
    order = tmp_path / "order"
    code = f"""
import signal, sys, time
def stop(*args):
    open({str(order)!r}, "a").write(sys.argv[1] + " ")
    sys.exit()
signal.signal(signal.SIGTERM, stop)
print("up", flush=True)
time.sleep(600)
"""
    programs = [
        Program(name, [sys.executable, "-c", code, name], lambda child: "up" in child.log_text()) for name in "abc"
    ]
    with Supervisor(programs, tmp_path / "logs") as supervisor:
        supervisor.start()
        children = list(supervisor.children)
    assert order.read_text() == "c b a "
    assert [child.process.returncode for child in children] == [0, 0, 0]


def test_a_program_that_dies_is_started_again_with_a_growing_pause(tmp_path: Path) -> None:
    said: list[str] = []
    with Supervisor([program()], tmp_path, said.append) as supervisor:
        supervisor.start()
        for pause in ("0.5", "1"):
            supervisor.children[0].process.kill()
            before = supervisor.children[0].restart_count
            wait_until(lambda n=before: supervisor.check() or supervisor.children[0].restart_count > n, 5)
            assert f"starting it again in {pause} s" in said[-1]
        assert supervisor.children[0].process.poll() is None


def test_a_program_that_does_not_stop_is_killed(tmp_path: Path) -> None:
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
    with Supervisor([program(code=deaf, stop_seconds=0.3)], tmp_path) as supervisor:
        supervisor.start()
        child = supervisor.children[0]
    assert child.process.returncode == -signal.SIGKILL


def test_what_a_program_leaves_in_its_group_is_killed(tmp_path: Path) -> None:
    mark = f"left-behind-{os.getpid()}"
    code = f"""
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", {mark!r}])
print("up", flush=True)
time.sleep(600)
"""
    with Supervisor([program(code=code)], tmp_path) as supervisor:
        supervisor.start()
        wait_until(lambda: len(processes_with(mark)) >= 2)
    wait_until(lambda: not processes_with(mark), 5)


def test_a_program_that_ends_at_its_start_says_why(tmp_path: Path) -> None:
    failing = program(code="import sys; sys.exit('no such thing')")
    with (
        pytest.raises(StartFailed, match=r"one ended at its start .*no such thing"),
        Supervisor([program("first"), failing], tmp_path) as supervisor,
    ):
        supervisor.start()


def test_a_folder_is_supervised_once(tmp_path: Path) -> None:
    with (
        Supervisor([], tmp_path),
        pytest.raises(AlreadyRunning, match=f"process {os.getpid()} runs here already"),
        Supervisor([], tmp_path),
    ):
        pytest.fail("it started a second time")


# --- the whole service ----------------------------------------------------------------------------------


def start_service(folder: Path, *options: str) -> subprocess.Popen[str]:
    """The service in its own folder, when it says that it is up."""
    ports = [str(port) for port in free_ports(3)]
    command = [sys.executable, "manage.py", "serve", "--port", ports[0], "--flower-port", ports[1]]
    process = subprocess.Popen(
        [*command, "--shop-port", ports[2], *options],
        cwd=env.BASE_DIR,
        env=env.changed(DATA_DIR=str(folder), DATABASE_URL="", PYTHONUNBUFFERED=""),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line)
        if "Ctrl-C" in line:
            return process
    raise AssertionError("".join(lines))


def free_ports(count: int) -> list[int]:
    return [free_port() for _ in range(count)]


def is_alive(process: psutil.Process) -> bool:
    """A zombie has ended; it waits for whoever adopted it to notice."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def command_line(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def family(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


@pytest.mark.skipif(sys.platform != "linux", reason="children die with their parent on Linux only")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_the_service_leaves_no_process_behind(tmp_path_factory: pytest.TempPathFactory, number: int) -> None:
    folder = tmp_path_factory.mktemp("s", numbered=True)
    process = start_service(folder)
    children = family(process)
    assert len(children) >= 8  # broker, shop, worker and its two children, beat, web and its two workers, flower
    process.send_signal(number)
    process.wait(60)
    wait_until(lambda: not [child for child in children if is_alive(child)], 15)
    if number != signal.SIGKILL:
        assert process.returncode == 0


@pytest.mark.skipif(sys.platform != "linux", reason="reads the processes' command lines")
def test_the_service_starts_again_what_is_killed(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("s", numbered=True)
    process = start_service(folder, "--no-sample")
    try:
        for word in ("worker", "beat", "valkey", "gunicorn"):
            before = family(process)
            next(child for child in before if word in command_line(child)).kill()
            wait_until(
                lambda word=word, before=before: any(
                    child not in before and word in command_line(child) for child in family(process)
                )
            )
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
