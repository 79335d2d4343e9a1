"""Who stores contracts cannot send a key elsewhere that somebody else has entered."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from integration.contracts import store_contract
from integration.mock_shop import MockShop
from integration.models import Outlet, PushAttempt, PushHistory
from integration.push_service import PushService, ask_connection
from tests.conftest import KEY, acknowledged_state, make_outlet, stock

pytestmark = pytest.mark.django_db


@pytest.fixture
def branch(shop: MockShop) -> Outlet:
    """Its endpoint is localhost, so that 127.0.0.1 is another host."""
    outlet = make_outlet(
        "14", "pasons", api_endpoint=f"{shop.url}/stores/14/products".replace("127.0.0.1", "localhost")
    )
    enter_key(outlet)
    stock(outlet, 2)
    return outlet


def enter_key(outlet: Outlet) -> None:
    outlet.set_secret("api_key", KEY, timezone.now())
    outlet.save()


def lead_elsewhere(shop: MockShop, name: str = "url", **also: Any) -> None:
    elsewhere = shop.url.replace("http:", "https:") + "/{job_id}"
    changes = {"job": {"id": "job", "done": "done", "url": elsewhere}} if name == "job" else {name: elsewhere}
    store_contract("pasons", "", {**changes, **also}, timezone.now())


@pytest.mark.parametrize("way", [{"name": "url"}, {"name": "token_url", "auth": "oauth2"}])
def test_a_key_goes_to_no_host_that_a_later_contract_names(branch: Outlet, shop: MockShop, way: dict[str, str]) -> None:
    lead_elsewhere(shop, **way)
    assert PushService(branch).push()[0] is False
    attempt = PushAttempt.objects.get()
    assert (attempt.error_kind, shop.requests, acknowledged_state(branch)) == ("host_not_trusted", [], {})
    assert "127.0.0.1" in PushHistory.objects.get().error_details
    assert KEY not in attempt.request_excerpt


@pytest.mark.parametrize(
    "way", [{"name": "url"}, {"name": "connection_url"}, {"name": "token_url", "auth": "oauth2"}], ids=str
)
def test_neither_does_a_connection_test_send_it_there(branch: Outlet, shop: MockShop, way: dict[str, str]) -> None:
    lead_elsewhere(shop, **way)
    assert (ask_connection(branch).kind, shop.requests) == ("host_not_trusted", [])


def test_who_enters_the_key_again_lets_it_go_there(branch: Outlet, shop: MockShop) -> None:
    lead_elsewhere(shop)
    enter_key(branch)
    assert ask_connection(branch).kind == "tls"  # it was asked, and speaks no https


def test_another_port_is_another_host(branch: Outlet, shop: MockShop) -> None:
    store_contract("pasons", "", {"url": "https://localhost:9/x"}, timezone.now())
    assert (ask_connection(branch).kind, PushService(branch).push()[0]) == ("host_not_trusted", False)


def test_a_secret_that_was_entered_earlier_stays_here(branch: Outlet, shop: MockShop) -> None:
    branch.set_secret("api_secret", "its-secret", timezone.now() - timedelta(days=1))
    lead_elsewhere(shop)
    enter_key(branch)
    assert ask_connection(branch).kind == "host_not_trusted"


def test_a_key_of_unknown_age_goes_where_the_settings_lead_it(branch: Outlet, shop: MockShop, settings: Any) -> None:
    Outlet.objects.update(api_key_set_at=None)
    branch.refresh_from_db()
    settings.CONTRACTS = {"pasons": {"url": shop.url.replace("http:", "https:")}}
    assert ask_connection(branch).kind == "tls"
    lead_elsewhere(shop)
    assert ask_connection(branch).kind == "tls"
    settings.CONTRACTS = {}
    assert ask_connection(branch).kind == "host_not_trusted"


def test_a_contract_that_stays_at_the_endpoint_costs_no_query(
    branch: Outlet, django_assert_num_queries: Any, shop: MockShop
) -> None:
    store_contract("pasons", "", {"connection_url": "{api_endpoint}/status"}, timezone.now())
    with django_assert_num_queries(1):  # the contract
        assert ask_connection(branch).status_code == 404


def test_a_host_that_the_shop_names_gets_no_key(branch: Outlet, shop: MockShop) -> None:
    """The address to ask for a job is made of what the shop has answered."""
    job = {"id": "job", "done": "done", "url": "https://{job_id}/x"}
    store_contract("pasons", "", {"connection_url": "https://{job_id}/x", "job": job}, timezone.now())
    enter_key(branch)
    assert ask_connection(branch).kind != "ok"
