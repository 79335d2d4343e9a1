"""Every address, for everybody: who gets in, who is told no, and who is asked to sign in first."""

from typing import Any

import pytest
from django.test import Client
from django.urls import get_resolver, reverse

from integration.models import ApiToken, Outlet, PushHistory
from tests.pages.addresses import make_addresses, patterns
from tests.people import ROLES, restore_migrated_rows, signed_in

pytestmark = pytest.mark.django_db

EVERYBODY = {"nobody", "Viewer", "Operator", "Manager"}
VIEWERS = {"Viewer", "Operator", "Manager"}
OPERATORS = {"Operator", "Manager"}
MANAGERS = {"Manager"}

# Of each address: who may look (GET), and who may do what it does (POST); None: there is no such request.
ACCESS: dict[str, tuple[set[str] | None, set[str] | None]] = {
    "outlets": (VIEWERS, None),
    "outlets_act": (None, VIEWERS),  # each of its actions asks for its own right
    "outlet_add": (MANAGERS, MANAGERS),
    "push_start": (OPERATORS, OPERATORS),
    "shop_integration": (EVERYBODY, EVERYBODY),  # it only leads on
    "export_feed": (VIEWERS, None),
    "export_feed_download": (VIEWERS, None),
    "product_update": (VIEWERS, OPERATORS),
    "update_list": (VIEWERS, None),
    "upload": (VIEWERS, None),
    "upload_apply": (None, OPERATORS),
    "upload_discard": (None, OPERATORS),
    "upload_undo": (None, OPERATORS),
    "upload_bad_rows": (VIEWERS, None),
    "api_settings": (VIEWERS, MANAGERS),
    "api_settings_test": (MANAGERS, MANAGERS),
    "contract": (VIEWERS, MANAGERS),
    "contract_preview": (MANAGERS, MANAGERS),
    "contract_version": (VIEWERS, None),
    "contract_restore": (MANAGERS, MANAGERS),
    "push_list": (VIEWERS, None),
    "comparisons": (VIEWERS, None),
    "comparisons_outlet": (VIEWERS, OPERATORS),
    "comparison": (VIEWERS, None),
    "comparison_send": (None, OPERATORS),
    "comparison_download": (VIEWERS, None),
    "tokens": (MANAGERS, MANAGERS),
    "token_revoke": (MANAGERS, MANAGERS),
    "push": (VIEWERS, None),
    "push_cancel": (OPERATORS, OPERATORS),
    "push_release": (OPERATORS, OPERATORS),
    "push_discard": (OPERATORS, OPERATORS),
    "push_moves": (VIEWERS, None),
    "push_shop_values": (VIEWERS, None),
    "push_again": (None, OPERATORS),
    "push_rejected": (VIEWERS, None),
    "attempt": (VIEWERS, None),
    "products": (VIEWERS, None),
    "product": (VIEWERS, None),
    "product_change": (None, OPERATORS),
    "product_send": (None, OPERATORS),
    "rejected_items": (VIEWERS, None),
    "rejected_items_release": (None, OPERATORS),
    "rejected_items_download": (VIEWERS, None),
    "schedule": (VIEWERS, None),
    "schedule_change": (None, MANAGERS),
    "schedule_switch_on": (None, MANAGERS),
    "schedule_pause": (MANAGERS, MANAGERS),
    "schedule_resume": (MANAGERS, MANAGERS),
    "alerts": (VIEWERS, MANAGERS),
    "alert_test": (None, MANAGERS),
    "alert_switch": (None, MANAGERS),
    "alert_delete": (MANAGERS, MANAGERS),
    "timeline": (VIEWERS, None),
    "save_outlet_api_settings": (None, MANAGERS),
    "test_api_connection": (None, MANAGERS),
    "push_to_ecommerce": (None, OPERATORS),
    "push_history": (VIEWERS, None),
    "product_update_api": (None, OPERATORS),
    "openapi": (EVERYBODY, None),
    "api_docs": (EVERYBODY, None),
    "metrics": (VIEWERS, None),
    "password": (EVERYBODY, EVERYBODY),
}
OPEN_TO_ALL = {"login", "logout", "set_language", "health_live", "health_ready"}
JSON = {
    "save_outlet_api_settings",
    "test_api_connection",
    "push_to_ecommerce",
    "push_history",
    "product_update_api",
    "openapi",
    "metrics",
}


@pytest.fixture(autouse=True)
def silence(monkeypatch: pytest.MonkeyPatch, db: None) -> None:
    restore_migrated_rows()
    monkeypatch.setattr("tasks.push.ring", lambda rings: None)
    monkeypatch.setattr("tasks.reconcile.ring", lambda ids: None)


@pytest.fixture
def addresses(outlet: Outlet) -> dict[str, str]:
    return make_addresses(outlet)


def test_every_address_is_in_the_table() -> None:
    assert {pattern.name for pattern in patterns(get_resolver())} == ACCESS.keys() | OPEN_TO_ALL


def ask(client: Client, method: str, name: str, url: str) -> Any:
    if method == "get":
        return client.get(url)
    return client.post(url, {}, content_type="application/json") if name in JSON else client.post(url, {})


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("method", ["get", "post"])
def test_who_gets_in(addresses: dict[str, str], role: str, method: str) -> None:
    client, wrong = signed_in(role), {}
    for name, access in ACCESS.items():
        allowed = access[method == "post"]
        status = ask(client, method, name, addresses[name]).status_code
        refusals = {403, 405} if allowed is None else ({403} if role not in allowed else set())
        if status >= 500 or (status not in refusals if refusals else status in (401, 403, 405)):
            wrong[name] = (status, refusals)
    assert wrong == {}


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_stranger_is_asked_to_sign_in_first(addresses: dict[str, str], client: Client, method: str) -> None:
    before = (PushHistory.objects.count(), Outlet.objects.count(), ApiToken.objects.filter(revoked_at=None).count())
    for name in ACCESS:
        answer = ask(client, method, name, addresses[name])
        if name in JSON:
            assert answer.status_code in (401, 405), name
        else:
            assert answer.headers.get("Location", "").startswith("/login/?next="), name
    after = (PushHistory.objects.count(), Outlet.objects.count(), ApiToken.objects.filter(revoked_at=None).count())
    assert after == before


def test_what_is_not_there_is_404(db: None) -> None:
    client = signed_in("Manager")
    for name, kwargs in (
        ("push_start", {"outlet_id": 10**9}),
        ("upload", {"upload_id": 10**9}),
        ("contract_version", {"version_id": 10**9}),
        ("push", {"push_id": 10**9}),
        ("product", {"product_id": 10**9}),
        ("push", {"push_id": 10**30}),
        ("comparison", {"reconciliation_id": 10**9}),
        ("comparisons_outlet", {"outlet_id": 10**9}),
    ):
        assert client.get(reverse(name, kwargs=kwargs)).status_code == 404, name


LISTS = (
    "outlets",
    "push_list",
    "comparisons",
    "comparison",
    "products",
    "rejected_items",
    "timeline",
    "product_update",
)


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize(
    "query", ["page=x", "page=0", "page=99999999999999999999", "outlet=x", "outlet=9" * 30, "q=%00"]
)
def test_a_list_bears_any_query(addresses: dict[str, str], name: str, query: str) -> None:
    assert signed_in("Manager").get(f"{addresses[name]}?{query}").status_code < 500
