"""Brokers that are no Redis: what can be known of them, and what is missing then."""

import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.utils import timezone

from integration import backing
from integration.diagnosis import diagnose
from integration.metrics import describe_broker
from tests.conftest import make_outlet

Answer = Callable[[bytes], int]


@pytest.fixture
def answering(settings: Any) -> Iterator[Answer]:
    """A broker at that address which says this to whoever greets it."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def begin(answer: bytes) -> int:
            def talk() -> None:
                caller, _ = server.accept()
                with caller:
                    assert caller.recv(8) == b"AMQP\x00\x00\x09\x01"
                    caller.sendall(answer)

            threading.Thread(target=talk, daemon=True).start()
            port = int(server.getsockname()[1])
            settings.BROKER_URL, settings.BROKER_REDIS_URL = f"amqp://somebody:secret@127.0.0.1:{port}//", ""
            return port

        yield begin


def test_a_rabbitmq_that_answers_is_well(answering: Answer) -> None:
    answering(b"\x01\x00\x00\x00\x00\x00\x05\x00\x0a\x00\x0a\xce")
    assert backing.broker_problem() == ""


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n", b"AMQP\x03\x01\x00\x00", b""])
def test_what_does_not_speak_its_language_is_no_broker(answering: Answer, answer: bytes) -> None:
    answering(answer)
    assert backing.broker_problem() == backing.SILENT


def test_of_other_brokers_nothing_is_known_and_nothing_is_measured(settings: Any) -> None:
    settings.BROKER_URL, settings.BROKER_REDIS_URL = "sqs://", ""
    assert (backing.broker_problem(), backing.eviction_policy(), list(describe_broker())) == ("", "", [])


@pytest.mark.django_db
@pytest.mark.parametrize(
    "limit, url, said",
    [
        ({"requests_per_minute": 60}, "", "the Redis that counts them: there is none"),
        ({"items_per_minute": 60}, "redis://127.0.0.1:1/0", "the Redis that counts them: it does not answer"),
        ({}, "", ""),
    ],
)
def test_the_doctor_says_which_shops_are_sent_nothing_without_a_redis(
    settings: Any, limit: dict[str, int], url: str, said: str
) -> None:
    make_outlet("14", "pasons")
    settings.RATE_LIMIT_URL, settings.CONTRACTS = url, {"pasons": limit}
    (result,) = diagnose(timezone.now(), "limits")
    assert [said in problem.text for problem in result.problems] == [True] * bool(said)
