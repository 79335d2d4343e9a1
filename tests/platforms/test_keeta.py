"""A platform that needs code: what a contract cannot say is one method, and the rest stays a contract."""

import hashlib
import hmac
import time
from collections.abc import Iterator
from typing import Any

import pytest

from integration.contracts import configured_contract
from integration.models import Outlet
from integration.platforms.contract import Contract, FieldMapping
from integration.platforms.http import HttpPlatform
from integration.push_service import PushService
from integration.strict_shops.base import StrictShop
from tests.conftest import dashboard_state, make_outlet, set_price, stock
from tests.platforms.example_shops import EXAMPLE_SHOPS

pytestmark = pytest.mark.django_db


class Keeta(HttpPlatform):
    """As Talabat, with a signature over the time and the body."""

    default_contract = Contract(
        auth_header="X-Key",
        method="PUT",
        url="{api_endpoint}/vendors/{store_id}/catalog",
        fields=FieldMapping(selling_price="price", stock_status="active"),
        stock_values=(False, True),
        items_key="products",
        errors="results",
        error_when="state != 'SUCCESS'",
        error_reason="join('; ', errors)",
        unlisted="unknown",
        backoff_seconds=0.001,
    )

    def signature(self, body: bytes) -> dict[str, str]:
        timestamp = str(int(time.time()))
        mac = hmac.new(self.endpoint.api_secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256)
        return {"X-Timestamp": timestamp, "X-Signature": mac.hexdigest()}


@pytest.fixture
def keeta() -> Iterator[StrictShop]:
    with EXAMPLE_SHOPS["keeta"]() as shop:
        yield shop


@pytest.fixture
def branch(keeta: StrictShop, settings: Any) -> Outlet:
    settings.PLATFORMS = {"keeta": "tests.platforms.test_keeta.Keeta"}
    return make_outlet("7", "keeta", api_endpoint=keeta.endpoint("7"), api_key="key", api_secret="secret")


def test_its_requests_are_signed(branch: Outlet, keeta: StrictShop) -> None:
    skus = stock(branch, 5)
    keeta.refused[skus[2]] = "unknown product"
    keeta.throttle(1, "0.1")
    result = PushService(branch).push()[1]
    assert (result["accepted_count"], result["rejected_count"]) == (4, 1)
    keeta.refused.clear()
    set_price(branch, skus[0], "12")
    assert PushService(branch).push()[0]
    assert keeta.items["7"] == dashboard_state(branch)


def test_a_wrong_secret_is_refused(branch: Outlet, keeta: StrictShop) -> None:
    branch.api_secret = "another"
    branch.save()
    stock(branch, 1)
    assert PushService(branch).push()[1]["error_details"].startswith("credentials refused")
    assert not PushService(branch).test_connection().ok
    assert "7" not in keeta.items


def test_it_can_be_tried_without_a_change(branch: Outlet, keeta: StrictShop) -> None:
    assert PushService(branch).test_connection().ok
    assert configured_contract("keeta").auth_header == "X-Key"
    assert not keeta.items
