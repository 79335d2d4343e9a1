"""Values that come in at any moment are judged before anything of them is sent."""

import random
import threading
import time
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from integration import changes
from integration.delivery import send_chunk
from integration.models import Outlet, PushChunk, PushHistory
from integration.platforms.memory import Memory
from integration.product_update import apply_product_update
from integration.push_queue import plan_push, start_push
from integration.push_service import PushService, run_push
from tests.conftest import make_outlet, memory_state, stock
from tests.test_locks import in_threads

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = 6


@pytest.fixture(autouse=True)
def small(quick: Any) -> None:
    quick(batch_size=5, backoff_seconds=0.01)


def known(outlet: Outlet, count: int) -> list[str]:
    skus = stock(outlet, count)
    assert PushService(outlet).push()[0]
    return skus


def update(outlet: Outlet, skus: list[str], price: str, stock_status: int = 1) -> None:
    apply_product_update(outlet, [{"sku": sku, "selling_price": price, "stock_status": stock_status} for sku in skus])


def start(outlet: Outlet) -> PushHistory:
    push = start_push(outlet, "partial", "manual", timezone.now()).push
    assert push is not None
    return push


def out_of_stock() -> int:
    return sum(not stock_status for _price, stock_status in memory_state().values())


def test_what_comes_in_between_the_look_and_the_plan_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    outlet = make_outlet()
    skus = known(outlet, 50)
    update(outlet, skus, "11.00")
    cut = changes.cut

    def interrupted(*args: Any) -> list[changes.Slice]:
        update(outlet, skus, "11.00", 0)
        return cut(*args)

    push = start(outlet)
    monkeypatch.setattr(changes, "cut", interrupted)
    assert [ring.kind for ring in plan_push(push.pk, timezone.now())] == ["chunk"]
    assert run_push(push.pk, lambda chunk_id: None).status == "held"
    assert out_of_stock() == 0


def test_an_update_that_commits_after_the_plan_is_judged() -> None:
    """Its values were written before the push was planned, and nobody could see them yet."""
    if connection.vendor == "sqlite":
        pytest.skip("there is one writer at a time")
    outlet = make_outlet()
    skus = known(outlet, 50)
    update(outlet, skus, "11.00")
    written, planned = threading.Event(), threading.Event()

    def write() -> None:
        with transaction.atomic():
            update(outlet, skus, "11.00", 0)
            written.set()
            planned.wait(20)

    def plan() -> None:
        written.wait(20)
        plan_push(start(outlet).pk, timezone.now())
        planned.set()

    assert in_threads(write, plan) == []
    push = PushHistory.objects.get(status="running")
    assert run_push(push.pk, lambda chunk_id: None).status == "held"
    assert out_of_stock() == 0


def test_an_update_at_any_moment_of_a_push_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two workers send, and in the middle everything goes out of stock: no item of it arrives."""
    outlet = make_outlet()
    skus = known(outlet, 60)
    chance = random.Random(7)
    for number in range(ROUNDS):
        update(outlet, skus, f"{11 + number}.00")
        push = start(outlet)
        plan_push(push.pk, timezone.now())
        wait = chance.uniform(0, 0.3)

        def work(push: PushHistory = push) -> None:
            while chunk_ids := list(PushChunk.objects.filter(push=push, status="waiting").values_list("pk", flat=True)):
                send_chunk(random.choice(chunk_ids), timezone.now())

        def spoil(number: int = number, wait: float = wait) -> None:
            time.sleep(wait)
            update(outlet, skus, f"{11 + number}.00", 0)

        assert in_threads(work, work, spoil) == []
        assert out_of_stock() == 0
        push.refresh_from_db()
        if push.is_open:
            assert push.status == "held"
        update(outlet, skus, f"{11 + number}.00")
        if push.is_open:
            run_push(push.pk, lambda chunk_id: None)
        PushService(outlet).push()
        assert set(memory_state().values()) == {(f"{11 + number}.00", 1)}
    assert Memory.shops
