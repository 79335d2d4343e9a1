"""Whole pushes to strict shops: whatever a shop's API looks like, its contract alone brings the items there."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from django.utils import timezone

from integration.contracts import contract_of, store_contract
from integration.models import AccessToken, Outlet, OutletProduct, PushAttempt, PushHistory, RejectedItem
from integration.push_service import PushService
from integration.strict_shops import SHOPS
from integration.strict_shops.base import StrictShop
from integration.strict_shops.wire import Answer, Refusal, Request
from tests.conftest import acknowledged_state, dashboard_state, make_outlet, set_price, stock
from tests.platforms.example_contracts import EXAMPLES

pytestmark = pytest.mark.django_db
STORE = "7"
# Times that a test can wait for, and no pace: that one is tested with the limits.
QUICK = {
    "backoff_seconds": 0.001,
    "processing_seconds": 0.2,
    "breaker_failures": 100,
    "token_requests_per_minute": 6000,
}
NO_PACE = dict.fromkeys(("requests_per_minute", "items_per_minute", "items_per_window"))
QUICK_JOB = {"every_seconds": 0.05, "deadline_seconds": 2}


class Spoken(NamedTuple):
    """A shop, an outlet that it belongs to, and what its contract is."""

    shop: StrictShop
    outlet: Outlet
    has_jobs: bool

    def push(self, push_type: str = "partial") -> dict[str, Any]:
        return PushService(self.outlet).push(push_type=push_type)[1]

    def state(self) -> dict[str, tuple[str, int]]:
        return dict(self.shop.items[STORE])


CONTRACTS: dict[str, tuple[type[StrictShop], str, dict[str, Any]]] = {
    **{name: (shop, name, {}) for name, shop in SHOPS.items()},
    **{name: (shop, "", changes) for name, (shop, changes) in EXAMPLES.items()},
}


def speak(shop: StrictShop, preset: str, changes: dict[str, Any], **more: Any) -> Spoken:
    """An outlet of `pasons` that speaks this shop's contract, which somebody has stored."""
    store_contract("pasons", preset, changes | QUICK | NO_PACE | more, timezone.now())
    if has_jobs := contract_of("pasons").job is not None:
        job = {**changes.get("job", {}), **QUICK_JOB}
        store_contract("pasons", preset, changes | QUICK | NO_PACE | {"job": job} | more, timezone.now())
    outlet = make_outlet(STORE, "pasons", api_endpoint=shop.endpoint(STORE), api_key="key", api_secret="secret")
    return Spoken(shop, outlet, has_jobs)


@pytest.fixture(params=CONTRACTS)
def spoken(request: pytest.FixtureRequest, db: None) -> Iterator[Spoken]:
    shop_class, preset, changes = CONTRACTS[request.param]
    with shop_class() as shop:
        yield speak(shop, preset, changes)


def test_a_full_push_and_then_what_changed(spoken: Spoken) -> None:
    skus = stock(spoken.outlet, 12)
    OutletProduct.objects.filter(product__sku=skus[1]).update(stock_status=0)
    assert spoken.push("full")["status"] == "success"
    assert spoken.state() == dashboard_state(spoken.outlet) == acknowledged_state(spoken.outlet)
    set_price(spoken.outlet, skus[3], "12.05")
    before = len(spoken.shop.requests)
    result = spoken.push()
    assert (result["status"], result["item_count"], result["accepted_count"]) == ("success", 1, 1)
    assert spoken.state() == dashboard_state(spoken.outlet)
    assert sum(request["item_count"] for request in spoken.shop.requests[before:]) == len(contract_of("pasons").steps)


def test_one_refused_item_holds_back_no_other(spoken: Spoken) -> None:
    skus = stock(spoken.outlet, 9)
    spoken.shop.refused[skus[4]] = "unknown product"
    result = spoken.push()
    assert (result["status"], result["accepted_count"], result["rejected_count"]) == ("partial", 8, 1)
    assert dashboard_state(spoken.outlet).keys() - spoken.state().keys() == {skus[4]}
    assert acknowledged_state(spoken.outlet) == spoken.state()
    rejected = RejectedItem.objects.get()
    assert rejected.outlet_product.product.sku == skus[4]
    assert "unknown product" in rejected.reason or "not found" in rejected.reason


def test_a_shop_that_throttles_gets_it_later(spoken: Spoken) -> None:
    stock(spoken.outlet, 3)
    spoken.shop.throttle(1, "0.2")
    assert spoken.push()["status"] == "success"
    assert PushAttempt.objects.filter(error_kind="http_429").count() == 1
    assert spoken.state() == dashboard_state(spoken.outlet)


def test_wrong_credentials_stop_the_push(spoken: Spoken) -> None:
    Outlet.objects.update(api_key="", api_secret="")
    outlet = Outlet.objects.get()
    outlet.api_key, outlet.api_secret = "wrong", "wrong"
    outlet.save()
    stock(outlet, 3)
    result = PushService(outlet).push()[1]
    assert (result["status"], spoken.state()) == ("failed", {})
    assert PushAttempt.objects.count() == 1
    assert result["error_details"].startswith(("credentials refused", "no access token"))


