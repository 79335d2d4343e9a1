"""The secrets of docker-compose.yml as files, made once: python -m dashboard.compose_secrets. Needs only Python."""

import base64
import os
import secrets
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "secrets"


def make(folder: Path = FOLDER) -> list[str]:
    """The names of what was made; what is there stays. The folder keeps others out, the containers' users must read."""
    folder.mkdir(mode=0o700, exist_ok=True)
    password = keep(folder / "postgres_password", secrets.token_urlsafe(24))
    wanted = {
        "database_url": f"postgresql://push:{password}@database/push",
        "secret_key": secrets.token_urlsafe(50),
        "encryption_keys": base64.urlsafe_b64encode(os.urandom(32)).decode("ascii"),
        "flower_basic_auth": f"operator:{secrets.token_urlsafe(12)}",
        "sentry_dsn": "",
        "broker_url": "",
        "sentinel_password": "",
    }
    missing = [name for name in wanted if not (folder / name).exists()]
    for name in missing:
        keep(folder / name, wanted[name])
    return missing


def keep(path: Path, value: str) -> str:
    """What the file holds, or this value from now on."""
    if not path.exists():
        path.write_text(value, encoding="ascii")
        path.chmod(0o644)
    return path.read_text(encoding="ascii")


if __name__ == "__main__":
    made = make()
    print(f"{FOLDER}: {'made ' + ', '.join(made) if made else 'everything is there'}")
