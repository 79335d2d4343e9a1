"""The page Alerts: who is told, what was told, and a test that says what came of it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from integration.models import Alert, AlertDelivery, AlertTarget
from tests.conftest import NOW
from tests.people import restore_migrated_rows, signed_in
from tests.receivers import Webhook, webhook

pytestmark = pytest.mark.django_db
URL = "/alerts/"
SECRETS = ("s3cr3t-password", "hook-key-12345")


@pytest.fixture(autouse=True)
def ground(db: None, settings: Any) -> None:
    restore_migrated_rows()
    settings.ALLOW_PRIVATE_ADDRESSES = True


@pytest.fixture
def hook() -> Iterator[Webhook]:
    with webhook() as receiver:
        yield receiver


@pytest.fixture
def manager() -> Client:
    return signed_in("Manager")


def make_target(url: str, name: str = "Head office") -> AlertTarget:
    return AlertTarget.objects.create(name=name, url=url, kind="Webhook", created_at=NOW)


def make_alert(target: AlertTarget, **more: Any) -> AlertDelivery:
    alert = Alert.objects.create(kind="trouble", title="A has <b>trouble</b>", body="Cause: <i>x</i>", created_at=NOW)
    return AlertDelivery.objects.create(alert=alert, target=target, target_name=target.name, not_before=NOW, **more)


def text_of(answer: Any) -> str:
    text: str = answer.content.decode()
    for secret in SECRETS:
        assert secret not in text
    return text


def test_a_manager_adds_a_target_and_its_address_is_shown_nowhere(manager: Client, hook: Webhook) -> None:
    text = text_of(manager.post(URL, {"name": "Head office", "url": hook.url}, follow=True))
    assert "“Head office” gets alerts from now on." in text
    assert "Webhook" in text
    target = AlertTarget.objects.get()
    assert (target.url, target.kind, str(target.created_by)) == (hook.url, "Webhook", "manager")
    assert hook.messages == []
    (entry,) = LogEntry.objects.all()
    assert json.loads(entry.change_message)[0]["values"] == {
        "name": [None, "Head office"],
        "kind": [None, "Webhook"],
        "is_active": [None, True],
    }
    assert "Head office" in text_of(manager.get(reverse("timeline")))


@pytest.mark.parametrize("url", ["", "rubbish", "syslog://", "json://s3cr3t-password@"])
def test_what_is_no_address_is_refused_and_not_repeated(manager: Client, url: str) -> None:
    answer = manager.post(URL, {"name": "x", "url": url})
    assert answer.status_code == 200
    assert "text-danger" in text_of(answer)
    assert not AlertTarget.objects.exists()


def test_a_private_address_is_refused(manager: Client, hook: Webhook, settings: Any) -> None:
    settings.ALLOW_PRIVATE_ADDRESSES = False
    assert "private network" in text_of(manager.post(URL, {"name": "x", "url": hook.url}))
    assert not AlertTarget.objects.exists()


def test_one_name_one_target(manager: Client, hook: Webhook) -> None:
    make_target(hook.url)
    assert "of this name already" in text_of(manager.post(URL, {"name": "Head office", "url": hook.url}))
    assert AlertTarget.objects.count() == 1


def test_a_test_says_what_came_of_it(manager: Client, hook: Webhook) -> None:
    target = make_target(hook.url)
    url = reverse("alert_test", args=[target.pk])
    assert "The test was sent to “Head office”." in text_of(manager.post(url, follow=True))
    assert [message["title"] for message in hook.messages] == ["Test of the alerts"]
    hook.status = 500
    text = text_of(manager.post(url, follow=True))
    assert "The test did not reach “Head office”:" in text
    assert "500" in text
    target.refresh_from_db()
    assert target.last_sent_at is not None
    assert "500" in target.last_error


def test_a_test_of_a_target_that_never_answers_ends(
    manager: Client, hook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integration.alert_targets.SEND_SECONDS", 0.3)
    hook.drip = True
    answer = manager.post(reverse("alert_test", args=[make_target(hook.url).pk]), follow=True)
    assert "There was no answer in time." in text_of(answer)


def test_a_target_is_switched_off_and_on(manager: Client, hook: Webhook) -> None:
    target = make_target(hook.url)
    url = reverse("alert_switch", args=[target.pk])
    for data, is_active in (({}, False), ({}, False), ({"on": "1"}, True)):
        text_of(manager.post(url, data, follow=True))
        target.refresh_from_db()
        assert target.is_active is is_active
    assert LogEntry.objects.count() == 2


def test_deleting_asks_first_and_gives_up_what_waits(manager: Client, hook: Webhook) -> None:
    target = make_target(hook.url)
    delivery = make_alert(target)
    url = reverse("alert_delete", args=[target.pk])
    assert "Delete “Head office”?" in text_of(manager.get(url))
    assert AlertTarget.objects.exists()
    assert "“Head office” has been deleted." in text_of(manager.post(url, follow=True))
    delivery.refresh_from_db()
    assert (delivery.status, delivery.target, delivery.target_name) == ("failed", None, "Head office")
    assert LogEntry.objects.get().action_flag == 3
    assert "Head office" in text_of(manager.get(URL))


def test_what_was_told_is_listed_as_text(manager: Client, hook: Webhook) -> None:
    target = make_target(hook.url)
    make_alert(target, status="sent", sent_at=NOW)
    make_alert(target, status="failed", error="It said <u>no</u>")
    text = text_of(manager.get(URL))
    assert "A has &lt;b&gt;trouble" in text
    assert "Cause: &lt;i&gt;x" in text
    assert "It said &lt;u&gt;no" in text
    assert "not sent" in text


@pytest.mark.parametrize("role", ["Viewer", "Operator"])
def test_who_may_only_look_sees_no_button(role: str, hook: Webhook) -> None:
    target = make_target(hook.url)
    client = signed_in(role)
    text = text_of(client.get(URL))
    assert "Head office" in text
    for word in ("Send a test", "Switch off", "Delete", "Tell somebody else"):
        assert word not in text
    assert client.post(URL, {"name": "x", "url": hook.url}).status_code == 403
    for name in ("alert_test", "alert_switch", "alert_delete"):
        assert client.post(reverse(name, args=[target.pk])).status_code == 403
    assert AlertTarget.objects.filter(is_active=True).count() == 1
    assert hook.messages == []


def test_the_page_opens_with_another_encryption_key(manager: Client, hook: Webhook, settings: Any) -> None:
    target = make_target(hook.url)
    settings.ENCRYPTION_KEYS = ["Q" * 43 + "="]
    assert "Head office" in text_of(manager.get(URL))
    answer = manager.post(reverse("alert_test", args=[target.pk]), follow=True)
    assert "The address cannot be read any more" in text_of(answer)
    manager.post(reverse("alert_delete", args=[target.pk]))
    assert not AlertTarget.objects.exists()


def test_an_empty_page_says_what_to_do(manager: Client) -> None:
    assert "Add a mailbox, a channel or a webhook below" in text_of(manager.get(URL))
    assert "A manager can add a mailbox" in text_of(signed_in("Viewer").get(URL))


def test_the_number_of_queries_does_not_grow(manager: Client, hook: Webhook) -> None:
    counts = []
    for count in (3, 20):
        for number in range(count):
            make_alert(make_target(hook.url, f"{count}-{number}"))
        with CaptureQueriesContext(connection) as queries:
            manager.get(URL)
        counts.append(len(queries))
    assert counts[0] == counts[1]
