"""Who is signed out while a page is open, and who sends a page that is too old."""

import pytest
from django.test import Client
from django.urls import reverse

from integration.models import PushPause
from tests.people import restore_migrated_rows, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def people(db: None) -> None:
    restore_migrated_rows()


def test_after_a_form_one_comes_back_to_the_page_it_stood_on(client: Client) -> None:
    answer = client.post(reverse("outlets_act"), headers={"Referer": "http://testserver/?state=trouble"})
    assert answer.headers["Location"] == "/login/?next=/%3Fstate%3Dtrouble"


@pytest.mark.parametrize("referer", ["", "https://elsewhere.example/", "http://[", "http://testserver.example/a"])
def test_another_site_s_page_is_none_to_come_back_to(client: Client, referer: str) -> None:
    answer = client.post(reverse("schedule_pause"), headers={"Referer": referer})
    assert answer.headers["Location"] == "/login/?next=/schedule/pause/"


def test_a_page_that_is_too_old_says_so_in_the_dashboard_s_own_words() -> None:
    client = signed_in("Manager")
    client.handler.enforce_csrf_checks = True
    answer = client.post(reverse("schedule_pause"), {"reason": "moving"})
    assert answer.status_code == 403
    text = answer.content.decode()
    assert "This page is too old" in text
    assert reverse("outlets") in text
    assert "<style" not in text
    assert not PushPause.objects.exists()
