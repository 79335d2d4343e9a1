"""What each strict shop has of its own."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from integration.strict_shops.pasons_bulk import PasonsBulk
from integration.strict_shops.talabat import Talabat
from integration.strict_shops.woocommerce import WooCommerce
from tests.strict_client import PASONS, Client, change_item, finish_jobs, pasons_body, talabat_body, woo_body


@pytest.fixture
def pasons() -> Iterator[Client]:
    with PasonsBulk() as shop:
        yield Client(shop)


@pytest.fixture
def talabat() -> Iterator[Client]:
    with Talabat() as shop:
        yield Client(shop)


@pytest.fixture
def woo() -> Iterator[Client]:
    with WooCommerce() as shop:
        yield Client(shop)


WRONG_PRICES = ["13.90", True, None, 0, -1, 13.999, 1e12]


@pytest.mark.parametrize("price", WRONG_PRICES)
def test_a_price_is_a_number_above_0_with_two_decimals(pasons: Client, talabat: Client, price: Any) -> None:
    assert pasons.push(change_item(pasons_body("a", "b"), "selling_price", price)).status_code == 400
    assert pasons.push(change_item(pasons_body("a", "b"), "mrp", price)).status_code == 400
    assert talabat.push(change_item(talabat_body("a", "b"), "price", price)).status_code == 400


class TestPasonsBulk:
    def status(self, client: Client, batch_id: str = "B1") -> Any:
        return client.get(f"{PASONS}/status/{batch_id}").json()["data"]

    def logs(self, client: Client, query: str = "?status=failed&per_page=100") -> httpx.Response:
        return client.get(f"{PASONS}/logs/B1{query}")

    def test_it_answers_with_a_batch(self, pasons: Client) -> None:
        pasons.shop.refused = {"b": "unknown product"}
        failed = [{"product_code": "b", "error": "unknown product"}]
        counts = {"success_count": 1, "failed_count": 1, "failed_items": failed}
        answer = pasons.push()
        assert (answer.status_code, answer.json()) == (200, {"status": "1", "batch_id": "B1", **counts})

    def test_it_applies_a_batch_when_it_is_complete(self, pasons: Client) -> None:
        pasons.shop.polls_until_done = 2
        pasons.push()
        assert [self.status(pasons)["state"] for _ in range(2)] == ["queued", "processing"]
        assert pasons.shop.items == {}
        assert self.status(pasons)["state"] == "completed"
        assert (len(pasons.shop.items["7"]), pasons.shop.polls) == (2, 3)

    def test_its_logs_tell_what_failed_later(self, pasons: Client) -> None:
        assert isinstance(pasons.shop, PasonsBulk)
        pasons.shop.refused_later = {"b": "price is locked", "0012": "price is locked"}
        pasons.push()
        assert self.logs(pasons).json()["data"]["items"] == []
        finish_jobs(pasons.shop)
        failed = [{"product_code": sku, "error": "price is locked"} for sku in ("0012", "b")]
        assert self.logs(pasons).json()["data"]["items"] == failed
        assert self.logs(pasons, "?status=failed&per_page=1&page=2").json()["data"]["items"] == failed[1:]
        assert self.logs(pasons, "?per_page=101").status_code == 400

    @pytest.mark.parametrize(("outcome", "state"), [("fail", "failed"), ("never", "queued")])
    def test_a_batch_may_not_end_well(self, pasons: Client, outcome: str, state: str) -> None:
        pasons.shop.job_outcome = outcome
        pasons.push()
        assert [self.status(pasons)["state"] for _ in range(3)][-1] == state
        assert pasons.shop.items == {}

    def test_it_refuses_with_http_200(self, pasons: Client) -> None:
        assert isinstance(pasons.shop, PasonsBulk)
        pasons.shop.refusal = "the store is closed"
        answer = pasons.push()
        assert (answer.status_code, answer.json()) == (200, {"status": "0", "message": "the store is closed"})

    def test_its_store_id_is_a_number(self, pasons: Client) -> None:
        answer = pasons.push({**pasons_body("a"), "store_id": "7"})
        assert (answer.status_code, answer.json()) == (400, {"message": "store_id must be a whole number above 0"})

    @pytest.mark.parametrize("change", [{"enabled": 0}, {"stock": True, "enabled": True}, {"stock": 2}, {"stock": "1"}])
    def test_stock_and_enabled_are_the_same_flag(self, pasons: Client, change: dict[str, Any]) -> None:
        body = pasons_body("a")
        body["items"][0] |= change
        assert pasons.push(body).status_code == 400

    def test_it_knows_when_a_store_was_synced(self, pasons: Client) -> None:
        pasons.push()
        assert pasons.get(f"{PASONS}/last-sync/7").json()["data"]["last_sync_at"] is None
        finish_jobs(pasons.shop)
        assert pasons.get(f"{PASONS}/last-sync/7").json()["data"]["last_sync_at"] > 0

    def test_it_knows_only_its_own_batches(self, pasons: Client) -> None:
        assert pasons.get(f"{PASONS}/status/B9").status_code == 404
        assert self.logs(pasons).status_code == 404


class TestTalabat:
    def job(self, client: Client, job_id: str) -> Any:
        return client.get(f"/v2/chains/77/catalog/jobs/{job_id}").json()

    def test_a_push_is_a_job_that_tells_of_each_item(self, talabat: Client) -> None:
        talabat.shop.refused = {"b": "unknown sku"}
        answer = talabat.push()
        job_id = answer.json()["job_id"]
        assert (answer.status_code, answer.json()["job_status"]) == (202, "QUEUED")
        assert self.job(talabat, job_id) == {"job_id": job_id, "job_status": "QUEUED", "results": []}
        done = self.job(talabat, job_id)
        good = {"sku": "0012", "state": "SUCCESS", "errors": []}
        bad = {"sku": "b", "state": "FAILED", "errors": ["unknown sku"]}
        assert (done["job_status"], done["results"]) == ("COMPLETED", [good, bad])
        assert talabat.shop.items == {"7": {"0012": ("13.90", 1)}}

    @pytest.mark.parametrize(("outcome", "state"), [("fail", "FAILED"), ("never", "QUEUED")])
    def test_a_job_may_not_end_well(self, talabat: Client, outcome: str, state: str) -> None:
        talabat.shop.job_outcome = outcome
        job_id = talabat.push().json()["job_id"]
        assert [self.job(talabat, job_id)["job_status"] for _ in range(3)][-1] == state
        assert talabat.shop.items == {}

    def test_polls_count_as_requests(self, talabat: Client) -> None:
        talabat.shop.requests_per_minute = 2
        job_id = talabat.push().json()["job_id"]
        path = f"/v2/chains/77/catalog/jobs/{job_id}"
        assert [talabat.get(path).status_code for _ in range(2)] == [200, 429]
        assert talabat.push(path="/v2/chains/77/vendors/8/catalog").status_code == 429

    def test_it_takes_no_quantity(self, talabat: Client) -> None:
        answer = talabat.push(change_item(talabat_body("a", "b"), "quantity", 5))
        message = "products[1].quantity is not known"
        assert (answer.status_code, answer.json()) == (400, {"code": "400", "message": message})

    def test_active_is_a_boolean(self, talabat: Client) -> None:
        assert talabat.push(change_item(talabat_body("a", "b"), "active", 1)).status_code == 400

    def test_it_knows_only_its_chain(self, talabat: Client) -> None:
        assert talabat.push(path="/v2/chains/78/vendors/7/catalog").status_code == 404
        assert talabat.shop.endpoint("7") == f"{talabat.shop.url}/v2/chains/77"


class TestWooCommerce:
    def test_it_answers_in_the_order_of_the_request(self, woo: Client) -> None:
        woo.shop.refused = {"0012": "unknown product"}
        bad, good = woo.push().json()["update"]
        assert good == {"id": 2, "sku": "b", "regular_price": "13.90", "stock_status": "instock"}
        assert (bad["id"], bad["error"]["message"], "sku" in bad) == (0, "unknown product", False)
        assert woo.shop.items == {"1": {"b": ("13.90", 1)}}

    def test_it_belongs_to_the_store_that_was_asked_for_last(self, woo: Client) -> None:
        assert woo.shop.endpoint("14") == f"{woo.shop.url}/wp-json/wc/v3"
        woo.push()
        assert list(woo.shop.items) == ["14"]

    def test_it_takes_100_items_at_once(self, woo: Client) -> None:
        assert woo.push(woo_body(*map(str, range(100)))).status_code == 200
        answer = woo.push(woo_body(*map(str, range(101))))
        assert (answer.status_code, answer.json()["code"]) == (413, "woocommerce_rest_request_entity_too_large")

    @pytest.mark.parametrize("price", [13.9, "13.9", "0.00", "-1.00", "1,00", ""])
    def test_a_price_is_text_with_two_decimals(self, woo: Client, price: Any) -> None:
        assert woo.push(change_item(woo_body("a", "b"), "regular_price", price)).status_code == 400

    @pytest.mark.parametrize("stock", [1, True, "in stock"])
    def test_stock_is_a_word(self, woo: Client, stock: Any) -> None:
        assert woo.push(change_item(woo_body("a", "b"), "stock_status", stock)).status_code == 400

    def test_its_products_can_be_asked_for(self, woo: Client) -> None:
        assert woo.get("/wp-json/wc/v3/products?per_page=1").json() == []
