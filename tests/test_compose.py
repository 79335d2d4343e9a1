"""docker-compose.yml: hardened, watched, without a secret, and with the commands that run without containers too."""

import json
import re
import shlex
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from dashboard import compose_secrets, env, processes
from dashboard.supervisor import Program, Supervisor
from tests.faults.local import wait_until

COMPOSE = yaml.safe_load((env.BASE_DIR / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = sorted(set(SERVICES) - {"database", "broker"})
EVERYWHERE = "0.0.0.0"
SECRETS = ["DATABASE_URL", "SECRET_KEY", "ENCRYPTION_KEYS", "SENTRY_DSN", "FLOWER_BASIC_AUTH", "BROKER_URL"]
SECRETS += ["SENTINEL_PASSWORD"]
PASSED: dict[str, str] = SERVICES["web"]["environment"]
FIXED = {"REDIS_URL"}  # the broker beside it
NOT_PASSED = {"DATA_DIR", "DEBUG"}  # a container keeps nothing, and is never for development


@pytest.mark.parametrize("name", sorted(SERVICES))
class TestEachService:
    def test_it_runs_as_nobody_special(self, name: str) -> None:
        service = SERVICES[name]
        assert service["user"] not in ("root", "0", "0:0")
        assert service["cap_drop"] == ["ALL"]
        assert "cap_add" not in service
        assert "no-new-privileges:true" in service["security_opt"]

    def test_it_writes_only_where_it_may(self, name: str) -> None:
        service = SERVICES[name]
        assert service["read_only"] is True
        assert "/tmp" in service["tmpfs"]
        if name in OURS:
            assert "/data" in [*service["tmpfs"], *(volume.split(":")[1] for volume in service.get("volumes", []))]

    def test_it_has_limits(self, name: str) -> None:
        assert SERVICES[name]["deploy"]["resources"]["limits"].keys() == {"cpus", "memory"}
        assert 100 <= SERVICES[name]["pids_limit"] <= 300

    def test_its_health_is_asked_for(self, name: str) -> None:
        check = SERVICES[name]["healthcheck"]
        assert check == {"disable": True} if name == "migrate" else check["test"][0] == "CMD"

    def test_it_is_reached_from_this_machine_only(self, name: str) -> None:
        assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))

    def test_its_secrets_are_files(self, name: str) -> None:
        service = SERVICES[name]
        assert not {*SECRETS, "POSTGRES_PASSWORD"} & service.get("environment", {}).keys()
        files = {Path(path).name for key, path in service.get("environment", {}).items() if key.endswith("_FILE")}
        assert files == set(service.get("secrets", []))
        assert files <= COMPOSE["secrets"].keys()


def test_only_the_mock_shop_waits_for_its_profile() -> None:
    assert [name for name, service in SERVICES.items() if "profiles" in service] == ["mock-shop"]


def test_the_broker_keeps_everything() -> None:
    words = SERVICES["broker"]["command"]
    assert all(
        option in words for option in ("--appendonly yes", "--appendfsync always", "--maxmemory-policy noeviction")
    )


# --- the variables --------------------------------------------------------------------------------------


def documented() -> set[str]:
    """The first column of the table in docs/operations.md."""
    text = (env.BASE_DIR / "docs" / "operations.md").read_text(encoding="utf-8")
    table = text.partition("## All variables")[2].partition("\n## ")[0]
    return {
        name for row in re.findall(r"^\|([^|]*)\|", table, re.MULTILINE) for name in re.findall(r"`([A-Z_]+)`", row)
    }


def test_every_variable_that_is_documented_arrives() -> None:
    arriving = {name.removesuffix("_FILE") for name in PASSED}
    assert arriving == documented() - NOT_PASSED
    taken_over = {name for name, value in PASSED.items() if str(value).startswith(f"${{{name}:-")}
    assert taken_over == arriving - FIXED - set(SECRETS)
    assert {name for name in PASSED if name.endswith("_FILE")} == {f"{name}_FILE" for name in SECRETS}


@pytest.mark.parametrize("name", sorted(set(OURS) - {"mock-shop"}))
def test_every_part_gets_the_same(name: str) -> None:
    assert SERVICES[name]["environment"] == PASSED


SHOW = """
import celeryconfig, flowerconfig
from dashboard import settings
print({name: str(value) for part in (settings, celeryconfig) for name, value in vars(part).items() if name[0] != "_"})
"""