JOBS = [
    name for name, (_, preset, changes) in CONTRACTS.items() if "job" in changes or preset in ("pasons-bulk", "talabat")
]


@pytest.mark.parametrize("spoken", JOBS, indirect=True)
def test_a_job_that_fails_is_sent_again(spoken: Spoken) -> None:
    stock(spoken.outlet, 3)
    spoken.shop.job_outcome = "fail"
    result = spoken.push()
    assert (result["status"], result["accepted_count"], spoken.state()) == ("failed", 0, {})
    assert PushAttempt.objects.filter(error_kind="job_failed").count() == 3
    assert not acknowledged_state(spoken.outlet)
    spoken.shop.job_outcome = "complete"
    assert spoken.push()["status"] == "success"
    assert spoken.state() == dashboard_state(spoken.outlet)


@pytest.mark.parametrize("spoken", JOBS, indirect=True)
def test_a_job_that_never_ends_is_given_up_and_its_items_are_sent_again(spoken: Spoken) -> None:
    stock(spoken.outlet, 3)
    spoken.shop.job_outcome = "never"
    result = spoken.push()
    assert (result["status"], result["accepted_count"]) == ("failed", 0)
    assert "did not end its job within" in result["error_details"]
    assert OutletProduct.objects.filter(confirm_at__isnull=False).count() == 3
    assert PushAttempt.objects.count() == 1
    spoken.shop.job_outcome = "complete"
    assert spoken.push()["status"] == "success"
    assert spoken.state() == dashboard_state(spoken.outlet) == acknowledged_state(spoken.outlet)


TOKENS = [
    "pasons-bulk",
    "talabat",
    *(name for name, (_, changes) in EXAMPLES.items() if changes.get("auth") == "oauth2"),
]


@pytest.mark.parametrize("spoken", TOKENS, indirect=True)
def test_an_expired_token_is_renewed_once(spoken: Spoken) -> None:
    skus = stock(spoken.outlet, 3)
    spoken.push()
    spoken.shop.expire_tokens()
    set_price(spoken.outlet, skus[0], "99")
    assert spoken.push()["status"] == "success"
    assert spoken.state() == dashboard_state(spoken.outlet)
    assert (spoken.shop.token_requests, AccessToken.objects.count()) == (2, 1)
    assert PushHistory.objects.count() == 2


@pytest.mark.parametrize("spoken", ["pasons-bulk"], indirect=True)
def test_what_a_job_refuses_later_is_rejected_too(spoken: Spoken) -> None:
    skus = stock(spoken.outlet, 250)
    spoken.shop.refused = {skus[0]: "at once"}
    spoken.shop.refused_later = dict.fromkeys(skus[1:131], "later")  # type: ignore[attr-defined]
    result = spoken.push()
    assert (result["accepted_count"], result["rejected_count"]) == (119, 131)
    assert RejectedItem.objects.filter(reason="later").count() == 130
    assert RejectedItem.objects.get(reason="at once").rejection_count == 1


def test_switching_a_live_outlet_needs_no_restart_and_no_code(db: None, shop: Any) -> None:
    """From the planned array to the bulk update: the next push speaks the new one."""
    outlet = make_outlet(STORE, "pasons", api_endpoint=f"{shop.url}/stores/7/products", api_key="correct-key")
    skus = stock(outlet, 3)
    assert PushService(outlet).push()[0]
    with SHOPS["pasons-bulk"]() as bulk:
        outlet.api_endpoint, outlet.api_key, outlet.api_secret = bulk.endpoint(STORE), "key", "secret"
        outlet.save()
        store_contract("pasons", "pasons-bulk", {"job": QUICK_JOB} | NO_PACE, timezone.now())
        set_price(outlet, skus[0], "11")
        assert PushService(outlet).push([])[0]
        assert PushService(outlet).push(push_type="full")[0]
        assert dict(bulk.items[STORE]) == dashboard_state(outlet)


@pytest.mark.parametrize("spoken", ["deliveroo"], indirect=True)
def test_what_only_the_first_of_two_calls_has_brought_into_the_shop_is_not_forgotten(spoken: Spoken) -> None:
    """The second call fails for good, and the old value comes back: nothing differs, but the shop has the new price."""
    skus = stock(spoken.outlet, 3)
    spoken.push()
    set_price(spoken.outlet, skus[0], "77")
    take = spoken.shop.take
    spoken.shop.take = lambda request, content: (
        no(request) if "availability" in request.path else take(request, content)
    )  # type: ignore[method-assign]
    assert spoken.push()["status"] == "failed"
    set_price(spoken.outlet, skus[0], "10.00")
    spoken.shop.take = take  # type: ignore[method-assign]
    assert OutletProduct.objects.filter(confirm_at__isnull=False, differs=False).count() == 1
    OutletProduct.objects.filter(confirm_at__isnull=False).update(confirm_at=timezone.now())
    assert spoken.push()["status"] == "success"
    assert spoken.state() == dashboard_state(spoken.outlet)


def no(request: Request) -> Answer:
    raise Refusal(409, "closed for today")
