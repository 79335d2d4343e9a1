"""The doctor names what is wrong, says what to do, and ends with 1 for it."""

import json
import os
import subprocess
import sys
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from dashboard import env
from integration import backing, diagnosis
from integration.diagnosis import diagnose
from integration.models import AlertTarget, TaskRun
from integration.schedules import PUSH, SWEEP
from integration.sums import note_run
from tests.conftest import make_outlet
from tests.people import restore_migrated_rows

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def well(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is as it should be, but for what a test changes."""
    restore_migrated_rows()
    PeriodicTask.objects.filter(task=SWEEP).update(last_run_at=timezone.now())
    monkeypatch.setitem(diagnosis.PARTS, "broker", lambda: "")
    monkeypatch.setattr(backing, "broker_problem", lambda: "")
    monkeypatch.setattr(backing, "eviction_policy", lambda: "noeviction")
    note_run(TaskRun.Task.SWEEP, timezone.now())
    make_target("Managers")


def make_target(name: str, **more: Any) -> AlertTarget:
    return AlertTarget.objects.create(name=name, url="json://a", kind="Webhook", created_at=timezone.now(), **more)


def problems(only: str) -> list[str]:
    (result,) = diagnose(timezone.now(), only)
    assert all(problem.remedy for problem in result.problems)
    return [problem.text for problem in result.problems]


def run(*words: str) -> tuple[int, str]:
    out = StringIO()
    try:
        call_command("doctor", *words, stdout=out)
    except CommandError as exc:
        return exc.returncode, out.getvalue()
    return 0, out.getvalue()


def test_a_sound_service_has_nothing_wrong() -> None:
    code, out = run()
    assert code == 0, out
    assert {line.split()[0] for line in out.splitlines()} == {"ok"}
    assert len(out.splitlines()) == len(diagnosis.CHECKS)


def test_it_ends_with_1_and_says_what_to_do(settings: Any) -> None:
    settings.DEBUG = True
    code, out = run("--only", "settings")
    assert code == 1
    assert "BAD  settings: DEBUG is on: every error shows its innards\n     -> set DEBUG=false\n" in out


def test_programs_read_json(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    code, out = run("--json")
    facts = json.loads(out.splitlines()[-1])
    assert (code, facts["ok"]) == (1, False)
    bad = [check for check in facts["checks"] if check["problems"]]
    assert [check["name"] for check in bad] == ["settings"]
    assert bad[0]["problems"][0]["remedy"] == "name the dashboard's hosts"


def test_without_a_broker_the_rest_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(diagnosis.PARTS, "broker", lambda: backing.SILENT)
    monkeypatch.setattr(backing, "broker_problem", lambda: backing.SILENT)
    code, out = run()
    assert code == 1
    assert "BAD  broker: it does not answer" in out
    assert "?    eviction: not known without the broker" in out
    assert "ok   outlets" in out


def test_a_broker_that_evicts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backing, "eviction_policy", lambda: "allkeys-lru")
    assert "allkeys-lru" in problems("eviction")[0]


def test_workers_that_take_nothing() -> None:
    TaskRun.objects.update(ran_at=timezone.now() - timedelta(minutes=12, seconds=30))
    assert problems("sweep") == ["no worker has run the sweep for 12 minutes"]


def test_a_beat_that_is_gone() -> None:
    PeriodicTask.objects.filter(task=SWEEP).update(last_run_at=timezone.now() - timedelta(hours=1))
    assert problems("beat") == ["beat has asked for nothing for 60 minutes"]


def test_a_schedule_that_is_off() -> None:
    PeriodicTask.objects.filter(task=PUSH).update(enabled=False)
    assert problems("schedule") == ["the scheduled push is switched off"]


def test_outlets_that_lack_something() -> None:
    make_outlet("1", "pasons")
    make_outlet("2", "pasons", api_endpoint="https://shop.example/", api_key="k")
    make_outlet("3", "pasons", api_endpoint="https://shop.example/", push_enabled=False)
    assert problems("outlets") == ["outlets without an endpoint: 1 (pasons)", "outlets without a key: 1 (pasons)"]


def test_keys_that_decrypt_nothing(settings: Any) -> None:
    make_outlet("2", "pasons", api_key="k")
    settings.ENCRYPTION_KEYS = ["A" * 43 + "="]
    AlertTarget.objects.defer("url").delete()
    assert problems("keys") == ["none of ENCRYPTION_KEYS decrypts the secrets of 2 (pasons)"]


def test_keys_that_decrypt_no_target_of_alerts(settings: Any) -> None:
    make_target("Branches", is_active=False)
    assert problems("keys") == []
    settings.ENCRYPTION_KEYS = ["A" * 43 + "="]
    make_target("New")
    text = "none of ENCRYPTION_KEYS decrypts the addresses of these targets of alerts: Branches, Managers"
    assert problems("keys") == [text]


def test_nobody_who_is_told() -> None:
    assert problems("alerts") == []
    AlertTarget.objects.update(is_active=False, last_error="HTTP 500")
    assert problems("alerts") == ["nobody is told of trouble"]


def test_targets_whose_last_message_failed() -> None:
    make_target("Branches", last_error="HTTP 500")
    make_target("Old ones", last_error="HTTP 404", is_active=False)
    assert problems("alerts") == ["the last message to Branches failed: HTTP 500"]


def test_a_claim_s_time_that_is_too_short(settings: Any) -> None:
    settings.CHUNK_LEASE_SECONDS = 130
    assert problems("settings") == ["CHUNK_LEASE_SECONDS=130 is not between 130 and 900"]


def test_a_contract_that_is_not_there() -> None:
    make_outlet("2", "nowhere")
    assert len(problems("contracts")) == 1


def test_a_disk_that_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnosis, "FREE_BYTES", 10**18)
    assert " MB left" in problems("disk")[0]


def test_a_clock_that_is_wrong() -> None:
    found = [problem.text for problem in diagnose(timezone.now() + timedelta(minutes=1), "clock")[0].problems]
    assert found == (
        [] if connection.vendor == "sqlite" else ["this machine's clock and the database's differ by 60 s"]
    )


@pytest.mark.skipif(connection.vendor != "postgresql", reason="another database")
def test_transactions_that_nobody_ends() -> None:
    assert problems("transactions") == []
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
    assert problems("transactions") == [
        "a machine that vanishes inside a transaction would keep its locks in PostgreSQL for hours"
    ]


def test_production_settings_are_clean_for_deployment() -> None:
    """With HTTPS=true, a host and an address; without, Django says what is missing."""
    code, words = deploy(HTTPS="true", ALLOWED_HOSTS="dashboard.example", DASHBOARD_URL="https://dashboard.example")
    assert code == 0, words
    assert "no issues" in words
    assert deploy(HTTPS="false")[0] == 1


@pytest.mark.parametrize("seconds", ["130", "900"])
def test_a_claim_s_time_stands_between_a_task_s_and_a_message_s(seconds: str) -> None:
    assert "integration.W002" not in deploy(CHUNK_LEASE_SECONDS="150")[1]
    assert f"CHUNK_LEASE_SECONDS={seconds} is not between 130 and 900" in deploy(CHUNK_LEASE_SECONDS=seconds)[1]


def deploy(**variables: str) -> tuple[int, str]:
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    changed = {**os.environ, **variables}
    done = subprocess.run(command, cwd=env.BASE_DIR, env=changed, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr
