"""The environment is read strictly: what cannot be meant stops the start and names itself."""

import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from dashboard import env
from dashboard.env import InvalidEnvironment


@pytest.mark.parametrize(("value", "flag"), [("1", True), ("TRUE", True), ("off", False), ("", True), (" no ", False)])
def test_a_flag(monkeypatch: pytest.MonkeyPatch, value: str, flag: bool) -> None:
    monkeypatch.setenv("X", value)
    assert env.flag("X", default=True) is flag


def test_a_flag_that_is_misspelt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEBUG", "ture")
    with pytest.raises(InvalidEnvironment, match="DEBUG='ture' is neither of true, false"):
        env.flag("DEBUG", default=False)


def test_a_number_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUSH_WINDOW", "four")
    with pytest.raises(InvalidEnvironment, match="PUSH_WINDOW='four' is not a whole number"):
        env.number("PUSH_WINDOW", 4)


@pytest.mark.parametrize(("value", "least"), [("0", 1), ("-1", 0)])
def test_a_number_that_is_too_small(monkeypatch: pytest.MonkeyPatch, value: str, least: int) -> None:
    monkeypatch.setenv("PUSH_WINDOW", value)
    with pytest.raises(InvalidEnvironment, match=f"PUSH_WINDOW='{value}' is less than {least}"):
        env.number("PUSH_WINDOW", 4, least=least)


def test_a_number_that_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPDATE_GAP_SECONDS", "61")
    with pytest.raises(InvalidEnvironment, match="UPDATE_GAP_SECONDS='61' is more than 60"):
        env.number("UPDATE_GAP_SECONDS", 5, most=60)


def test_an_address_for_errors_is_kept_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTRY_DSN", "https://public:secret@errors.example/1")
    assert env.sentry_dsn() == "https://public:secret@errors.example/1"


