"""Programs that are not the service's own: found on this machine or unpacked by .ci/servers, run as processes."""

import os
import shutil
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from dashboard import env
from dashboard.processes import LOOPBACK, listens
from dashboard.supervisor import Program

UNPACKED = Path(os.environ.get("SERVERS") or env.BASE_DIR / ".servers").resolve()
LIBRARIES = {"LD_LIBRARY_PATH": str(UNPACKED / "usr/lib/x86_64-linux-gnu")}


def find(name: str, *places: str) -> str:
    """The program's path; without it the test is skipped."""
    paths = [str(UNPACKED / place / name) for place in places]
    found = next((path for path in paths if Path(path).exists()), None) or shutil.which(name)
    if found is None:
        pytest.skip(f"there is no {name} here: .ci/servers unpacks Debian's")
    return found


def pgbouncer(folder: Path, port: int, database_url: str, user: str | None) -> Program:
    """Transaction pooling, and fewer connections to the server than clients. As root it becomes `user`."""
    url = urlsplit(database_url)
    name, host = unquote(url.path.lstrip("/")), url.hostname or parse_qs(url.query)["host"][0]
    login = {"host": host, "port": url.port, "user": url.username, "password": url.password, "dbname": name}
    settings = {
        "listen_addr": LOOPBACK,
        "listen_port": port,
        "unix_socket_dir": "",
        "auth_type": "any",
        "pool_mode": "transaction",
        "default_pool_size": 2,
        "server_reset_query": "",
        "ignore_startup_parameters": "",
        **({"user": user} if user and os.getuid() == 0 else {}),
    }
    lines = ["[databases]", "push = " + " ".join(f"{key}={value}" for key, value in login.items() if value)]
    lines += ["[pgbouncer]", *(f"{key} = {value}" for key, value in settings.items())]
    path = folder / "pgbouncer.ini"
    path.write_text("\n".join(lines) + "\n")
    command = [find("pgbouncer", "usr/sbin"), str(path)]
    return Program("pgbouncer", command, lambda child: listens(port), environment=env.changed(**LIBRARIES))
