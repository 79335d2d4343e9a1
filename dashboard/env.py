"""The only reader of the environment. Every value is strict: what cannot be read stops the start with its name."""

import json
import os
import secrets
from math import inf
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import dj_database_url
from cryptography.fernet import Fernet
from redis.backoff import NoBackoff
from redis.retry import Retry
from sentry_sdk.utils import Dsn

BASE_DIR = Path(__file__).resolve().parent.parent
SOCKET_PATH_LIMIT = 100  # the kernel's limit for a Unix socket's path is 108 bytes

REDIS_SCHEMES = ("redis://", "rediss://", "unix://", "sentinel://")
VISIBILITY_SECONDS = 900
# A publish may wait three times for the broker (write, read, connect anew) and shall be over within 3 s.
PUBLISH_SECONDS = 0.8
# A publisher that cannot connect tries once more at once; kombu's own pauses would hold a page for six seconds.
RECONNECT = {"max_retries": 1, "interval_start": 0, "interval_step": 0, "interval_max": 0}

TRUE = {"1", "true", "yes", "on"}
FALSE = {"0", "false", "no", "off"}


# Where the service's data, messages and keys are; secrets may come from a file, too.
PLACES: tuple[str, ...] = (
    "DATABASE_URL",
    "BROKER_URL",
    "REDIS_URL",
    "SECRET_KEY",
    "ENCRYPTION_KEYS",
    "SENTRY_DSN",
    "SENTINEL_PASSWORD",
)
PLACES += ("FLOWER_BASIC_AUTH", "BROKER_OPTIONS", "CONTRACTS", "PGBOUNCER")


class InvalidEnvironment(ValueError):
    """A variable of the environment cannot be used as it is."""


def changed(**variables: str) -> dict[str, str]:
    """The environment for a child process, with these variables instead."""
    return {**os.environ, **variables}


def unconfigured(**variables: str) -> dict[str, str]:
    """The same without what is configured here: for a service that must not touch this one's data nor broker."""
    dropped = {*PLACES, *(f"{name}_FILE" for name in PLACES)}
    return {**{name: value for name, value in os.environ.items() if name not in dropped}, **variables}


def text(name: str, default: str = "") -> str:
    return os.environ.get(name, default).strip() or default


def secret(name: str, default: str = "") -> str:
    """The variable `name`, or what the file holds that the variable `name`_FILE names."""
    path = text(f"{name}_FILE")
    if not path:
        return text(name, default)
    if text(name):
        raise InvalidEnvironment(f"{name} and {name}_FILE are both set: one of them is needed")
    try:
        return Path(path).read_text(encoding="utf-8").strip() or default
    except (OSError, UnicodeDecodeError) as exc:
        raise InvalidEnvironment(f"{name}_FILE={path!r} cannot be read: {reason(exc)}") from None


def reason(exc: OSError | UnicodeDecodeError) -> str:
    return exc.strerror or "" if isinstance(exc, OSError) else "it is not UTF-8"


def choice(name: str, default: str, known: tuple[str, ...]) -> str:
    value = text(name, default).lower()
    if value not in known:
        raise InvalidEnvironment(f"{name}={value!r} is none of {', '.join(known)}")
    return value


def flag(name: str, default: bool) -> bool:
    value = text(name).lower()
    if not value:
        return default
    if value in TRUE | FALSE:
        return value in TRUE
    raise InvalidEnvironment(f"{name}={value!r} is neither of true, false")


def number(name: str, default: int, least: int = 1, most: float = inf) -> int:
    value = text(name)
    if not value:
        return default
    try:
        found = int(value)
    except ValueError as exc:
        raise InvalidEnvironment(f"{name}={value!r} is not a whole number") from exc
    if not least <= found <= most:
        limit = f"less than {least}" if found < least else f"more than {most}"
        raise InvalidEnvironment(f"{name}={value!r} is {limit}")
    return found


def time_zone() -> str:
    value = text("TIME_ZONE", "Asia/Dubai")
    try:
        return ZoneInfo(value).key
    except (ValueError, OSError, ZoneInfoNotFoundError) as exc:
        raise InvalidEnvironment(f"TIME_ZONE={value!r} is no time zone: Asia/Dubai is one") from exc


def words(name: str, default: str = "") -> list[str]:
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def web_address(name: str) -> str:
    """An address for links, without a slash at its end; empty where none is set."""
    value = text(name).rstrip("/")
    if value and not value.startswith(("https://", "http://")):
        raise InvalidEnvironment(f"{name}={value!r} is no web address: https://host is needed")
    return value


def mapping(name: str) -> dict[str, Any]:
    value = text(name, "{}")
    try:
        parsed = json.loads(value)
    except ValueError as exc:
        raise InvalidEnvironment(f"{name} is not JSON: {exc}") from exc
    if not isinstance(parsed, dict):
        raise InvalidEnvironment(f"{name} is not a JSON object")
    return parsed


def data_dir() -> Path:
    """Where everything lives that the service keeps when nothing else is configured."""
    return (BASE_DIR / text("DATA_DIR", ".data")).resolve()


def database_url() -> str:
    return secret("DATABASE_URL", f"sqlite:///{data_dir() / 'dashboard.sqlite3'}")


def broker_socket() -> Path:
    """The Unix socket of the embedded broker: no port to clash with, readable by its owner only."""
    path = data_dir() / "valkey.sock"
    if len(str(path)) > SOCKET_PATH_LIMIT:
        raise InvalidEnvironment(f"{path} is too long for a socket: set DATA_DIR to a shorter path, or REDIS_URL")
    return path


