"""The sample chain that the service opens on: made by the engine, in two days of history, with trouble that stays."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.db.models import F, Sum

from integration import demo_trouble
from integration.demo_catalogue import barcode, catalogue
from integration.demo_chain import DEMO_KEY
from integration.demo_trouble import (
    DOWN,
    HELD,
    IN_FILS,
    LOCKED_OUT,
    NOT_SET_UP,
    PAUSED,
    REFUSED,
    REFUSING,
    WAITING,
    make_sample,
)
from integration.demo_trouble import move_sample as move
from integration.management.commands import serve
from integration.mock_shop import MockShop
from integration.models import (
    ContractVersion,
    EndpointHealth,
    Outlet,
    OutletProduct,
    ProductUpload,
    PushAttempt,
    PushHistory,
    Reconciliation,
    RejectedItem,
)
from integration.update_record import updates_before
from tests.conftest import make_outlet
from tests.people import make_person, restore_migrated_rows

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
IN_SYNC = ("007", "14", "22", "71", "77", "84")


@pytest.fixture(scope="module")
def chain(
    tmp_path_factory: pytest.TempPathFactory, django_db_setup: None, django_db_blocker: Any
) -> Iterator[dict[str, Outlet]]:
    """The outlets by their store ids; made once for this file, and rolled back."""
    state = tmp_path_factory.mktemp("shop") / "shop.sqlite3"
    with django_db_blocker.unblock(), transaction.atomic():
        restore_migrated_rows()
        for role in ("Operator", "Manager"):
            make_person(role)
        with MockShop(key=DEMO_KEY, state_path=state) as shop:
            make_sample(shop, NOW)
            outlets = {outlet.store_id: outlet for outlet in Outlet.objects.all()}
            outlets["shop"] = shop  # type: ignore[assignment]
            yield outlets
        transaction.set_rollback(True)


def waiting(outlet: Outlet) -> int:
    return OutletProduct.objects.filter(outlet=outlet, differs=True).count()


def last_statuses(outlet: Outlet, count: int) -> list[str]:
    return [push.status for push in PushHistory.objects.filter(outlet=outlet)[:count]]


class TestTheChain:
    def test_it_has_thirteen_outlets_of_two_thousand_products(self, chain: dict[str, Outlet]) -> None:
        assert Outlet.objects.count() == 13
        assert OutletProduct.objects.count() == 26_000

    def test_every_outlet_that_is_set_up_has_a_strip_of_pushes(self, chain: dict[str, Outlet]) -> None:
        counts = {outlet.store_id: outlet.pushes.count() for outlet in Outlet.objects.all()}
        assert counts.pop(NOT_SET_UP) == 0
        assert min(counts.values()) >= 29

    @pytest.mark.parametrize("store_id", IN_SYNC)
    def test_most_are_in_sync(self, chain: dict[str, Outlet], store_id: str) -> None:
        assert waiting(chain[store_id]) == 0
        assert last_statuses(chain[store_id], 1) == ["success"]

    def test_no_push_is_open_but_the_one_that_is_held(self, chain: dict[str, Outlet]) -> None:
        push = PushHistory.objects.get(status__in=PushHistory.OPEN)
        assert (push.status, push.outlet) == ("held", chain[HELD])

    def test_the_push_that_is_held_says_who_sent_the_prices(self, chain: dict[str, Outlet]) -> None:
        (update,) = updates_before(PushHistory.objects.get(status="held"))
        assert (update.changed_count, str(update.token)[:22]) == (160, "Price feed of the till")

    def test_the_shop_has_what_it_has_acknowledged(self, chain: dict[str, Any]) -> None:
        for store_id in (*IN_SYNC, DOWN, LOCKED_OUT, PAUSED, WAITING, REFUSING, HELD):
            rows = OutletProduct.objects.filter(outlet=chain[store_id])
            values = rows.values_list("product__sku", "pushed_price", "pushed_stock_status")
            assert chain["shop"].shelf.get(store_id) == {sku: (f"{price:.2f}", stock) for sku, price, stock in values}

    def test_pushes_agree_with_their_chunks_and_attempts(self, chain: dict[str, Outlet]) -> None:
        sums = {"sent": Sum("chunks__item_count"), "taken": Sum("chunks__accepted_count")}
        pushes = PushHistory.objects.exclude(status="cancelled").annotate(**sums)
        assert not pushes.exclude(item_count=F("sent"), accepted_count=F("taken")).exists()
        attempts = PushAttempt.objects.filter(finished_at__isnull=False)
        assert attempts.count() == PushAttempt.objects.count() > 300
        early = attempts.filter(started_at__lt=F("chunk__push__push_timestamp"))
        late = attempts.filter(finished_at__gt=F("chunk__push__finished_at"))
        assert not early.exists()
        assert not late.exists()

    def test_nothing_lies_in_the_future(self, chain: dict[str, Outlet]) -> None:
        assert not PushHistory.objects.filter(finished_at__gt=NOW).exists()
        assert not OutletProduct.objects.filter(pushed_at__gt=NOW).exists()
        assert PushHistory.objects.filter(push_timestamp__lt=NOW - timedelta(hours=40)).exists()

    def test_some_pushes_needed_a_second_try_and_some_failed(self, chain: dict[str, Outlet]) -> None:
        well = PushHistory.objects.filter(outlet__store_id__in=IN_SYNC)
        assert well.filter(status="success", retry_count__gt=0).count() == 3
        assert well.filter(status="failed").count() == 2
        assert PushHistory.objects.filter(status="cancelled").count() == 2


class TestTheTrouble:
    def test_one_shop_is_down_and_its_breaker_open(self, chain: dict[str, Outlet]) -> None:
        health = EndpointHealth.objects.get(pk=chain[DOWN].pk)
        assert health.reason == "the shop answered HTTP 503: down for maintenance"
        assert health.open_until is not None
        assert NOW + timedelta(minutes=5) < health.open_until < NOW + timedelta(minutes=15)
        assert last_statuses(chain[DOWN], 9) == ["failed"] * 9
        assert waiting(chain[DOWN]) > 0

    def test_one_shop_refuses_the_key(self, chain: dict[str, Outlet]) -> None:
        health = EndpointHealth.objects.get(pk=chain[LOCKED_OUT].pk)
        assert (health.failure_count, health.reason) == (8, "credentials refused (HTTP 401): invalid key")
        assert last_statuses(chain[LOCKED_OUT], 9) == ["failed"] * 8 + ["success"]

    def test_one_shop_refuses_items_of_which_some_are_in_quarantine(self, chain: dict[str, Outlet]) -> None:
        rejected = RejectedItem.objects.filter(outlet_product__outlet=chain[REFUSING])
        assert rejected.count() == RejectedItem.objects.count() == len(REFUSED)
        assert rejected.filter(quarantined_at__isnull=False).count() == 6
        assert set(rejected.values_list("reason", flat=True)) == set(REFUSED.values())
        assert last_statuses(chain[REFUSING], 4) == ["partial"] * 4

    def test_the_shops_were_compared_and_agree(self, chain: dict[str, Outlet]) -> None:
        rows = dict(Reconciliation.objects.values_list("outlet__store_id", "status"))
        assert {store_id: rows[store_id] for store_id in IN_SYNC} == dict.fromkeys(IN_SYNC, "equal")
        assert (rows[PAUSED], rows[DOWN], NOT_SET_UP in rows) == ("skipped", "skipped", True)
        assert not any(row.sent_count or row.different_count for row in Reconciliation.objects.all())

    def test_one_is_paused_while_its_changes_go_on(self, chain: dict[str, Outlet]) -> None:
        assert not chain[PAUSED].push_enabled
        assert waiting(chain[PAUSED]) > 100

    def test_one_has_prices_that_nobody_means(self, chain: dict[str, Outlet]) -> None:
        push = PushHistory.objects.get(status="held")
        assert (push.findings["trips"], push.findings["leap_count"]) == (["price"], IN_FILS)
        assert waiting(chain[HELD]) == IN_FILS

    def test_one_has_changes_that_wait_for_the_schedule(self, chain: dict[str, Outlet]) -> None:
        outlet = chain[WAITING]
        assert (outlet.push_enabled, outlet.push_after_update) == (True, False)
        since = OutletProduct.objects.filter(outlet=outlet, differs=True).values_list("waiting_since", flat=True)
        assert len(since) > 40
        assert set(since) == {NOW - timedelta(minutes=18), NOW - timedelta(minutes=6)}

    def test_one_is_not_set_up(self, chain: dict[str, Outlet]) -> None:
        outlet = chain[NOT_SET_UP]
        assert (outlet.api_endpoint, outlet.api_key, outlet.push_enabled) == ("", "", False)

    def test_a_file_waits_to_be_checked_and_two_contracts_are_stored(self, chain: dict[str, Outlet]) -> None:
        assert ProductUpload.objects.get().status == ProductUpload.Status.WAITING
        read_back = {"read_back": {"settle_seconds": 0}}
        versions = [(2, {"batch_size": 200, **read_back}), (1, read_back)]
        assert list(ContractVersion.objects.values_list("number", "changes")) == versions


class TestTheNextStart:
    def test_it_moves_the_shop_and_heals_nothing(self, chain: dict[str, Outlet]) -> None:
        before = Outlet.objects.order_by("pk").values("pk", "push_enabled", "push_after_update", "is_active")
        kept = list(before)
        keys = [outlet.api_key for outlet in Outlet.objects.order_by("pk")]
        with transaction.atomic():
            move("http://127.0.0.1:9999")
            addresses = set(Outlet.objects.values_list("store_id", "api_endpoint"))
            assert ("14", "http://127.0.0.1:9999/stores/14/products") in addresses
            assert (NOT_SET_UP, "") in addresses
            assert list(before) == kept
            assert [outlet.api_key for outlet in Outlet.objects.order_by("pk")] == keys
            transaction.set_rollback(True)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What `serve` does about the sample, without doing it."""
    done: list[str] = []
    monkeypatch.setattr(serve, "make_sample", lambda shop, now: done.append("make"))
    monkeypatch.setattr(serve, "move_sample", lambda url: done.append("move"))
    monkeypatch.setattr(serve, "SHOP_STATE", Path(":memory:"))
    return done


