"""Reading back what a real shop lists, over HTTP: when it is well, slow, wrong, and without end."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from integration.mock_misbehaviour import odd_answer
from integration.mock_shop import MockShop
from integration.models import Outlet, Reconciliation
from integration.platforms.exchange import ANSWER_LIMIT
from integration.push_service import PushService
from integration.reading import Reader
from integration.strict_shops.talabat import Talabat
from tests.conftest import KEY, make_outlet, stock
from tests.test_reconciliation import compare, counts, finish_push

pytestmark = pytest.mark.django_db
Quick = Callable[..., None]


@pytest.fixture
def read_back(quick: Quick) -> Callable[..., None]:
    """The mock shop can be read: read_back(page_size=3)."""

    def change(**read_back: Any) -> None:
        contract = {"backoff_seconds": 0.01, "timeout_seconds": 0.5, "slow_seconds": 0.4}
        quick(**contract, read_back={"settle_seconds": 0, **read_back})

    change()
    return change


@pytest.fixture
def synced(pasons_outlet: Outlet, read_back: Callable[..., None]) -> Outlet:
    stock(pasons_outlet, 10)
    PushService(pasons_outlet).push()
    return pasons_outlet


@pytest.mark.parametrize(
    ("how", "pages"),
    [
        ({"page_size": 3}, 5),  # 3, 3, 3, 1, and one that is empty
        ({"page_size": 500}, 2),
        ({"page_size": 3, "paging": "cursor", "page_parameter": "after"}, 4),
        ({"page_size": 3, "total": "count", "more": "next"}, 5),
    ],
)
def test_every_page_is_read(synced: Outlet, read_back: Callable[..., None], how: dict[str, Any], pages: int) -> None:
    read_back(**how)
    row = compare(synced)
    assert (row.error, row.status, counts(row)) == ("", "equal", {"item": 10, "compared": 10})
    assert (row.page_count, row.read_count) == (pages, 10)


def test_a_shop_that_loses_and_changes_items_is_put_right(synced: Outlet, shop: MockShop) -> None:
    shop.shelf.take_away("14", "s00003")
    shop.shelf.put("14", [("s00005", "1.00", 0)])
    row = compare(synced)
    assert counts(row) == {"item": 10, "compared": 10, "differing": 1, "missing": 1, "sent": 2}
    assert finish_push(synced).status == "success"
    assert {shop.shelf.get("14")[sku] for sku in ("s00003", "s00005")} == {("10.00", 1)}
    assert compare(synced).status == "equal"


def test_a_shop_that_lists_other_values_than_it_has(synced: Outlet, shop: MockShop) -> None:
    changes = {"s00001": {"selling_price": "ten"}, "s00002": {"sku": None}, "s00004": {"stock_status": 7}}
    shop.misbehave(mode="otherwise", on="read", changes=changes)
    row = compare(synced, "nothing")
    assert counts(row) == {"item": 10, "compared": 8, "missing": 1, "malformed": 3, "unreadable": 2}
    reasons = list(row.differences.filter(kind="malformed").values_list("sku", "reason"))
    assert reasons == [("s00001", "the price is ten"), ("", "the SKU is missing"), ("s00004", "the stock is 7")]


@pytest.mark.parametrize(
    ("how", "error"),
    [
        ({"mode": "html"}, "no JSON object or array"),
        ({"mode": "empty"}, "no JSON object or array"),
        ({"mode": "bad_json"}, "no JSON object or array"),
        ({"mode": "large"}, f"larger than {ANSWER_LIMIT} bytes"),
        ({"mode": "gzip"}, "no JSON object or array"),
        ({"mode": "hang", "seconds": 2}, "ReadTimeout"),
        ({"mode": "drip", "seconds": 2}, "ReadTimeout"),
        ({"mode": "cut"}, "disconnected"),
        ({"mode": "reset"}, "Error"),
        ({"mode": "status", "status": 500}, "HTTP 500"),
        ({"mode": "status", "status": 404}, "HTTP 404"),
        ({"mode": "status", "status": 401}, "credentials refused"),
        ({"mode": "stuck"}, "the same items again and again"),
    ],
)
def test_a_shop_that_does_not_list_well_proves_nothing(
    synced: Outlet, shop: MockShop, how: dict[str, Any], error: str
) -> None:
    if how["mode"] == "gzip":
        odd_answer("gzip")  # packing takes its time
    shop.misbehave(**how, on="read")
    started = time.monotonic()
    row = compare(synced)
    assert row.status == "failed"
    assert error in row.error
    assert KEY not in row.error
    assert row.sent_count == 0
    assert time.monotonic() - started < 10


def test_a_cursor_that_leads_back_is_found_out(synced: Outlet, shop: MockShop, read_back: Callable[..., None]) -> None:
    read_back(page_size=3, paging="cursor", page_parameter="after")
    shop.misbehave(mode="circle", on="read")
    row = compare(synced)
    assert (row.status, "in a circle" in row.error) == ("failed", True)


def test_what_goes_wrong_once_is_asked_for_again(synced: Outlet, shop: MockShop) -> None:
    shop.misbehave(mode="status", status=503, times=1, on="read")
    shop.misbehave(mode="cut", times=1, on="read")
    assert compare(synced).status == "equal"


def test_a_private_address_is_not_read_where_it_is_not_allowed(synced: Outlet) -> None:
    Outlet.objects.update(allow_private_address=False)
    row = compare(synced)
    assert (row.status, "not a public address" in row.error) == ("failed", True)


def test_reading_keeps_to_half_of_the_shop_s_pace(
    synced: Outlet, read_back: Callable[..., None], monkeypatch: pytest.MonkeyPatch, quick: Quick
) -> None:
    quick(requests_per_minute=60, read_back={"page_size": 5, "settle_seconds": 0})
    waited: list[float] = []
    monkeypatch.setattr("integration.reconciliation_queue.Claim.wait", lambda claim, seconds: waited.append(seconds))
    monkeypatch.setattr("integration.reading.seconds_to_wait", lambda endpoint, contract, count: 0)
    assert compare(synced).status == "equal"
    assert [round(seconds) for seconds in waited if seconds > 0.5] == [2, 2]


def test_talabat_s_catalogue_is_read_with_its_token(db: None, settings: Any) -> None:
    contract = {"job": {"every_seconds": 0.05}, "read_back": {"page_size": 2, "settle_seconds": 0}}
    settings.CONTRACTS = {"talabat": {**contract, "requests_per_minute": None, "token_requests_per_minute": 6000}}
    with Talabat() as shop:
        outlet = make_outlet("7", "talabat", api_endpoint=shop.endpoint("7"), api_key="key", api_secret="secret")
        stock(outlet, 5)
        ok, facts = PushService(outlet).push()
        assert ok, facts
        assert counts(compare(outlet)) == {"item": 5, "compared": 5}
        shop.expire_tokens()
        shop.items["7"]["s00002"] = ("1.00", 0)
        row = compare(outlet, "nothing")
        assert (row.error, counts(row)) == ("", {"item": 5, "compared": 5, "differing": 1})
        assert shop.token_requests == 2


def test_progress_is_written_while_a_long_list_is_read(
    synced: Outlet, read_back: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    read_back(page_size=2)
    monkeypatch.setattr("integration.reconciliation_queue.PROGRESS_SECONDS", 0.0)
    seen: list[int] = []
    ask = Reader.ask

    def asked(reader: Any, place: str) -> Any:
        seen.append(Reconciliation.objects.get().read_count)
        return ask(reader, place)

    monkeypatch.setattr(Reader, "ask", asked)
    assert compare(synced).status == "equal"
    assert seen == [0, 2, 4, 6, 8, 10]