def address(name: str) -> str:
    """A broker's address that can be read; several sentinels' with semicolons between. It is not shown: it may hold a
    password."""
    value = secret(name)
    for part in value.split(";") if value else []:
        try:
            parsed = urlsplit(part)
            is_known = "://" in part and (parsed.port is None or parsed.port >= 0)
            if parsed.scheme == "sentinel":
                int(parsed.path.strip("/") or 0)
        except ValueError:
            is_known = False
        if not is_known:
            raise InvalidEnvironment(f"{name} cannot be read: scheme://host:port is needed")
    return value


def broker_url() -> str:
    """Where the messages go: any broker that kombu knows."""
    return address("BROKER_URL") or redis_address() or f"redis+socket://{broker_socket()}"


def redis_address() -> str:
    value = address("REDIS_URL")
    if value and not value.startswith((*REDIS_SCHEMES, "redis+socket://")):
        raise InvalidEnvironment(f"REDIS_URL is none of {', '.join(REDIS_SCHEMES)}")
    return value


def broker_redis_url() -> str:
    """The broker's address as redis-py writes it; empty where the broker is no Redis."""
    url = broker_url()
    if url.startswith("redis+socket://"):
        return url.replace("redis+socket://", "unix://", 1)
    return url if url.startswith(REDIS_SCHEMES) else ""


def redis_url() -> str:
    """Where requests are counted; empty where there is no Redis."""
    return redis_address() or broker_redis_url()


def broker_is_embedded() -> bool:
    return not secret("BROKER_URL") and not secret("REDIS_URL")


def broker_options() -> dict[str, Any]:
    """What kombu is told beside the address. Waits are for publishers: a broker that hangs must not block a page."""
    scheme = broker_url().partition(":")[0].partition("+")[0]
    options: dict[str, Any] = {}
    if scheme in ("redis", "rediss", "unix", "sentinel"):
        # A message that a dead worker held is delivered again after `visibility_timeout`. The rows do not wait for it.
        options = {"visibility_timeout": VISIBILITY_SECONDS, "unacked_restore_interval": 5}
        options |= {"socket_timeout": PUBLISH_SECONDS, "socket_connect_timeout": PUBLISH_SECONDS}
    if scheme == "sentinel":
        limits = {"socket_timeout": 1, "socket_connect_timeout": 1, "retry": Retry(NoBackoff(), 0)}
        password = {"password": sentinel_password()} if sentinel_password() else {}
        options |= {"master_name": sentinel_master(), "sentinel_kwargs": limits | password, "socket_keepalive": True}
    if scheme in ("amqp", "amqps", "pyamqp"):
        options = dict.fromkeys(("connect_timeout", "read_timeout", "write_timeout"), PUBLISH_SECONDS)
    if scheme == "sqs":
        options = {"visibility_timeout": VISIBILITY_SECONDS}
    return RECONNECT | options | mapping("BROKER_OPTIONS")


def broker_has_events() -> bool:
    """Whether workers can be looked at and asked through the broker."""
    return not broker_url().startswith("sqs")


def sentinel_master() -> str:
    return text("SENTINEL_MASTER", "mymaster")


def sentinel_password() -> str:
    """The sentinels' own; the server's stands in its address."""
    return secret("SENTINEL_PASSWORD")


def stored_secret(name: str, make: Any) -> str:
    """The variable `name` or its file, or a secret made at the first start and kept in the data directory (0600)."""
    if value := secret(name):
        return value
    path = data_dir() / name.lower()
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="ascii").strip()
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        value = make()
        file.write(value)
    return value


def django_secret_key() -> str:
    return stored_secret("SECRET_KEY", lambda: secrets.token_urlsafe(50))


def encryption_keys() -> list[str]:
    """Fernet keys, newest first: the first encrypts, all decrypt."""
    value = stored_secret("ENCRYPTION_KEYS", lambda: Fernet.generate_key().decode("ascii"))
    keys = [key.strip() for key in value.split(",") if key.strip()]
    for number, key in enumerate(keys, 1):
        try:
            Fernet(key)
        except ValueError as exc:
            hint = 'python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())" makes one'
            raise InvalidEnvironment(f"ENCRYPTION_KEYS: key {number} is no Fernet key; {hint}") from exc
    return keys


def flower_basic_auth() -> list[str]:
    """user:password, several with commas between; none: flower asks for no password."""
    people = [person.strip() for person in secret("FLOWER_BASIC_AUTH").split(",") if person.strip()]
    if any(not all(person.partition(":")) for person in people):
        raise InvalidEnvironment("FLOWER_BASIC_AUTH is not user:password, several with commas between")
    return people


def sentry_dsn() -> str:
    """Where errors are reported; empty: nowhere. It is not shown: it holds a key."""
    value = secret("SENTRY_DSN")
    try:
        if value:
            Dsn(value)
        return value
    except ValueError:
        raise InvalidEnvironment("SENTRY_DSN cannot be read: https://key@host/project is needed") from None


def database() -> dict[str, Any]:
    """PGBOUNCER: between two transactions another client may get the server's connection, with what was set in it."""
    pooled = flag("PGBOUNCER", False)
    try:
        return dict(
            dj_database_url.parse(
                database_url(), conn_max_age=60, conn_health_checks=True, disable_server_side_cursors=pooled
            )
        )
    except (ValueError, KeyError) as exc:
        raise InvalidEnvironment("DATABASE_URL cannot be read: postgresql://user:password@host/name is needed") from exc


def make_data_dir() -> Path:
    try:
        data_dir().mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise InvalidEnvironment(f"DATA_DIR={str(data_dir())!r} cannot be made: {exc.strerror}") from exc
    return data_dir()