def settings_with(**variables: str) -> str:
    """Everything that is read, without the addresses of what lies in memory."""
    own = {name: value for name, value in env.unconfigured().items() if name not in PASSED}
    environment = {**own, "HTTPS": "true", "FLOWER_BASIC_AUTH": "a:b", "PYTHONHASHSEED": "0", **variables}
    command = [sys.executable, "-c", SHOW]
    done = subprocess.run(command, cwd=env.BASE_DIR, env=environment, capture_output=True, text=True, check=True)
    return re.sub(r"0x[0-9a-f]+", "", done.stdout)


def test_what_is_passed_empty_is_as_if_it_were_not_set() -> None:
    empty = dict.fromkeys(PASSED.keys() - {"HTTPS"}, "")
    assert settings_with(**empty) == settings_with()
    assert settings_with(**{**empty, "PUSH_WINDOW": "7"}) != settings_with()


# --- Docker's reading -----------------------------------------------------------------------------------


def compose() -> list[str]:
    """Docker's own reader of the file, which needs no engine for it."""
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]):
            done = subprocess.run([*command, "version"], capture_output=True, text=True, check=False)
            if done.returncode == 0 and "ompose" in done.stdout:
                return command
    pytest.skip("there is no docker compose: Debian's package docker-compose has it, and .ci/servers installs it")


@pytest.mark.parametrize("profile", ["", "mock-shop"])
def test_docker_reads_the_file(profile: str) -> None:
    command = [*compose(), *(["--profile", profile] if profile else []), "-f", "docker-compose.yml", "config"]
    variables = env.changed(HTTPS="true", ALLOWED_HOSTS="prices.example", CONTRACTS='{"pasons": {"auth": "none"}}')
    done = subprocess.run(
        command, cwd=env.BASE_DIR, env=variables, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    read = yaml.safe_load(done.stdout)
    assert set(SERVICES) - {"mock-shop"} <= read["services"].keys() <= set(SERVICES)
    assert read["services"]["web"]["environment"]["ALLOWED_HOSTS"] == "prices.example"
    assert read["services"]["worker"]["environment"]["CONTRACTS"] == '{"pasons": {"auth": "none"}}'
    assert read["services"]["worker"]["environment"]["PUSH_WINDOW"] == ""
    assert read["services"]["worker"]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
    assert read["services"]["flower"]["command"]
    assert read.keys() >= {"services", "secrets", "volumes"}


def in_a_container(program: Program) -> list[str]:
    return ["python" if word == sys.executable else word for word in program.command]


def test_the_commands_are_those_that_run_without_containers() -> None:
    programs = {
        "worker": processes.worker(),
        "beat": processes.beat(),
        "web": processes.web(8000, EVERYWHERE),
        "flower": processes.flower(5555, EVERYWHERE),
        "mock-shop": processes.mock_shop(8800, "demo-key", Path("/data/shop.sqlite3"), address=EVERYWHERE),
    }
    for name, program in programs.items():
        assert shlex.split(SERVICES[name]["command"]) == in_a_container(program), name
    assert set(programs) == set(OURS) - {"migrate"}


# --- the secrets ----------------------------------------------------------------------------------------


def test_secrets_are_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "secrets"
    compose_secrets.make(folder)
    before = {path.name: path.read_text() for path in folder.iterdir()}
    assert before.keys() == COMPOSE["secrets"].keys()
    assert compose_secrets.make(folder) == []
    assert {path.name: path.read_text() for path in folder.iterdir()} == before
    assert folder.stat().st_mode & 0o777 == 0o700
    read_as_files(folder, monkeypatch)
    assert env.django_secret_key() == before["secret_key"]
    assert env.encryption_keys() == [before["encryption_keys"]]
    assert before["postgres_password"] in env.database_url()
    assert env.flower_basic_auth() == [before["flower_basic_auth"]]


def read_as_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for key, path in SERVICES["web"]["environment"].items():
        if key.endswith("_FILE"):
            monkeypatch.setenv(key, str(folder / Path(path).name))
            monkeypatch.delenv(key.removesuffix("_FILE"), raising=False)


# --- the same processes, here ---------------------------------------------------------------------------


def command_of(name: str, folder: Path, port: int = 0) -> list[str]:
    """The compose file's command on this machine, at a port that is free."""
    own = {"python": sys.executable, f"{EVERYWHERE}:8000": f"127.0.0.1:{port}", "--port=5555": f"--port={port}"}
    own |= {EVERYWHERE: "127.0.0.1", "8800": str(port), "/data/shop.sqlite3": str(folder / "shop.sqlite3")}
    return [own.get(word, word) for word in shlex.split(SERVICES[name]["command"])]


def status_of(url: str, **headers: str) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as exc:
        return exc.code
    except OSError:
        return 0


def doctor(only: str, environment: dict[str, str]) -> int:
    command = [sys.executable, "manage.py", "doctor", "--only", only]
    return subprocess.run(command, cwd=env.BASE_DIR, env=environment, capture_output=True, check=False).returncode


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("compose")


@pytest.fixture(scope="module")
def environment(folder: Path) -> Iterator[dict[str, str]]:
    """What the compose file sets, on SQLite and the embedded broker."""
    compose_secrets.make(folder / "secrets")
    (folder / "secrets" / "database_url").write_text(f"sqlite:///{folder / 'service.sqlite3'}")
    with pytest.MonkeyPatch.context() as monkeypatch:
        read_as_files(folder / "secrets", monkeypatch)
        for name, value in {"LOG_FORMAT": "json", "LOG_LEVEL": "INFO", "DATA_DIR": str(folder)}.items():
            monkeypatch.setenv(name, value)
        yield env.changed()


@pytest.fixture(scope="module")
def ports(folder: Path, environment: dict[str, str]) -> Iterator[dict[str, int]]:
    subprocess.run(command_of("migrate", folder), cwd=env.BASE_DIR, env=environment, check=True, capture_output=True)
    ports = {name: processes.free_port() for name in ("web", "flower", "mock-shop")}
    programs = [processes.broker()]
    for name in sorted(set(OURS) - {"migrate"}):
        command = command_of(name, folder, ports.get(name, 0))
        programs.append(Program(name, command, environment=environment, stop_seconds=60))
    with Supervisor(programs, folder / "logs") as supervisor:
        supervisor.start()
        yield ports


def test_the_compose_file_s_processes_run_without_containers(
    ports: dict[str, int], environment: dict[str, str], folder: Path
) -> None:
    wait_until(lambda: status_of(f"http://127.0.0.1:{ports['web']}/health/ready") == 200, 60)
    flower = f"http://127.0.0.1:{ports['flower']}"
    wait_until(lambda: status_of(f"{flower}/healthcheck") == 200, 60)
    assert status_of(f"{flower}/tasks") == 401
    wait_until(lambda: status_of(f"http://127.0.0.1:{ports['mock-shop']}/_state/007") == 200, 60)
    wait_until(lambda: doctor("sweep", environment) == 0, 60)


MAKE_OUTLET = """
from django.contrib.auth.models import User
from django.utils import timezone
from integration.models import Outlet, make_token
from tests.conftest import make_outlet, stock
outlet = make_outlet()
stock(outlet, 3)
user = User.objects.create_superuser("till")
print(outlet.pk, user.pk, make_token("till", user.pk, None, timezone.now())[1])
"""


def log_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines() if line.startswith("{")]