@pytest.mark.django_db
class TestServe:
    def test_an_empty_database_gets_the_sample(self, asked: list[str]) -> None:
        assert serve.Command().prepare_sample(0)
        assert asked == ["make"]

    def test_the_sample_is_made_once(self, asked: list[str]) -> None:
        make_outlet("14", "pasons", api_endpoint="http://127.0.0.1:8800/stores/14/products")
        make_outlet(NOT_SET_UP, "pasons")
        assert not serve.Command().prepare_sample(8800)
        assert asked == ["move"]

    def test_outlets_of_one_s_own_are_left_alone(self, asked: list[str]) -> None:
        make_outlet("14", "pasons", api_endpoint="https://shop.example/14")
        assert not serve.Command().prepare_sample(8800)
        assert asked == []

    def test_a_start_that_breaks_off_leaves_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def break_off(*args: Any) -> None:
            raise RuntimeError

        monkeypatch.setattr(demo_trouble, "set_up", break_off)
        with MockShop(key=DEMO_KEY) as shop, pytest.raises(RuntimeError):
            make_sample(shop, NOW)
        assert not Outlet.objects.exists()


def test_articles_are_different_and_have_right_barcodes() -> None:
    articles = catalogue(2000)
    assert len({article.name for article in articles}) == len({article.barcode for article in articles}) == 2000
    assert articles[0].name == "Al Noor Basmati Rice 1 kg"
    assert barcode(0) == "6291000000006"
    assert all(article.price > 0 for article in articles)


def test_a_misbehaviour_that_cannot_be_read_is_one_clear_line() -> None:
    with pytest.raises(CommandError, match="--misbehave: unknown mode 'odd'"):
        call_command("mock_shop", "--port", "0", "--misbehave", '{"mode": "odd"}')
    with pytest.raises(CommandError, match="--misbehave: Expecting"):
        call_command("mock_shop", "--port", "0", "--misbehave", "{")
