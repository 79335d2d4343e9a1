"""The strict shops take what the real ones take, and nothing else."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from integration.strict_shops import SHOPS
from integration.strict_shops.oauth import TokenShop
from integration.strict_shops.pasons_bulk import PasonsBulk
from integration.strict_shops.talabat import Talabat
from tests.strict_client import HTTP, Client, ask_token, assert_nothing_taken, authorization, change_item, finish_jobs


@pytest.fixture(params=SHOPS)
def client(request: pytest.FixtureRequest) -> Iterator[Client]:
    with SHOPS[request.param]() as shop:
        yield Client(shop)


class TestEachShop:
    def test_it_keeps_what_it_is_sent(self, client: Client) -> None:
        assert client.push().is_success
        finish_jobs(client.shop)
        store_id = "1" if client.shop.name == "woocommerce" else "7"
        assert client.shop.items == {store_id: {"0012": ("13.90", 1), "b": ("13.90", 1)}}

    def test_it_notes_each_push(self, client: Client) -> None:
        client.push(Idempotency_Key="k1")
        client.get(client.path)
        noted = [(one["method"], one["item_count"], one["idempotency_key"]) for one in client.shop.requests]
        assert noted == [(client.method, 2, "k1")]

    @pytest.mark.parametrize("credentials", [None, "Bearer wrong", "Basic wrong", "Bearer"])
    def test_it_asks_for_credentials(self, client: Client, credentials: str | None) -> None:
        assert client.push(Authorization=credentials).status_code == 401
        assert HTTP.get(client.shop.url + client.path).status_code == 401
        assert_nothing_taken(client, 401)

    def test_it_takes_only_its_method(self, client: Client) -> None:
        status = client.shop.wrong_method_status
        assert client.push(method="PATCH").status_code == status
        assert client.push(method="DELETE").status_code == status
        assert_nothing_taken(client, status)

    def test_it_knows_only_its_paths(self, client: Client) -> None:
        assert client.push(path=client.path + "s").status_code == 404

    def test_it_takes_only_json(self, client: Client) -> None:
        assert client.push(Content_Type=None).status_code == 415
        assert client.push(Content_Type="text/plain").status_code == 415
        assert client.push(b"{").status_code == 400
        assert client.push(b'{"a": 1, "a": 1}').status_code == 400
        assert client.push(b"NaN").status_code == 400
        assert_nothing_taken(client, 400)

    @pytest.mark.parametrize("content", [[1], {"colour": "red"}, "text"])
    def test_it_takes_only_its_envelope(self, client: Client, content: Any) -> None:
        assert client.push(content).status_code == 400

    def test_it_knows_each_key_of_an_item(self, client: Client) -> None:
        for key, reason in (("colour", "is not known"), ("sku", "is required")):
            answer = client.push(change_item(client.body("a", "b"), key))
            assert (answer.status_code, reason in answer.text) == (400, True)
        assert_nothing_taken(client, 400)

    def test_it_can_be_throttled(self, client: Client) -> None:
        client.shop.throttle(1, "7")
        first = client.push()
        client.shop.throttle(1, None)
        second = client.push()
        assert [first.status_code, second.status_code, client.push().is_success] == [429, 429, True]
        assert (first.headers["Retry-After"], second.headers.get("Retry-After")) == ("7", None)

    def test_it_counts_the_requests_of_a_minute(self, client: Client) -> None:
        client.shop.requests_per_minute = 2
        answers = [client.push() for _ in range(3)]
        assert [answer.status_code == 429 for answer in answers] == [False, False, True]
        assert 1 <= int(answers[2].headers["Retry-After"]) <= 60
        client.shop.minute_seconds = 0.05
        time.sleep(0.06)
        assert client.push().is_success

    def test_it_counts_the_items_of_a_request_and_of_a_minute(self, client: Client) -> None:
        client.shop.items_per_request = 2
        assert client.push(client.body("a", "b", "c")).status_code == client.shop.too_many_items_status
        client.shop.items_per_minute = 3
        assert [client.push().status_code == 429 for _ in range(2)] == [False, True]

    def test_a_request_of_no_known_length_is_refused(self, client: Client) -> None:
        answer = HTTP.post(client.shop.url + client.path, content=iter([b"{}"]), headers=client.headers)
        assert answer.status_code == 411


class TestTokens:
    @pytest.fixture(params=[PasonsBulk, Talabat])
    def client(self, request: pytest.FixtureRequest) -> Iterator[Client]:
        with request.param() as shop:
            yield Client(shop)

    @pytest.mark.parametrize(
        ("change", "status", "error"),
        [
            ({"client_secret": "wrong"}, 401, "invalid_client"),
            ({"client_id": ""}, 401, "invalid_client"),
            ({"grant_type": "password"}, 400, "unsupported_grant_type"),
            ({"scope": "everything"}, 400, "invalid_scope"),
            ({"colour": "red"}, 400, "invalid_request"),
        ],
    )
    def test_they_are_given_to_the_client_only(
        self, client: Client, change: dict[str, str], status: int, error: str
    ) -> None:
        assert isinstance(client.shop, TokenShop)
        answer = ask_token(client.shop, **change)
        assert (answer.status_code, answer.json()["error"]) == (status, error)

    def test_they_say_how_long_they_last(self, client: Client) -> None:
        assert isinstance(client.shop, TokenShop)
        answer = ask_token(client.shop).json()
        assert answer["expires_in"] == (3600 if client.shop.name == "pasons-bulk" else 7200)
        assert ("refresh_token" in answer) == (client.shop.name == "pasons-bulk")
        assert client.shop.token_requests == 2

    def test_they_are_asked_for_in_a_form(self, client: Client) -> None:
        assert isinstance(client.shop, TokenShop)
        url = client.shop.url + client.shop.token_path
        assert HTTP.post(url, json={"grant_type": "client_credentials"}).status_code == 415
        assert HTTP.get(url).status_code == 405

    def test_they_end(self, client: Client) -> None:
        client.shop.expire_tokens()
        assert client.push().status_code == 401
        assert isinstance(client.shop, TokenShop)
        client.shop.token_seconds = 0.0
        client.headers |= authorization(client.shop)
        assert client.push().status_code == 401
        assert_nothing_taken(client, 401)

    def test_so_many_are_given_in_a_minute(self, client: Client) -> None:
        assert isinstance(client.shop, TokenShop)
        limit = client.shop.tokens_per_minute or 0
        statuses = [ask_token(client.shop).status_code for _ in range(limit)]
        assert statuses == [200] * (limit - 1) + [429]
