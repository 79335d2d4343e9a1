"""Who changed what: the entry that is written, and what is in none."""

import json
import time
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.contrib.auth import get_user_model

from integration import audit
from integration.models import Outlet
from tests.conftest import NOW, make_outlet

pytestmark = pytest.mark.django_db
LONG_KEY = "a-very-long-key-1234"


@pytest.fixture
def asha() -> int:
    return get_user_model().objects.create_user("asha").pk


def message() -> dict[str, Any]:
    (facts,) = json.loads(LogEntry.objects.get().change_message)
    return facts


def test_a_change_is_recorded_with_the_values_before_and_after(asha: int, outlet: Outlet) -> None:
    before = {"push_enabled": True, "location": ""}
    entry = audit.record(asha, outlet, before, {"push_enabled": False, "location": None}, NOW)
    assert entry is not None
    assert (entry.user_id, entry.object_id, entry.object_repr) == (asha, str(outlet.pk), "Branch 007 (memory 007)")
    assert (entry.action_flag, entry.action_time) == (CHANGE, NOW)
    assert message() == {
        "changed": {"fields": ["Push enabled"]},
        "values": {"push_enabled": [True, False]},
        "secrets": {},
    }
    assert LogEntry.objects.get().get_change_message() == "Changed Push enabled."


def test_what_has_not_changed_is_not_recorded(asha: int, outlet: Outlet) -> None:
    state = audit.outlet_state(outlet.pk)
    assert audit.record(asha, outlet, state, audit.outlet_state(outlet.pk), NOW) is None
    assert not LogEntry.objects.exists()


def test_what_is_new_and_what_is_gone(asha: int, outlet: Outlet) -> None:
    state = audit.outlet_state(outlet.pk)
    audit.record(asha, outlet, {}, state, NOW)
    audit.record(asha, outlet, state, {}, NOW)
    assert list(LogEntry.objects.order_by("pk").values_list("action_flag", flat=True)) == [ADDITION, DELETION]
    assert LogEntry.objects.earliest("pk").get_change_message() == "Added."


def test_of_a_secret_only_its_fate_is_written(asha: int, outlet: Outlet) -> None:
    fates = []
    for value, minutes in ((LONG_KEY, 0), ("another-long-key-5678", 1), ("", 2)):
        before = audit.outlet_state(outlet.pk)
        outlet.set_secret("api_key", value, NOW + timedelta(minutes=minutes))
        outlet.save()
        audit.record(asha, outlet, before, audit.outlet_state(outlet.pk), NOW)
        fates.append(message()["secrets"])
        assert message()["values"] == {}
        LogEntry.objects.all().delete()
    assert fates == [{"api_key": "set"}, {"api_key": "replaced"}, {"api_key": "removed"}]


def test_a_secret_that_is_handed_over_is_not_written_either(asha: int, outlet: Outlet) -> None:
    audit.record(asha, outlet, {"api_key": "old-key"}, {"api_key": LONG_KEY}, NOW)
    text = LogEntry.objects.get().change_message
    assert "old-key" not in text
    assert LONG_KEY not in text
    assert message()["secrets"] == {"api_key": "replaced"}


def test_a_key_that_was_stored_without_its_date_counts_as_stored() -> None:
    assert audit.outlet_state(make_outlet(api_key=LONG_KEY).pk)["api_key"] is True


def test_the_state_is_read_even_if_a_secret_cannot_be_decrypted(settings: Any) -> None:
    outlet = make_outlet(api_key=LONG_KEY)
    settings.ENCRYPTION_KEYS = ["x" * 43 + "="]
    assert audit.outlet_state(outlet.pk)["name"] == "Branch 007"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://shop.example/a", "https://shop.example/a"),
        ("https://ann:pw@shop.example:8/a?key=abc#part", "https://***@shop.example:8/a?***#***"),
        ("https://shop.example/a?abc", "https://shop.example/a?***"),
        ("https://[bad/a?key=abc", "***"),
        ("see https://ann:pw@shop.example/a?b and more", "see https://***@shop.example/a?*** and more"),
        ("no address", "no address"),
    ],
)
def test_what_may_be_secret_of_an_address_is_masked(address: str, shown: str) -> None:
    assert audit.mask_urls(address) == shown
    assert audit.shown({"urls": [address]}) == {"urls": [shown]}


@pytest.mark.parametrize("text", ["a" * 1_000_000, "a+" * 500_000, "://" * 300_000, "a://" * 250_000])
def test_a_megabyte_of_text_is_masked_in_no_time(text: str) -> None:
    begun = time.perf_counter()
    audit.mask_urls(f"{text} https://user:key@shop.example/x?key=1")
    assert time.perf_counter() - begun < 2


def test_a_scheme_that_no_address_has_hides_no_password() -> None:
    assert "key" not in audit.mask_urls("a" * 100 + "://user:key@shop.example/x")