def test_a_click_is_followed_to_the_shop_s_answer_in_the_workers_log(
    ports: dict[str, int], environment: dict[str, str], folder: Path
) -> None:
    command = [sys.executable, "manage.py", "shell", "-v", "0", "-c", MAKE_OUTLET]
    done = subprocess.run(command, cwd=env.BASE_DIR, env=environment, capture_output=True, text=True, check=True)
    outlet_id, user_id, token = done.stdout.split()
    url = f"http://127.0.0.1:{ports['web']}/api/push-to-ecommerce/"
    headers = {"Authorization": f"Bearer {token}", "X-Request-ID": "click-1", "Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps({"outlet": int(outlet_id)}).encode(), headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.headers["X-Request-ID"] == "click-1"
        push_id = json.load(answer)["push"]

    def asked() -> list[dict[str, Any]]:
        return [line for line in log_lines(folder / "logs" / "worker.log") if line["message"] == "the shop was asked"]

    wait_until(asked)
    line = asked()[0]
    assert (line["request_id"], line["user_id"], line["push_id"]) == ("click-1", int(user_id), push_id)
    assert line["chunk_id"]
    assert line["attempt_id"]
    assert (line["outcome"], line["accepted"]) == ("done", 3)
    (answered,) = [
        line
        for line in log_lines(folder / "logs" / "web.log")
        if line.get("request_id") == "click-1" and line["message"] == "request answered"
    ]
    assert (answered["user_id"], answered["status"]) == (int(user_id), 202)
    for log in (folder / "logs").glob("*.log"):
        text = log.read_text(errors="replace")
        assert token not in text, log
        for secret in (folder / "secrets").iterdir():
            assert not secret.read_text() or secret.read_text() not in text, log
