"""What every adapter must do, whatever it speaks. A new platform is added to ADAPTERS, and nothing else."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, NamedTuple

import pytest

from integration.contracts import configured_contract
from integration.mock_shop import MockShop
from integration.platforms import load, platform_names
from integration.platforms.base import Endpoint, Item, Outcome, Platform, SendResult, ShopPage, skus
from integration.platforms.contract import ReadBack
from integration.platforms.memory import Memory
from integration.platforms.oauth import fetch_token
from integration.strict_shops import SHOPS
from tests.conftest import KEY, memory_state

State = dict[str, tuple[str, int]]


class Shop(NamedTuple):
    adapter: Platform
    state: Callable[[], State]
    refuse: Callable[[str], Any]

    def send(self, items: list[Item], key: str = "key") -> SendResult:
        """What the shop says in the end: a job is asked for until it is over."""
        result = self.adapter.send(items, key)
        rejected, job_id = result.rejected, result.job_id
        while result.outcome is Outcome.JOB:
            result = self.adapter.poll(job_id, [item for item in items if item.sku not in rejected])
        return SendResult(result.outcome, result.accepted, {**rejected, **result.rejected}, result.unknown)


def memory_shop() -> Iterator[Shop]:
    adapter = load("memory", configured_contract("memory"), Endpoint("", "7"))
    yield Shop(adapter, lambda: memory_state("7"), lambda sku: Memory.refused.update({sku: "unknown product"}))


def planned_shop() -> Iterator[Shop]:
    with MockShop(key=KEY) as server:
        endpoint = Endpoint(f"{server.url}/stores/7/products", "7", KEY, allow_private=True)
        contract = configured_contract("pasons").model_copy(update={"read_back": ReadBack()})
        adapter = load("pasons", contract, endpoint)
        yield Shop(
            adapter, lambda: server.shelf.get("7"), lambda sku: server.misbehave(mode="reject", skus=[sku], times=1)
        )


def strict_shop(platform: str) -> Iterator[Shop]:
    with SHOPS[platform]() as server:
        contract = configured_contract(platform)
        endpoint = Endpoint(server.endpoint("7"), "7", "key", "secret", allow_private=True)
        if contract.auth == "oauth2":
            token = fetch_token(contract, endpoint).text
            endpoint = Endpoint(server.endpoint("7"), "7", "key", "secret", allow_private=True, access_token=token)
        adapter = load(platform, contract, endpoint)
        yield Shop(adapter, lambda: server.items["7"], lambda sku: server.refused.update({sku: "unknown product"}))


ADAPTERS: dict[str, Callable[[], Iterator[Shop]]] = {
    "memory": memory_shop,
    "pasons": planned_shop,
    "pasons-bulk": lambda: strict_shop("pasons-bulk"),
    "talabat": lambda: strict_shop("talabat"),
    "woocommerce": lambda: strict_shop("woocommerce"),
}


@pytest.fixture(params=ADAPTERS)
def conforming(request: pytest.FixtureRequest) -> Iterator[Shop]:
    yield from ADAPTERS[request.param]()


def item(sku: str, price: str = "13.99", stock: int = 1) -> Item:
    return Item(1, 1, sku, Decimal(price), stock)


def test_every_platform_is_tried() -> None:
    assert sorted(ADAPTERS) == platform_names()


@pytest.mark.parametrize("name", ADAPTERS)
def test_a_platform_has_a_contract_of_its_own(name: str) -> None:
    contract = configured_contract(name)
    assert 1 <= contract.batch_size <= 10_000
    assert 0 < contract.timeout_seconds <= 120


def test_what_is_accepted_is_there(conforming: Shop) -> None:
    items = [item("0012"), item("x y/ä", "0.01", 0), item("9" * 64, "99999999.99")]
    result = conforming.send(items)
    assert (result.outcome, result.accepted, result.rejected) == (Outcome.DONE, skus(items), {})
    assert conforming.state() == {i.sku: (f"{i.selling_price:.2f}", i.stock_status) for i in items}


def test_what_is_refused_is_named_with_its_reason_and_holds_back_no_other(conforming: Shop) -> None:
    conforming.refuse("bad")
    result = conforming.send([item("good"), item("bad")])
    assert (result.outcome, result.accepted) == (Outcome.DONE, {"good"})
    assert result.rejected == {"bad": "unknown product"}
    assert list(conforming.state()) == ["good"]


def test_where_all_are_refused_nothing_is_accepted(conforming: Shop) -> None:
    conforming.refuse("bad")
    result = conforming.send([item("bad")])
    assert (result.outcome, result.accepted, list(result.rejected)) == (Outcome.DONE, frozenset(), ["bad"])


def test_each_item_has_exactly_one_answer(conforming: Shop) -> None:
    conforming.refuse("b")
    items = [item(sku) for sku in "abc"]
    result = conforming.send(items)
    answers = [*result.accepted, *result.rejected, *result.unknown]
    assert sorted(answers) == ["a", "b", "c"]


def test_the_last_value_of_an_item_wins(conforming: Shop) -> None:
    conforming.send([item("a", "1.00")], "one")
    conforming.send([item("a", "2.00", 0)], "two")
    assert conforming.state() == {"a": ("2.00", 0)}


def test_what_was_accepted_can_be_read_back(conforming: Shop) -> None:
    """Where the contract says how; two pages and an empty one at most."""
    adapter: Any = conforming.adapter
    if adapter.contract.read_back is None:
        pytest.skip("what this shop has cannot be read")
    items = [item("0012"), item("x y/ä", "0.01", 0), item("9" * 64, "99999999.99"), item("z")]
    conforming.send(items)
    small = adapter.contract.read_back.model_copy(update={"page_size": 2})
    adapter.contract = adapter.contract.model_copy(update={"read_back": small})
    pages: list[ShopPage] = []
    while not pages or pages[-1].next_place is not None:
        pages.append(adapter.read_shelf((pages[-1].next_place or "") if pages else ""))
        assert pages[-1].outcome is Outcome.DONE, pages[-1].message
    listed = [one for page in pages for one in page.items]
    assert {one.sku: (f"{one.price:.2f}", one.stock) for one in listed} == conforming.state()
    assert (len(listed), len(pages) <= 3, {one.problem for one in listed}) == (4, True, {""})


def test_a_connection_is_tested_without_a_change(conforming: Shop) -> None:
    result = conforming.adapter.test_connection()
    assert (result.ok, result.kind) == (True, "ok")
    assert conforming.state() == {}
