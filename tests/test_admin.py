"""The admin as its users see it."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from integration import audit, health
from integration.contracts import contract_of, store_contract
from integration.models import (
    ApiToken,
    ContractVersion,
    DailySum,
    Outlet,
    OutletProduct,
    PushHistory,
    RejectedItem,
    Rescue,
    make_token,
)
from integration.platforms.memory import Memory
from integration.push_service import PushService
from integration.revisions import revision_of
from tests.conftest import KEY, make_outlet, stock

pytestmark = pytest.mark.django_db
OUTLETS = reverse("admin:integration_outlet_changelist")


@pytest.fixture
def asha(client: Client) -> Client:
    """An administrator, signed in."""
    client.force_login(get_user_model().objects.create_superuser("asha"))
    return client


def page(outlet: Outlet) -> str:
    return reverse("admin:integration_outlet_change", args=[outlet.pk])


def form(outlet: Outlet, **changes: str) -> dict[str, str]:
    names = ("platform", "store_id", "name", "location", "api_endpoint")
    return {**{name: getattr(outlet, name) for name in names}, "push_enabled": "on", "is_active": "on", **changes}


def act(client: Client, action: str, *outlets: Outlet) -> str:
    data = {"action": action, "_selected_action": [outlet.pk for outlet in outlets]}
    return client.post(OUTLETS, data, follow=True).content.decode()


def test_a_stranger_sees_nothing(client: Client, outlet: Outlet) -> None:
    for url in (OUTLETS, page(outlet)):
        assert client.get(url).headers["Location"].startswith("/login/")
    assert client.post(OUTLETS, {"action": "push_changes", "_selected_action": [outlet.pk]}).status_code == 302
    assert not PushHistory.objects.exists()


def test_a_secret_is_never_shown(asha: Client) -> None:
    outlet = make_outlet(api_key=KEY, api_secret="second-secret")
    text = asha.get(page(outlet)).content.decode() + asha.get(OUTLETS).content.decode()
    assert "One is stored; leave this empty to keep it." in text
    assert KEY not in text
    assert "second-secret" not in text


def test_other_limits_have_held_pushes_judged_again(asha: Client, outlet: Outlet) -> None:
    asha.post(page(outlet), form(outlet, name="Another name"))
    assert revision_of(outlet.pk) == 0
    asha.post(page(outlet), form(outlet, name="Another name", guard_stock_percent="50"))
    outlet.refresh_from_db()
    assert (outlet.guard_stock_percent, revision_of(outlet.pk)) == (50, 1)


def test_a_secret_that_is_left_empty_is_kept(asha: Client) -> None:
    outlet = make_outlet(api_key=KEY)
    assert asha.post(page(outlet), form(outlet, name="New name")).status_code == 302
    stored = Outlet.objects.get()
    assert (stored.name, stored.api_key) == ("New name", KEY)


def test_a_key_does_not_go_to_another_platform_s_shop(asha: Client) -> None:
    outlet = make_outlet(api_key=KEY, api_endpoint="https://shop.example/14")
    text = asha.post(page(outlet), form(outlet, platform="pasons")).content.decode()
    assert "the stored one belongs to another host" in text
    assert Outlet.objects.get().platform == "memory"
    asha.post(page(outlet), form(outlet, platform="pasons", new_api_key="of the other shop"))
    assert Outlet.objects.values_list("platform", "api_key").get() == ("pasons", "of the other shop")


def test_a_secret_is_replaced_and_removed(asha: Client) -> None:
    outlet = make_outlet(api_key=KEY)
    asha.post(page(outlet), form(outlet, new_api_key="other", new_api_secret="pair"))
    assert Outlet.objects.values_list("api_key", "api_secret").get() == ("other", "pair")
    asha.post(page(outlet), form(outlet, forget_secrets="on"))
    assert Outlet.objects.values_list("api_key", "api_secret").get() == ("", "")


def test_the_pages_open_even_if_a_secret_cannot_be_decrypted(asha: Client, settings: Any) -> None:
    outlet = make_outlet(api_key=KEY)
    stock(outlet, 1)
    settings.ENCRYPTION_KEYS = ["x" * 43 + "="]
    assert asha.get(OUTLETS).status_code == asha.get(page(outlet)).status_code == 200
    asha.post(page(outlet), form(outlet, new_api_key="again", new_api_secret="again"))
    assert Outlet.objects.get().api_key == "again"


def test_a_push_is_started_by_hand_and_says_by_whom(asha: Client, outlet: Outlet) -> None:
    stock(outlet, 1)
    assert "has been started" in act(asha, "push_everything", outlet)
    push = PushHistory.objects.get()
    assert (push.push_type, push.trigger, str(push.created_by)) == ("full", "manual", "asha")
    assert "this one follows it" in act(asha, "push_changes", outlet)


def test_an_outlet_that_cannot_push_says_why(asha: Client, outlet: Outlet) -> None:
    off = make_outlet("8", push_enabled=False)
    text = act(asha, "push_changes", off, outlet)
    assert "pushing is switched off: set push_enabled" in text
    assert "nothing to push" in text


def test_whoever_may_only_look_cannot_push(client: Client, outlet: Outlet) -> None:
    user = get_user_model().objects.create_user("ben", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_outlet"))
    client.force_login(user)
    stock(outlet, 1)
    act(client, "push_everything", outlet)
    assert not PushHistory.objects.exists()


def test_history_can_be_read_and_not_changed(asha: Client, outlet: Outlet) -> None:
    stock(outlet, 1)
    PushService(outlet).push()
    push = PushHistory.objects.get()
    url = reverse("admin:integration_pushhistory_change", args=[push.pk])
    assert asha.get(reverse("admin:integration_pushhistory_changelist")).status_code == 200
    assert asha.get(url).status_code == 200
    assert asha.post(url, {"status": "failed"}).status_code == 403
    assert asha.post(reverse("admin:integration_pushhistory_delete", args=[push.pk])).status_code == 403


def test_every_list_opens(asha: Client, outlet: Outlet) -> None:
    stock(outlet, 1)
    PushService(outlet).push()
    health.note_failure(outlet.pk, "down", timezone.now(), limit=1, first=30, chance=0)
    Rescue.objects.create(date=timezone.now().date(), kind="unheard", count=2)
    DailySum.objects.create(outlet=outlet, date=timezone.now().date())
    for name in ("outletproduct", "pushattempt", "rejecteditem", "endpointhealth", "rescue", "dailysum"):
        assert asha.get(reverse(f"admin:integration_{name}_changelist")).status_code == 200


def test_what_a_shop_says_is_shown_as_text(asha: Client, outlet: Outlet) -> None:
    PushHistory.objects.create(
        outlet=outlet,
        platform="memory",
        push_type="full",
        trigger="manual",
        push_timestamp="2026-03-01T09:00Z",
        status="failed",
        error_details="<script>alert(1)</script>",
    )
    url = reverse("admin:integration_pushhistory_change", args=[PushHistory.objects.get().pk])
    assert "<script>alert(1)" not in asha.get(url).content.decode()


def test_an_open_push_is_cancelled_by_hand(asha: Client, outlet: Outlet) -> None:
    stock(outlet, 1)
    act(asha, "push_changes", outlet)
    push = PushHistory.objects.get()
    data = {"action": "cancel", "_selected_action": [push.pk]}
    text = asha.post(reverse("admin:integration_pushhistory_changelist"), data, follow=True).content.decode()
    push.refresh_from_db()
    assert (push.status, push.error_details) == ("cancelled", "cancelled by asha")
    assert "sends nothing more" in text


def test_an_item_is_released_from_quarantine_by_hand(asha: Client, outlet: Outlet) -> None:
    stock(outlet, 1)
    Memory.refused = {"s00000": "unknown product"}
    for _ in range(4):
        PushService(outlet).push()
    rejected = RejectedItem.objects.get()
    assert rejected.rejection_count == 3
    data = {"action": "release", "_selected_action": [rejected.pk]}
    asha.post(reverse("admin:integration_rejecteditem_changelist"), data)
    Memory.refused = {}
    assert PushService(outlet).push()[0]


def test_an_endpoint_in_a_private_network_is_refused_with_the_way_out(asha: Client) -> None:
    outlet = make_outlet(allow_private_address=False)
    data = form(outlet, api_endpoint="http://10.0.0.1/latest/")
    assert "not a public address" in asha.post(page(outlet), data).content.decode()
    assert Outlet.objects.get().api_endpoint == ""
    assert asha.post(page(outlet), {**data, "allow_private_address": "on"}).status_code == 302


def test_a_saved_change_ends_the_pause_of_an_endpoint(asha: Client, outlet: Outlet) -> None:
    health.note_failure(outlet.pk, "credentials refused", timezone.now(), limit=1, first=30, chance=0)
    asha.post(page(outlet), form(outlet, new_api_key="the right one"))
    assert health.enter(outlet.pk, timezone.now()) == 0


def test_a_price_changed_here_is_a_product_update(
    asha: Client, django_capture_on_commit_callbacks: Any, outlet: Outlet
) -> None:
    stock(outlet, 1)
    Outlet.objects.update(push_after_update=True)
    url = reverse("admin:integration_outletproduct_change", args=[OutletProduct.objects.get().pk])
    with django_capture_on_commit_callbacks(execute=True):
        asha.post(url, {"selling_price": "12.50", "stock_status": "0"})
    item = OutletProduct.objects.get()
    assert (str(item.selling_price), item.stock_status) == ("12.50", 0)
    assert PushHistory.objects.get().trigger == "product_update"


def test_a_price_that_is_none_is_refused_here_too(asha: Client, outlet: Outlet) -> None:
    stock(outlet, 1)
    url = reverse("admin:integration_outletproduct_change", args=[OutletProduct.objects.get().pk])
    text = asha.post(url, {"selling_price": "0", "stock_status": "5"}).content.decode()
    assert "errorlist" in text
    assert str(OutletProduct.objects.get().selling_price) == "10.00"


# --- contracts ------------------------------------------------------------------------------------------

ADD_CONTRACT = reverse("admin:integration_contractversion_add")


def test_a_contract_is_stored_as_the_next_version_under_one_s_name(asha: Client) -> None:
    for size in (200, 300):
        data = {"platform": "pasons", "preset": "", "changes": f'{{"batch_size": {size}}}', "note": "asked for"}
        assert asha.post(ADD_CONTRACT, data).status_code == 302
    kept = ContractVersion.objects.values_list("number", "changes", "created_by__username", "note")
    assert list(kept) == [(2, {"batch_size": 300}, "asha", "asked for"), (1, {"batch_size": 200}, "asha", "asked for")]
    assert contract_of("pasons").batch_size == 300


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ('{"batch_sise": 1}', "batch_sise: there is no such setting; batch_size is meant?"),
        ("[1]", "an object is needed"),
        ("{", "Enter a valid JSON."),
    ],
)
def test_a_contract_that_cannot_be_used_is_not_stored(asha: Client, changes: str, problem: str) -> None:
    answer = asha.post(ADD_CONTRACT, {"platform": "pasons", "preset": "", "changes": changes, "note": ""})
    assert problem in answer.content.decode()
    assert not ContractVersion.objects.exists()


def test_the_form_begins_with_what_holds(asha: Client) -> None:
    store_contract("pasons", "talabat", {"batch_size": 77}, timezone.now())
    text = asha.get(ADD_CONTRACT).content.decode()
    assert "&quot;batch_size&quot;: 77" in text
    assert '<option value="talabat" selected>' in text


def test_an_earlier_version_can_hold_again(asha: Client) -> None:
    first = store_contract("pasons", "", {"batch_size": 1}, timezone.now())
    store_contract("pasons", "", {"batch_size": 2}, timezone.now())
    data = {"action": "restore", "_selected_action": [first.pk]}
    text = asha.post(reverse("admin:integration_contractversion_changelist"), data, follow=True).content.decode()
    assert "asons, version 3 holds now" in text
    assert contract_of("pasons").batch_size == 1


def test_a_version_cannot_be_changed_or_deleted(asha: Client) -> None:
    version = store_contract("pasons", "", {"batch_size": 1}, timezone.now())
    url = reverse("admin:integration_contractversion_change", args=[version.pk])
    assert asha.post(url, {"changes": '{"batch_size": 9}'}).status_code == 403
    assert asha.post(url.replace("change", "delete"), {"post": "yes"}).status_code == 403
    assert contract_of("pasons").batch_size == 1


def test_who_may_change_outlets_may_not_change_contracts(client: Client) -> None:
    clerk = get_user_model().objects.create_user("ravi", is_staff=True)
    clerk.user_permissions.add(Permission.objects.get(codename="change_outlet"))
    client.force_login(clerk)
    assert client.get(ADD_CONTRACT).status_code == 403


# --- people ---------------------------------------------------------------------------------------------

PEOPLE = reverse("admin:auth_user_changelist")


@pytest.fixture
def omar(asha: Client) -> Any:
    """Somebody who has changed an outlet and made a token."""
    omar = get_user_model().objects.create_superuser("omar")
    audit.record(omar.pk, make_outlet(), {"name": "Old"}, {"name": "Marina Mall"}, timezone.now())
    make_token("till", omar.pk, omar.pk, timezone.now())
    return omar


def test_people_are_not_deleted(asha: Client, omar: Any) -> None:
    assert asha.post(reverse("admin:auth_user_delete", args=[omar.pk]), {"post": "yes"}).status_code == 403
    data = {"action": "delete_selected", "_selected_action": [omar.pk], "post": "yes"}
    asha.post(PEOPLE, data, follow=True)
    assert get_user_model().objects.filter(pk=omar.pk).exists()
    assert LogEntry.objects.get(user=omar).object_repr == str(Outlet.objects.get())
    assert ApiToken.objects.filter(user=omar).count() == 1
    text = (
        asha.get(PEOPLE).content.decode() + asha.get(reverse("admin:auth_user_change", args=[omar.pk])).content.decode()
    )
    assert "delete_selected" not in text
    assert reverse("admin:auth_user_delete", args=[omar.pk]) not in text
    assert "Untick this when somebody leaves" in text


def test_somebody_who_has_left_stays_in_the_timeline(asha: Client, omar: Any) -> None:
    joined = timezone.localtime(omar.date_joined)
    data = {
        "username": "omar",
        "date_joined_0": joined.strftime("%Y-%m-%d"),
        "date_joined_1": joined.strftime("%H:%M:%S"),
    }
    assert asha.post(reverse("admin:auth_user_change", args=[omar.pk]), data).status_code == 302
    omar.refresh_from_db()
    assert omar.is_active is False
    text = asha.get(reverse("timeline"), {"person": omar.pk}).content.decode()
    assert "omar" in text
    assert "Marina Mall" in text
