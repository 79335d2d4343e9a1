"""What every adapter must do, whatever it speaks. A new platform is added to ADAPTERS, and nothing else."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, NamedTuple

import pytest

from integration.mock_shop import MockShop
from integration.platforms import adapter_class, load
from integration.platforms.base import Endpoint, Item, Outcome, Platform, skus
from integration.platforms.memory import Memory
from tests.conftest import KEY, memory_state

State = dict[str, tuple[str, int]]


class Shop(NamedTuple):
    adapter: Platform
    state: Callable[[], State]
    refuse: Callable[[str], Any]


def memory_shop() -> Iterator[Shop]:
    adapter = load("memory", Endpoint("", "007"))
    yield Shop(adapter, memory_state, lambda sku: Memory.refused.update({sku: "unknown product"}))


def http_shop(platform: str) -> Iterator[Shop]:
    with MockShop(key=KEY) as server:
        adapter = load(platform, Endpoint(f"{server.url}/stores/007/products", "007", KEY, allow_private=True))
        yield Shop(
            adapter, lambda: server.shelf.get("007"), lambda sku: server.misbehave(mode="reject", skus=[sku], times=1)
        )


ADAPTERS: dict[str, Callable[[], Iterator[Shop]]] = {
    "memory": memory_shop,
    "pasons": lambda: http_shop("pasons"),
}


@pytest.fixture(params=ADAPTERS)
def conforming(request: pytest.FixtureRequest) -> Iterator[Shop]:
    yield from ADAPTERS[request.param]()


def item(sku: str, price: str = "13.99", stock: int = 1) -> Item:
    return Item(1, 1, sku, Decimal(price), stock)


def test_every_configured_platform_is_tried(settings: Any) -> None:
    assert ADAPTERS.keys() == settings.PLATFORMS.keys()


@pytest.mark.parametrize("name", ADAPTERS)
def test_a_platform_has_a_contract_of_its_own(name: str) -> None:
    contract = adapter_class(name).default_contract
    assert 1 <= contract.batch_size <= 10_000
    assert 0 < contract.timeout_seconds <= 120


def test_what_is_accepted_is_there(conforming: Shop) -> None:
    items = [item("0012"), item("x y/ä", "0.01", 0), item("9" * 64, "99999999.99")]
    result = conforming.adapter.send(items, "key")
    assert (result.outcome, result.accepted, result.rejected) == (Outcome.DONE, skus(items), {})
    assert conforming.state() == {i.sku: (f"{i.selling_price:.2f}", i.stock_status) for i in items}


def test_what_is_refused_is_named_with_its_reason_and_holds_back_no_other(conforming: Shop) -> None:
    conforming.refuse("bad")
    result = conforming.adapter.send([item("good"), item("bad")], "key")
    assert (result.outcome, result.accepted) == (Outcome.DONE, {"good"})
    assert result.rejected == {"bad": "unknown product"}
    assert list(conforming.state()) == ["good"]


def test_where_all_are_refused_nothing_is_accepted(conforming: Shop) -> None:
    conforming.refuse("bad")
    result = conforming.adapter.send([item("bad")], "key")
    assert (result.outcome, result.accepted, list(result.rejected)) == (Outcome.DONE, frozenset(), ["bad"])


def test_each_item_has_exactly_one_answer(conforming: Shop) -> None:
    conforming.refuse("b")
    items = [item(sku) for sku in "abc"]
    result = conforming.adapter.send(items, "key")
    answers = [*result.accepted, *result.rejected, *result.unknown]
    assert sorted(answers) == ["a", "b", "c"]


def test_the_last_value_of_an_item_wins(conforming: Shop) -> None:
    conforming.adapter.send([item("a", "1.00")], "one")
    conforming.adapter.send([item("a", "2.00", 0)], "two")
    assert conforming.state() == {"a": ("2.00", 0)}


def test_a_connection_is_tested_without_a_change(conforming: Shop) -> None:
    result = conforming.adapter.test_connection()
    assert (result.ok, result.kind) == (True, "ok")
    assert conforming.state() == {}
