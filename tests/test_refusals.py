"""Requests and items that the shop refuses."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import ClassVar

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integration import health
from integration.changes import items_to_push
from integration.models import (
    EndpointHealth,
    Outlet,
    OutletProduct,
    PushAttempt,
    PushChunk,
    PushHistory,
    RejectedItem,
)
from integration.obstacles import CannotPush
from integration.platforms.base import Item, Outcome, SendResult
from integration.platforms.memory import Memory
from integration.push_service import PushService
from tests.conftest import acknowledged_state, dashboard_state, make_outlet, memory_state, set_price, stock

pytestmark = pytest.mark.django_db


class Strict(Memory):
    """A shop that refuses a whole request because of one item, and does not say which."""

    poison: ClassVar[set[str]] = set()
    status: ClassVar[int] = 400
    limit: ClassVar[int] = 10_000

    def send(self, items: Sequence[Item], request_key: str, revision: int = 0) -> SendResult:
        if len(items) > self.limit:
            return SendResult(Outcome.REFUSED, status_code=413, error_kind="http_413", message="too large")
        if any(item.sku in self.poison for item in items):
            kind = f"http_{self.status}"
            return SendResult(Outcome.REFUSED, status_code=self.status, error_kind=kind, message="bad request")
        return super().send(items, request_key, revision)


@pytest.fixture
def strict(settings: object) -> type[Strict]:
    settings.PLATFORMS = {"memory": "tests.test_refusals.Strict"}  # type: ignore[attr-defined]
    Strict.poison, Strict.status, Strict.limit = set(), 400, 10_000
    return Strict


def push(outlet: Outlet, push_type: str = "partial") -> dict[str, object]:
    return PushService(outlet).push(push_type=push_type)[1]


def test_one_bad_item_never_holds_back_the_other_499(outlet: Outlet, strict: type[Strict]) -> None:
    skus = stock(outlet, 500)
    strict.poison = {skus[123]}
    result = push(outlet)
    assert (result["status"], result["accepted_count"], result["rejected_count"]) == ("partial", 499, 1)
    assert dashboard_state(outlet).keys() - memory_state().keys() == {skus[123]}
    assert RejectedItem.objects.get().outlet_product.product.sku == skus[123]
    assert PushHistory.objects.get().split_count == 9
    assert PushAttempt.objects.count() == 19


def test_a_request_that_is_too_large_is_halved(outlet: Outlet, strict: type[Strict]) -> None:
    stock(outlet, 500)
    strict.limit = 200
    assert push(outlet)["status"] == "success"
    assert sorted(PushChunk.objects.values_list("status", "item_count")) == [
        *[("done", 125)] * 4,
        *[("split", 250)] * 2,
        ("split", 500),
    ]


def test_the_requests_that_splitting_costs_are_bounded(outlet: Outlet, strict: type[Strict]) -> None:
    strict.poison = set(stock(outlet, 500)[:-1])
    assert push(outlet)["accepted_count"] == 0
    strict.poison = set(sorted(strict.poison)[1::2])
    push(outlet)
    assert PushHistory.objects.first().split_count == 50  # type: ignore[union-attr]
    assert PushAttempt.objects.filter(chunk__push=PushHistory.objects.first()).count() == 101


@pytest.mark.parametrize("status", [404, 405, 301])
def test_an_address_that_is_wrong_is_not_asked_in_halves(outlet: Outlet, strict: type[Strict], status: int) -> None:
    strict.poison, strict.status = set(stock(outlet, 500)), status
    assert push(outlet)["status"] == "failed"
    assert (PushAttempt.objects.count(), RejectedItem.objects.count()) == (1, 0)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(count=st.integers(1, 60), poison=st.sets(st.integers(0, 59), max_size=4))
def test_exactly_the_bad_items_stand_alone(strict: type[Strict], count: int, poison: set[int]) -> None:
    PushHistory.objects.all().delete()
    Outlet.objects.all().delete()
    Memory.reset()
    outlet = make_outlet()
    skus = stock(outlet, count)
    strict.poison = {skus[number] for number in poison if number < count}
    push(outlet)
    assert set(RejectedItem.objects.values_list("outlet_product__product__sku", flat=True)) == strict.poison
    assert memory_state().keys() == set(skus) - strict.poison
    assert acknowledged_state(outlet) == memory_state()


# --- a shop that refuses everything for a while ----------------------------------------------------------


def test_a_shop_that_refuses_everything_gets_few_requests(outlet: Outlet, strict: type[Strict]) -> None:
    strict.poison = set(stock(outlet, 500))
    assert push(outlet)["status"] == "failed"
    assert (PushHistory.objects.get().split_count, PushAttempt.objects.count()) == (10, 21)
    assert not memory_state()


def test_an_outage_of_refusals_puts_no_good_item_into_quarantine(
    outlet: Outlet, strict: type[Strict], quick: Callable[..., None]
) -> None:
    quick(breaker_failures=100)
    strict.poison = set(stock(outlet, 500))
    for _ in range(5):
        push(outlet)
    assert RejectedItem.objects.exists()
    assert not RejectedItem.objects.filter(quarantined_at__isnull=False).exists()
    strict.poison = set()
    assert push(outlet)["status"] == "success"
    assert memory_state() == dashboard_state(outlet) == acknowledged_state(outlet)


def test_a_bad_item_counts_while_the_shop_takes_others(outlet: Outlet, strict: type[Strict]) -> None:
    """The first refusal of the first item comes before the shop has taken any other: it is the second that counts."""
    bad, *_ = stock(outlet, 5)
    strict.poison = {bad}
    counts = []
    for _ in range(4):
        push(outlet)
        counts.append(RejectedItem.objects.get().identical_count)
    assert counts == [0, 1, 2, 3]
    assert RejectedItem.objects.get().quarantined_at is not None
    assert push(outlet)["status"] == "nothing to push"


def test_an_item_that_is_known_to_be_bad_is_no_failure_of_the_endpoint(outlet: Outlet, strict: type[Strict]) -> None:
    *_, bad = stock(outlet, 5)
    strict.poison = {bad}
    push(outlet)
    push(outlet)
    assert not EndpointHealth.objects.filter(failure_count__gt=0).exists()


def test_pushes_that_are_refused_whole_open_the_breaker(
    outlet: Outlet, strict: type[Strict], quick: Callable[..., None]
) -> None:
    quick(breaker_failures=3)
    strict.poison = set(stock(outlet, 10))
    assert [push(outlet)["status"] for _ in range(3)] == ["failed"] * 3
    with pytest.raises(CannotPush, match=r"left alone until .* \(every request was refused"):
        push(outlet)


def test_half_open_a_bad_item_does_not_keep_the_others_back(outlet: Outlet, strict: type[Strict]) -> None:
    bad, *_ = stock(outlet, 5)
    strict.poison = {bad}
    health.note_failure(outlet.pk, "down", timezone.now() - timedelta(hours=1), limit=1, first=1, chance=0)
    assert push(outlet)["accepted_count"] == 4
    assert EndpointHealth.objects.get().open_until is None


# --- quarantine -----------------------------------------------------------------------------------------


def refuse(outlet: Outlet, times: int, reason: str = "unknown product") -> None:
    for _ in range(times):
        Memory.refused = {"s00000": reason}
        push(outlet)


def waiting(outlet: Outlet, push_type: str = "partial") -> int:
    return items_to_push(outlet.pk, push_type, timezone.now() + timedelta(hours=1)).count()


def test_an_item_is_sent_again_until_it_was_refused_three_times_for_the_same_reason(outlet: Outlet) -> None:
    stock(outlet, 1)
    refuse(outlet, 2)
    assert waiting(outlet) == 1
    refuse(outlet, 1)
    assert (waiting(outlet), waiting(outlet, "full")) == (0, 0)
    assert OutletProduct.objects.get().differs
    assert RejectedItem.objects.get().quarantined_at is not None
    assert push(outlet)["status"] == "nothing to push"


def test_another_reason_starts_the_count_anew(outlet: Outlet) -> None:
    stock(outlet, 1)
    refuse(outlet, 2)
    refuse(outlet, 2, "price too high")
    assert RejectedItem.objects.values_list("rejection_count", "identical_count").get() == (4, 2)
    assert waiting(outlet) == 1


def test_a_reason_that_differs_in_a_number_only_is_the_same(outlet: Outlet) -> None:
    stock(outlet, 1)
    for number in range(3):
        refuse(outlet, 1, f"unknown product (request 7f3a-{number}, 2026-03-01T09:0{number}:00Z)")
    assert RejectedItem.objects.get().quarantined_at is not None


def test_another_value_ends_the_quarantine(outlet: Outlet) -> None:
    stock(outlet, 1)
    refuse(outlet, 3)
    set_price(outlet, "s00000", "11")
    assert waiting(outlet) == 1
    Memory.refused = {}
    push(outlet)
    assert memory_state() == {"s00000": ("11.00", 1)}
    assert not RejectedItem.objects.exists()


def test_naming_an_item_releases_it(outlet: Outlet) -> None:
    stock(outlet, 1)
    refuse(outlet, 3)
    Memory.refused = {}
    assert PushService(outlet).push(["s00000"])[0]
    assert memory_state() == dashboard_state(outlet)


def test_a_request_of_too_many_bytes_is_halved_as_often_as_it_takes(pasons_outlet: Outlet, settings: object) -> None:
    settings.CONTRACTS = {"pasons": {"max_bytes": 1000, "split_limit": 1}}  # type: ignore[attr-defined]
    stock(pasons_outlet, 300)
    assert push(pasons_outlet)["status"] == "success"
    assert PushHistory.objects.get().split_count == 0


def test_tries_of_one_push_are_one_refusal(outlet: Outlet, quick: Callable[..., None]) -> None:
    quick(backoff_seconds=0.001)
    stock(outlet, 2)
    broken = SendResult(Outcome.BROKEN, rejected={"s00000": "no"}, unknown=frozenset({"s00001"}), error_kind="unlisted")
    Memory.script += [broken] * 3
    push(outlet)
    assert RejectedItem.objects.get().identical_count == 1


def test_what_several_tries_brought_is_counted_together(outlet: Outlet, quick: Callable[..., None]) -> None:
    quick(backoff_seconds=0.001)
    stock(outlet, 2)
    half = SendResult(
        Outcome.BROKEN, accepted=frozenset({"s00000"}), unknown=frozenset({"s00001"}), error_kind="unlisted"
    )
    Memory.script.append(half)
    result = push(outlet)
    assert (result["status"], result["accepted_count"], result["item_count"]) == ("success", 2, 2)
