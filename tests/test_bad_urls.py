"""A contract whose addresses cannot be asked says so, wherever somebody or something meets it."""

from collections.abc import Callable
from typing import Any

import pytest

from integration.contracts import store_contract
from integration.models import ContractVersion, Outlet, PushHistory
from integration.obstacles import CannotPush
from integration.platforms import InvalidContract, build_contract
from integration.platforms.presets import PRESETS
from integration.push_service import PushService
from tests.conftest import NOW, make_outlet, stock
from tests.people import restore_migrated_rows, signed_in

pytestmark = pytest.mark.django_db

BAD = {
    "no host": "https://",
    "open bracket": "https://[",
    "not an IPv6": "https://[::1/x",
    "long port": "https://shop.invalid:99999999/x",
    "letters for a port": "https://shop.invalid:abc/x",
    "a space in the host": "https://a b/x",
    "a control character": "{api_endpoint}\x01",
    "endless": "https://shop.invalid/" + "a" * 70_000,
    "a long label": "https://" + "a" * 300 + ".invalid/",
    "dots": "https://../x",
    "an empty label": "https://.invalid/x",
    "no IDNA": "https://xn--\xff.invalid/",
    "an odd letter": "https://\u2488.invalid/",
    "a user": "https://user:pass@/x",
}
FIELDS: dict[str, Callable[[str], dict[str, Any]]] = {
    "url": lambda bad: {"url": bad},
    "connection_url": lambda bad: {"connection_url": bad},
    "token_url": lambda bad: {"auth": "oauth2", "token_url": bad},
    "job.url": lambda bad: {"outcome": "job", "job": {"id": "id", "done": "done", "url": bad + "/{job_id}"}},
}


@pytest.fixture(autouse=True)
def ground(db: None, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    restore_migrated_rows()
    monkeypatch.setattr("tasks.push.ring", lambda rings: None)
    settings.CONTRACTS = {"pasons": {"attempts": 1, "backoff_seconds": 0.01}}


@pytest.fixture
def branch() -> Outlet:
    outlet = make_outlet("14", "pasons", api_endpoint="http://127.0.0.1:9", api_key="key", api_secret="secret")
    stock(outlet, 2)
    return outlet


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
@pytest.mark.parametrize("field", FIELDS)
def test_a_contract_with_such_an_address_is_not_stored(field: str, bad: str) -> None:
    with pytest.raises(InvalidContract, match="no address that can be asked"):
        store_contract("pasons", "", FIELDS[field](bad), NOW)
    assert not ContractVersion.objects.exists()


@pytest.mark.parametrize(
    "good", ["https://[::1]:8443/{store_id}", "https://läden.example/", "https://a_b.example/1?x=2"]
)
def test_an_odd_address_that_can_be_asked_is_let_pass(good: str) -> None:
    assert build_contract("pasons", "", {"url": good}).url == good


@pytest.mark.parametrize("field", FIELDS)
def test_one_that_an_earlier_release_has_stored_is_one_clear_error_everywhere(branch: Outlet, field: str) -> None:
    ContractVersion.objects.create(
        platform="pasons", number=1, changes=FIELDS[field]("https://shop.invalid:abc/"), created_at=NOW
    )
    client, query = signed_in("Manager"), f"?outlet={branch.pk}"
    typed = {"api_endpoint": branch.api_endpoint, "push_enabled": "on"}
    tested = client.post(f"/shop-integration/api-settings/test/{query}", typed).content.decode()
    assert "The contract of this platform cannot be used" in tested
    answer = client.post("/api/test-api-connection/", {"outlet": branch.pk}, content_type="application/json")
    assert answer.status_code == 400
    assert "no address that can be asked" in answer.json()["errors"]["__all__"][0]
    for url in (f"/shop-integration/api-settings/{query}", "/shop-integration/contract/?platform=pasons", "/"):
        assert client.get(url).status_code == 200
    with pytest.raises(CannotPush, match="no address that can be asked"):
        PushService(branch).push()
    assert not PushHistory.objects.exists()


@pytest.mark.parametrize("changes", [{}, {"auth": "oauth2", "token_url": "{api_endpoint}/token"}])
def test_an_outlet_s_own_address_that_no_form_would_take(branch: Outlet, changes: dict[str, Any]) -> None:
    store_contract("pasons", "", {**changes, "attempts": 1}, NOW)
    Outlet.objects.update(api_endpoint="https://shop.invalid:abc/x")
    branch.refresh_from_db()
    result = PushService(branch).test_connection()
    assert (result.ok, result.kind) == (False, "bad_url")
    is_well, facts = PushService(branch).push()
    assert (is_well, facts["status"]) == (False, "failed")
    assert "Invalid port: 'abc'" in facts["error_details"]
    data = {"outlet": branch.pk}
    answer = signed_in("Manager").post("/api/test-api-connection/", data, content_type="application/json")
    assert (answer.status_code, answer.json()["kind"]) == (200, "bad_url")


def test_every_preset_s_addresses_can_be_asked() -> None:
    for name in PRESETS:
        assert build_contract("pasons", name, {}).url
