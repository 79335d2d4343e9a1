"""The example shops take what their contracts say, and nothing else."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from integration.strict_shops.oauth import TokenShop
from tests.platforms.example_client import (
    HTTP,
    Client,
    ask_token,
    availability,
    complete,
    google,
    keeta,
    prices,
    square,
    zalando,
)
from tests.platforms.example_shops import EXAMPLE_SHOPS
from tests.platforms.example_shops_special import Keeta

TAKEN = {"code": 0, "description": "OK"}
GOOD = {"state": "SUCCESS", "errors": []}
# What follows the path to a value, and values there that are wrong.
WRONG: dict[str, tuple[tuple[str | int, ...], list[Any]]] = {
    "zalando": (("products", 1, "regular_price", "amount"), ["13.90", True, 0, 13.999]),
    "vtex": ((1, "price"), ["13.90", True, -1]),
    "google-merchant": (("entries", 1, "product", "price", "value"), [13.9, "13.9", "0.00"]),
    "salla": (("products", 1, "branch"), [7, None, ""]),
    "square": (("changes", 1, "price_money", "amount"), [13.9, "1390", True, 0]),
    "ifood": ((1, "status"), [True, 1, "available"]),
    "magento": ((1, "extension_attributes", "stock_status"), [True, 2, "1"]),
    "trendyol": (("items", 1, "listPrice"), [14.9, "13.90", None]),
    "deliveroo": (("prices", 1, "price"), ["13.90", {"value": 13.9}]),
    "uber-eats": (("price_info", "price"), [13.9, "1390"]),
    "keeta": (("products", 1, "active"), [1, "true"]),
}


@pytest.fixture(params=EXAMPLE_SHOPS)
def client(request: pytest.FixtureRequest) -> Iterator[Client]:
    with EXAMPLE_SHOPS[request.param]() as shop:
        yield Client(shop)


@pytest.fixture
def shop_of() -> Iterator[Callable[[str], Client]]:
    with ExitStack() as started:
        yield lambda name: Client(started.enter_context(EXAMPLE_SHOPS[name]()))


class TestEachShop:
    def test_it_keeps_what_it_is_sent(self, client: Client) -> None:
        answer = client.push()
        assert answer.is_success
        complete(client, answer)
        skus = ["a/1"] if client.shop.name == "uber-eats" else ["a", "b"]
        assert client.shop.items == {"7": dict.fromkeys(skus, ("13.90", 1))}

    def test_it_refuses_wrong_values(self, client: Client) -> None:
        (*path, last), wrong = WRONG[client.shop.name]
        for value in wrong:
            body = client.body("a", "b")
            at = body
            for step in path:
                at = at[step]
            at[last] = value
            assert client.push(body).status_code == 400, value
        assert client.shop.items == {}

    def test_it_refuses_unknown_keys(self, client: Client) -> None:
        body = client.body("a", "b")
        at = body
        for step in WRONG[client.shop.name][0][:-1]:
            at = at[step]
        at["colour"] = "red"
        assert client.push(body).status_code == 400
        assert client.shop.items == {}

    def test_it_asks_for_credentials(self, client: Client) -> None:
        url, headers = client.shop.url + client.path, {"Authorization": "Bearer wrong", "X-Key": "wrong"}
        assert HTTP.request(client.method, url, json=client.body("a")).status_code == 401
        assert HTTP.request(client.method, url, json=client.body("a"), headers=headers).status_code == 401
        assert HTTP.get(url).status_code == 401
        assert client.get(client.path).status_code == 405

    def test_it_counts_requests(self, client: Client) -> None:
        client.shop.requests_per_minute = 1
        assert [client.push().status_code == 429 for _ in range(2)] == [False, True]
        client.shop.throttle(1, None)
        assert "Retry-After" not in client.push().headers


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("zalando", {"results": [{"ean": "a", **TAKEN}, {"ean": "b", "code": 3, "description": "no"}]}),
        ("vtex", {"errors": [{"instancePath": "/1", "message": "no"}]}),
        ("salla", {"success": True, "data": {"failed": [{"sku": "b", "message": "no"}]}}),
        ("ifood", {"failures": [{"externalCode": "b", "reason": "no"}]}),
        ("keeta", {"results": [{"sku": "a", **GOOD}, {"sku": "b", "state": "FAILED", "errors": ["no"]}]}),
    ],
)
def test_a_shop_says_which_item_it_refuses(shop_of: Callable[[str], Client], name: str, expected: Any) -> None:
    client = shop_of(name)
    client.shop.refused = {"b": "no"}
    assert client.push().json() == expected
    assert list(client.shop.items["7"]) == ["a"]


def test_google_answers_for_all_entries_in_another_order(shop_of: Callable[[str], Client]) -> None:
    client = shop_of("google-merchant")
    client.shop.refused = {"b": "no"}
    entries = client.push().json()["entries"]
    assert [entry["batchId"] for entry in entries] == [2, 1]
    assert [entry.get("errors", {}).get("message") for entry in entries] == ["no", None]
    repeated = google("a", "b")
    repeated["entries"][1]["batchId"] = 1
    assert client.push(repeated).status_code == 400


def test_square_names_the_position(shop_of: Callable[[str], Client]) -> None:
    client = shop_of("square")
    assert "errors" not in client.push().json()
    client.shop.refused = {"b": "no"}
    error = client.push().json()["errors"][0]
    assert (error["field"], error["detail"]) == ("changes[1]", "no")
    assert client.shop.requests[-1]["idempotency_key"] == "k"
    assert client.push({**square("a"), "idempotency_key": "k" * 65}).status_code == 400


@pytest.mark.parametrize(("name", "limit"), [("vtex", 500), ("square", 100), ("trendyol", 1000)])
def test_a_request_has_so_many_items_at_most(shop_of: Callable[[str], Client], name: str, limit: int) -> None:
    client = shop_of(name)
    assert client.push(client.body(*map(str, range(limit)))).is_success
    assert client.push(client.body(*map(str, range(limit + 1)))).status_code == 400


def test_zalando_has_two_limits(shop_of: Callable[[str], Client]) -> None:
    client = shop_of("zalando")
    body = zalando(*map(str, range(1500)))
    assert [client.push(body).status_code for _ in range(2)] == [207, 429]
    assert client.push(zalando("a")).status_code == 207


def test_ifood_has_a_long_window_for_each_store(shop_of: Callable[[str], Client]) -> None:
    client = shop_of("ifood")
    client.shop.window_items = 3  # type: ignore[attr-defined]
    answers = [client.push() for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 429]
    assert 60 < int(answers[1].headers["Retry-After"]) <= 2100
    assert client.push(path="/merchants/8/items").status_code == 200


class TestJobs:
    def test_magento_tells_by_position(self, shop_of: Callable[[str], Client]) -> None:
        client = shop_of("magento")
        client.shop.refused = {"b": "no"}
        answer = client.push()
        assert (answer.status_code, answer.json()["errors"]) == (202, False)
        states = [[one["status"] for one in client.poll(answer).json()["operations_list"]] for _ in range(2)]
        assert (states, list(client.shop.items["7"])) == ([[4, 4], [1, 3]], ["a"])

    def test_trendyol_tells_by_barcode(self, shop_of: Callable[[str], Client]) -> None:
        client = shop_of("trendyol")
        client.shop.refused = {"b": "no"}
        answer = client.push()
        assert client.poll(answer).json()["status"] == "IN_PROGRESS"
        done = client.poll(answer).json()
        assert (done["status"], [one["failureReasons"] for one in done["items"]]) == ("COMPLETED", [[], ["no"]])

    @pytest.mark.parametrize("outcome", ["fail", "never"])
    @pytest.mark.parametrize("name", ["magento", "trendyol"])
    def test_a_job_may_not_end_well(self, shop_of: Callable[[str], Client], name: str, outcome: str) -> None:
        client = shop_of(name)
        client.shop.job_outcome = outcome
        answer = client.push()
        states = {"magento": {"fail": '"status": 2', "never": '"status": 4'}, "trendyol": {"fail": "FAILED"}}
        texts = [client.poll(answer).text for _ in range(3)]
        assert states[name].get(outcome, "IN_PROGRESS") in texts[-1]
        assert client.shop.items == {}


class TestDeliveroo:
    def test_one_refused_item_fails_the_whole_request(self, shop_of: Callable[[str], Client]) -> None:
        client = shop_of("deliveroo")
        client.shop.refused = {"b": "no"}
        answer = client.push()
        assert (answer.status_code, answer.json()) == (404, {"message": "item not found"})
        client.push(prices("a"))
        assert client.shop.items == {}
        client.push(availability("a"), "/brands/b/sites/7/availability")
        assert client.shop.items == {"7": {"a": ("13.90", 1)}}

    def test_its_client_stands_in_the_header(self, shop_of: Callable[[str], Client]) -> None:
        shop = shop_of("deliveroo").shop
        assert isinstance(shop, TokenShop)
        assert ask_token(shop).json()["expires_in"] == 300
        assert ask_token(shop, {}).status_code == 401
        assert ask_token(shop, client_id="key", client_secret="secret").status_code == 401


def test_uber_eats_refuses_the_one_item(shop_of: Callable[[str], Client]) -> None:
    client = shop_of("uber-eats")
    assert (client.push().status_code, client.push().content) == (204, b"")
    client.shop.refused = {"a/1": "no"}
    answer = client.push()
    assert (answer.status_code, answer.json()) == (422, {"message": "no"})


@pytest.mark.parametrize("seconds", [-400, 400])
def test_keeta_trusts_a_signature_for_a_while(shop_of: Callable[[str], Client], seconds: int) -> None:
    shop = shop_of("keeta").shop
    assert isinstance(shop, Keeta)
    body = json.dumps(keeta("a")).encode()
    at = str(int(time.time()) + seconds)
    headers = {"X-Key": "key", "X-Timestamp": at, "X-Signature": shop.signature(at, body)}
    url = shop.endpoint("7") + "/vendors/7/catalog"
    assert HTTP.put(url, content=body, headers=headers).status_code == 401
    now = str(int(time.time()))
    headers |= {"X-Timestamp": now, "X-Signature": shop.signature(now, b"another body")}
    assert HTTP.put(url, content=body, headers=headers).status_code == 401
    assert shop.items == {}