@pytest.mark.parametrize("value", ["Asia/Dubay", "/etc/passwd", "Asia", "../UTC"])
def test_a_time_zone_that_is_none(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    assert env.time_zone() == "Asia/Dubai"
    monkeypatch.setenv("TIME_ZONE", value)
    with pytest.raises(InvalidEnvironment, match=f"TIME_ZONE='{value}' is no time zone"):
        env.time_zone()


@pytest.mark.parametrize("value", ["{", "[]", '"text"'])
def test_contracts_that_are_no_object(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("CONTRACTS", value)
    with pytest.raises(InvalidEnvironment, match="CONTRACTS is not"):
        env.mapping("CONTRACTS")


def test_a_socket_s_path_that_is_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_DIR", "/tmp/" + "x" * 100)
    with pytest.raises(InvalidEnvironment, match="too long for a socket: set DATA_DIR"):
        env.broker_url()


def test_an_outside_broker_needs_no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://shop:6379/2")
    assert (env.broker_url(), env.broker_is_embedded()) == ("redis://shop:6379/2", False)


def test_a_secret_is_made_once_and_kept_for_its_owner_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.delenv("ENCRYPTION_KEYS", raising=False)
    first = env.encryption_keys()
    assert env.encryption_keys() == first
    assert stat.S_IMODE((tmp_path / "encryption_keys").stat().st_mode) == 0o600


def test_several_keys_are_read_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    new, old = (Fernet.generate_key().decode() for _ in range(2))
    monkeypatch.setenv("ENCRYPTION_KEYS", f"{new}, {old},")
    assert env.encryption_keys() == [new, old]


def test_a_key_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENCRYPTION_KEYS", "abc")
    with pytest.raises(InvalidEnvironment, match=r"ENCRYPTION_KEYS: key 1 is no Fernet key; .* makes one"):
        env.encryption_keys()


def test_a_database_s_address_that_cannot_be_read_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "foo://user:password@host/x")
    with pytest.raises(InvalidEnvironment, match="DATABASE_URL cannot be read") as refused:
        env.database()
    assert "foo" not in str(refused.value)


def test_a_data_directory_that_cannot_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_DIR", "/proc/nothing")
    with pytest.raises(InvalidEnvironment, match="DATA_DIR='/proc/nothing' cannot be made"):
        env.make_data_dir()


@pytest.mark.parametrize("value, is_off", [("", False), ("false", False), ("true", True)])
def test_cursors_on_the_server_are_off_behind_pgbouncer(
    monkeypatch: pytest.MonkeyPatch, value: str, is_off: bool
) -> None:
    monkeypatch.setenv("PGBOUNCER", value)
    assert env.database().get("DISABLE_SERVER_SIDE_CURSORS", False) is is_off


SENTINELS = "sentinel://:a@one:26379/1;sentinel://:a@two:26379/1"
BROKERS = {
    "embedded": ({}, "unix", True),
    "a Redis": ({"REDIS_URL": "redis://shop:6379/2"}, "redis://shop:6379/2", False),
    "sentinels": ({"REDIS_URL": SENTINELS}, SENTINELS, False),
    "RabbitMQ": ({"BROKER_URL": "amqp://shop//"}, "", False),
    "RabbitMQ and a Redis": ({"BROKER_URL": "amqp://shop//", "REDIS_URL": "redis://shop/0"}, "", False),
}


@pytest.mark.parametrize("name", BROKERS)
def test_where_messages_go_and_where_requests_are_counted(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    variables, redis_of_the_broker, is_embedded = BROKERS[name]
    for variable in ("BROKER_URL", "REDIS_URL"):
        monkeypatch.setenv(variable, variables.get(variable, ""))
    assert env.broker_is_embedded() is is_embedded
    assert env.broker_redis_url().startswith(redis_of_the_broker) is True
    assert bool(env.broker_redis_url()) is bool(redis_of_the_broker)
    assert env.redis_url() == (variables.get("REDIS_URL") or env.broker_redis_url())
    if "BROKER_URL" in variables:
        assert env.broker_url() == variables["BROKER_URL"]


def test_what_each_broker_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", SENTINELS)
    monkeypatch.setenv("SENTINEL_MASTER", "push")
    monkeypatch.setenv("SENTINEL_PASSWORD", "its-own")
    told = env.broker_options()
    assert (told["master_name"], told["sentinel_kwargs"]["password"], told["visibility_timeout"]) == (
        "push",
        "its-own",
        900,
    )
    monkeypatch.setenv("BROKER_URL", "amqp://shop//")
    limits = {"connect_timeout": 0.8, "read_timeout": 0.8, "write_timeout": 0.8}
    assert env.broker_options() == env.RECONNECT | limits
    assert env.broker_has_events() is True
    monkeypatch.setenv("BROKER_URL", "sqs://")
    monkeypatch.setenv("BROKER_OPTIONS", '{"region": "eu-west-1", "visibility_timeout": 1200}')
    assert env.broker_options() == env.RECONNECT | {"region": "eu-west-1", "visibility_timeout": 1200}
    assert env.broker_has_events() is False


def test_a_service_of_its_own_gets_nothing_of_what_is_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL_FILE", "BROKER_URL", "REDIS_URL_FILE", "CONTRACTS", "ENCRYPTION_KEYS"):
        monkeypatch.setenv(name, "elsewhere")
    monkeypatch.setenv("TIME_ZONE", "Asia/Dubai")
    variables = env.unconfigured(DATA_DIR="/tmp/mine")
    assert "elsewhere" not in variables.values()
    assert (variables["DATA_DIR"], variables["TIME_ZONE"]) == ("/tmp/mine", "Asia/Dubai")


def test_every_place_that_is_read_is_one_that_can_be_left_out() -> None:
    files = (env.BASE_DIR / "dashboard" / name for name in ("env.py", "settings.py"))
    read = {name for file in files for name in re.findall(r'\b(?:secret|address)\("([A-Z_]+)"', file.read_text())}
    assert read - set(env.PLACES) == set()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BROKER_URL", "amqp://me:s3cret@host:abc"),
        ("BROKER_URL", "amqp://me:s3cret@host:99999"),
        ("BROKER_URL", "s3cret"),
        ("REDIS_URL", "s3cret"),
        ("REDIS_URL", "amqp://me:s3cret@host"),
        ("REDIS_URL", "sentinel://me:s3cret@a:26379;sentinel://b:x"),
        ("REDIS_URL", "sentinel://me:s3cret@a:26379/x"),
    ],
)
def test_a_broker_s_address_that_cannot_be_meant_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(InvalidEnvironment, match=name) as said:
        env.broker_url()
    assert "s3cret" not in str(said.value)


@pytest.mark.parametrize(
    "value",
    ["s3cret", "https://s3cret@host", "https://s3cret@host:abc/1", "ftp://s3cret@host/1", "https://[s3cret@host/1"],
)
def test_a_sentry_s_address_that_cannot_be_meant_stops_the_start(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("SENTRY_DSN", value)
    done = subprocess.run(
        [sys.executable, "manage.py", "check"], cwd=env.BASE_DIR, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: SENTRY_DSN cannot be read: https://key@host/project is needed\n"


@pytest.mark.parametrize("value", ["", "https://key@sentry.example/12", "http://key@127.0.0.1:9000/path/1"])
def test_a_sentry_s_address_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("SENTRY_DSN", value)
    assert env.sentry_dsn() == value


@pytest.mark.parametrize(
    "url", ["redis://h", "rediss://:p@h:6379/1", "unix:///run/x.sock", "sentinel://a:26379;sentinel://b:26379/1"]
)
def test_a_redis_s_address_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("REDIS_URL", url)
    assert env.broker_url() == env.redis_url() == url
