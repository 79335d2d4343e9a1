"""From a click to the shop's answer each log line says whose request, push, chunk and attempt it is about."""

import io
import json
import logging
import logging.config
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from dashboard import env
from dashboard.env import InvalidEnvironment
from integration import log_context
from integration.delivery import send_chunk
from integration.log_context import ContextFilter, TextFormatter, bound, sane_request_id
from integration.mock_shop import MockShop
from integration.models import Outlet, PushAttempt, PushChunk, PushHistory
from integration.push_queue import Ring, plan_push, start_push
from integration.ring_labels import label_rings
from tasks import logs
from tasks.push import push_chunk, push_outlet, ring, ring_outlet
from tests.conftest import make_outlet, stock
from tests.people import restore_migrated_rows, signed_in

SECRET = "sk-must-not-be-seen"


class Lines:
    """What the service has logged as JSON."""

    def __init__(self) -> None:
        self.stream = io.StringIO()

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    def of(self, message: str) -> list[dict[str, Any]]:
        found = [json.loads(line) for line in self.text.splitlines()]
        return [line for line in found if line["message"] == message]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """The lines, in the format and with the filter that the settings name."""
    found, config = Lines(), dict(django_settings.LOGGING["formatters"]["json"])
    handler = logging.StreamHandler(found.stream)
    handler.setFormatter(logging.config.DictConfigurator({}).configure_formatter(config))
    handler.addFilter(ContextFilter())
    loggers = {name: logging.getLogger(name).level for name in ("integration", "tasks")}
    for name in loggers:
        logging.getLogger(name).addHandler(handler)
        logging.getLogger(name).setLevel(logging.INFO)
    yield found
    for name, level in loggers.items():
        logging.getLogger(name).removeHandler(handler)
        logging.getLogger(name).setLevel(level)


def test_an_id_that_a_proxy_gave_is_kept_and_another_is_not() -> None:
    assert sane_request_id("proxy-1.A_b") == "proxy-1.A_b"
    for bad in ("", "a b", "x" * 65, 'forged" level=ERROR', "a\nb"):
        made = sane_request_id(bad)
        assert made != bad
        assert len(made) == 32


def test_each_answer_names_its_request(client: Client, db: None) -> None:
    first, second = client.get("/login/")["X-Request-ID"], client.get("/login/")["X-Request-ID"]
    assert first != second
    assert client.get("/login/", headers={"X-Request-ID": "proxy-1"})["X-Request-ID"] == "proxy-1"
    assert log_context.current("request_id") is None


def test_a_click_s_lines_name_request_user_and_push(
    lines: Lines, outlet: Outlet, monkeypatch: pytest.MonkeyPatch
) -> None:
    restore_migrated_rows()
    monkeypatch.setattr("tasks.push.ring", lambda rings: None)
    stock(outlet, 2)
    client = signed_in("Operator")
    url = reverse("push_start", args=[outlet.pk])
    client.post(
        url, {"push_type": "full", "q": SECRET}, headers={"X-Request-ID": "click-1"}, query_params={"q": SECRET}
    )
    opened, answered = (lines.of(message)[0] for message in ("push opened", "request answered"))
    assert opened["request_id"] == answered["request_id"] == "click-1"
    assert opened["user_id"] == answered["user_id"] == int(client.session["_auth_user_id"])
    assert opened["push_id"] == PushHistory.objects.get().pk
    assert (answered["method"], answered["path"]) == ("POST", url)
    assert SECRET not in lines.text


