"""The shop that tests and demo push to keeps its own rules."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from integration.mock_shop import MockShop
from tests.conftest import KEY

ITEM = {"sku": "0012", "selling_price": 13.9, "stock_status": 1}


def post(shop: MockShop, content: Any, key: str | None = KEY) -> httpx.Response:
    headers = {"X-API-Key": key} if key else {}
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return httpx.post(f"{shop.url}/stores/007/products", content=body, headers=headers, timeout=5)


def test_it_keeps_what_a_store_is_sent(shop: MockShop) -> None:
    answer = post(shop, [ITEM, {**ITEM, "sku": "b", "stock_status": False}])
    assert (answer.status_code, answer.json()) == (200, {"success": True, "accepted": 2, "errors": []})
    state = httpx.get(f"{shop.url}/_state/007").json()
    assert state == {"items": {"0012": ["13.90", 1], "b": ["13.90", 0]}}
    assert httpx.get(f"{shop.url}/_state/7").json() == {"items": {}}


@pytest.mark.parametrize("key", [None, "wrong"])
def test_it_asks_for_its_key(shop: MockShop, key: str | None) -> None:
    assert post(shop, [ITEM], key).status_code == 401
    assert shop.shelf.get("007") == {}


@pytest.mark.parametrize(
    ("content", "status"), [(b"{", 400), ({}, 400), ([ITEM] * 501, 413), ([ITEM] * 500, 200), ([], 200)]
)
def test_it_takes_an_array_of_500_items_at_most(shop: MockShop, content: Any, status: int) -> None:
    assert post(shop, content).status_code == status


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"sku": 12}, "sku must be text"),
        ({"sku": ""}, "sku must be text"),
        ({"selling_price": "13.90"}, "selling_price must be a number above 0"),
        ({"selling_price": 0}, "selling_price must be a number above 0"),
        ({"selling_price": True}, "selling_price must be a number above 0"),
        ({"stock_status": 2}, "stock_status must be 0 or 1"),
    ],
)
def test_it_refuses_an_item_and_takes_the_others(shop: MockShop, change: dict[str, Any], reason: str) -> None:
    answer = post(shop, [ITEM, {**ITEM, "sku": "bad", **change}]).json()
    assert (answer["accepted"], [error["error"] for error in answer["errors"]]) == (1, [reason])
    assert list(shop.shelf.get("007")) == ["0012"]


def test_it_misbehaves_as_often_as_it_is_told(shop: MockShop) -> None:
    control = {"mode": "status", "status": 429, "retry_after": "7", "times": 2, "store_id": "007"}
    assert httpx.post(f"{shop.url}/_control", json=control).status_code == 200
    answers = [post(shop, [ITEM]) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [429, 429, 200]
    assert answers[0].headers["Retry-After"] == "7"


@pytest.mark.parametrize("control", [{"mode": "explode"}, {"colour": "red"}, []])
def test_it_refuses_to_misbehave_in_a_way_that_it_does_not_know(shop: MockShop, control: Any) -> None:
    assert httpx.post(f"{shop.url}/_control", json=control).status_code == 400
    assert post(shop, [ITEM]).status_code == 200


def test_it_applies_and_cuts(shop: MockShop) -> None:
    shop.misbehave(mode="apply_and_cut", times=1)
    with pytest.raises(httpx.RemoteProtocolError):
        post(shop, [ITEM])
    assert shop.shelf.get("007") == {"0012": ("13.90", 1)}


def test_it_forgets_when_it_is_told(shop: MockShop) -> None:
    post(shop, [ITEM])
    httpx.post(f"{shop.url}/_reset")
    assert (shop.shelf.get("007"), shop.requests) == ({}, [])


def test_its_state_outlives_it(tmp_path: Path) -> None:
    path = tmp_path / "shop.sqlite3"
    with MockShop(state_path=path) as shop:
        post(shop, [ITEM])
    with MockShop(state_path=path) as shop:
        assert shop.shelf.get("007") == {"0012": ("13.90", 1)}


def test_it_says_why_it_refuses_each_item(shop: MockShop) -> None:
    shop.misbehave(mode="reject", reasons={"b": "no longer sold"}, skus=["c"])
    answer = post(shop, [ITEM, {**ITEM, "sku": "b"}, {**ITEM, "sku": "c"}]).json()
    assert answer["errors"] == [{"sku": "b", "error": "no longer sold"}, {"sku": "c", "error": "unknown product"}]


def test_one_store_recovers_while_another_one_stays_down(shop: MockShop) -> None:
    for store_id in ("007", "14"):
        shop.misbehave(mode="status", status=503, store_id=store_id)
    shop.misbehave(mode="ok", store_id="007")
    assert [shop.behaviour(store_id).mode for store_id in ("007", "14")] == ["ok", "status"]
    shop.misbehave(mode="ok")
    assert shop.behaviour("14").mode == "ok"


def test_a_store_that_is_down_is_down_for_everybody(shop: MockShop) -> None:
    shop.misbehave(mode="status", status=503, error="closed", store_id="007")
    headers = {"X-API-Key": KEY}
    down = httpx.get(f"{shop.url}/stores/007/products", headers=headers)
    assert (down.status_code, down.json()) == (503, {"error": "closed"})
    assert httpx.get(f"{shop.url}/stores/14/products", headers=headers).status_code == 200
