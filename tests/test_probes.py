"""Probes: a process that cannot do its work says so, to anybody and with no secret."""

import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import OperationalError
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from integration import backing

pytestmark = pytest.mark.django_db
PASSWORD = "hunter2-of-the-database"


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Something that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def with_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("integration.probes.broker_problem", lambda: "")


def test_a_process_is_alive_whatever_else_is_down(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        answer = client.get("/health/live")
    assert (answer.status_code, answer.json()) == (200, {"status": "live"})
    assert "no-store" in answer["Cache-Control"]


def test_it_is_ready_when_all_answers(client: Client, with_broker: None, django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(2):
        answer = client.get("/health/ready")
    assert (answer.status_code, answer.json()) == (200, {"status": "ready"})
    assert not answer.cookies


def test_a_probe_need_not_know_the_host_nor_https(client: Client, settings: Any, with_broker: None) -> None:
    settings.SECURE_SSL_REDIRECT = True
    assert client.get("/health/ready", headers={"host": "10.1.2.3:8000"}).status_code == 200
    assert client.get("/login/").status_code == 301


def test_there_is_nothing_else_beside_the_probes(client: Client) -> None:
    assert client.get("/health/secrets").status_code == 404
    assert client.post("/health/ready").status_code == 405


def test_a_silent_broker_is_named_within_a_second(client: Client, settings: Any, silent_port: int) -> None:
    client.get("/health/ready")  # the first one of a process reads the migrations' files
    settings.BROKER_REDIS_URL = f"redis://:{PASSWORD}@127.0.0.1:{silent_port}/0"
    began_at = time.monotonic()
    answer = client.get("/health/ready")
    assert time.monotonic() - began_at < 1.5
    assert answer.status_code == 503
    assert answer.json() == {"status": "not ready", "problems": {"broker": "it does not answer"}}


def test_a_dead_database_is_named_without_its_secrets(
    client: Client, monkeypatch: pytest.MonkeyPatch, with_broker: None
) -> None:
    def fail(recorder: MigrationRecorder) -> None:
        raise OperationalError(f"password {PASSWORD} refused")

    monkeypatch.setattr(MigrationRecorder, "applied_migrations", fail)
    answer = client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["problems"] == {"database": "it does not answer"}


def test_a_missing_migration_is_named(client: Client, monkeypatch: pytest.MonkeyPatch, with_broker: None) -> None:
    monkeypatch.setattr(backing, "last_migrations", lambda: frozenset({("integration", "9999_next")}))
    answer = client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["problems"] == {"database": "migrations are missing, up to integration.9999_next"}