def test_a_chunk_s_line_names_push_chunk_and_attempt_and_no_secret(
    lines: Lines, shop: MockShop, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.push.ring", lambda rings: None)
    shop.key = "another"
    outlet = make_outlet("14", "pasons", api_endpoint=f"{shop.url}/stores/14/products", api_key=SECRET)
    stock(outlet, 2)
    pushed = ring_outlet(outlet.pk).push
    assert pushed
    push_outlet(push_id=pushed.pk)
    push_chunk(chunk_id=PushChunk.objects.get().pk)
    (line,) = lines.of("the shop was asked")
    assert line["push_id"] == pushed.pk
    assert line["chunk_id"] == PushChunk.objects.get().pk
    assert line["attempt_id"] == PushAttempt.objects.get().pk
    assert (line["outcome"], line["response_code"]) == ("credentials", 401)
    assert SECRET not in lines.text
    assert log_context.current("chunk_id") is None


def test_ids_go_with_the_message_and_come_out_in_the_worker() -> None:
    headers: dict[str, Any] = {}
    with bound(request_id="click-1", user_id=7, push_id=3):
        logs.send_ids(headers=headers)
    assert headers == {"request_id": "click-1", "user_id": 7}
    push_chunk.push_request(**headers)
    try:
        logs.take_ids(task=push_chunk, kwargs={"chunk_id": 9})
        names = ("request_id", "user_id", "chunk_id", "push_id")
        assert [log_context.current(name) for name in names] == ["click-1", 7, 9, None]
    finally:
        push_chunk.pop_request()
        logs.drop_ids()
    assert log_context.current("chunk_id") is None


def test_text_keeps_a_line_a_line() -> None:
    record = logging.makeLogRecord({"name": "integration", "levelname": "INFO", "msg": "push ended", "reason": 'a\nb"'})
    with bound(push_id=3):
        ContextFilter().filter(record)
    line = TextFormatter("%(levelname)s %(message)s").format(record)
    assert line == 'INFO push ended reason="a\\nb\\"" push_id=3'


def test_an_unknown_format_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_FORMAT", "xml")
    with pytest.raises(InvalidEnvironment, match="LOG_FORMAT='xml' is none of json, text"):
        env.choice("LOG_FORMAT", "text", ("json", "text"))


# --- what the view of the workers shows -----------------------------------------------------------------


def test_a_message_says_what_it_is_about(outlet: Outlet, django_assert_num_queries: Any) -> None:
    pushed = PushHistory.objects.create(outlet=outlet, platform="memory", push_timestamp=timezone.now())
    chunks = [PushChunk.objects.create(push=pushed, first_id=n, last_id=n) for n in range(3)]
    rings = [Ring("push", pushed.pk), *(Ring("chunk", chunk.pk) for chunk in chunks), Ring("push", 10**6)]
    with django_assert_num_queries(2):
        labels = label_rings(rings)
    assert labels[rings[0]] == f"push {pushed.pk} of outlet 007 (memory)"
    assert labels[rings[1]] == f"chunk {chunks[0].pk} of push {pushed.pk} of outlet 007 (memory)"
    assert labels[rings[-1]] == "push 1000000"


def test_what_is_known_of_a_push_under_way_is_not_asked_for(outlet: Outlet, django_assert_num_queries: Any) -> None:
    stock(outlet, 1500)
    (started,) = start_push(outlet, "full", "manual", timezone.now()).rings
    (first,) = plan_push(started.id, timezone.now())
    rings = [started, first, *send_chunk(first.id, timezone.now())]
    with django_assert_num_queries(0):
        known = label_rings(rings)
    assert known == label_rings([Ring(ring.kind, ring.id) for ring in rings])


def test_the_message_carries_the_label(outlet: Outlet, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr(push_outlet, "apply_async", lambda **message: sent.append(message))
    pushed = PushHistory.objects.create(outlet=outlet, platform="memory", push_timestamp=timezone.now())
    ring([Ring("push", pushed.pk)])
    assert sent[0]["argsrepr"] == f"push {pushed.pk} of outlet 007 (memory)"
    assert sent[0]["kwargsrepr"] == f"{{'push_id': {pushed.pk}}}"


def test_only_staff_see_the_way_to_the_workers(settings: Any, db: None) -> None:
    restore_migrated_rows()
    settings.FLOWER_URL = "https://flower.example/"
    client = signed_in("Manager")
    assert b"flower.example" not in client.get("/").content
    User.objects.filter(pk=client.session["_auth_user_id"]).update(is_staff=True)
    assert b'href="https://flower.example/"' in client.get("/").content
    settings.FLOWER_URL = ""
    assert b"Workers" not in client.get("/").content
