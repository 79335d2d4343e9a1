"""Writers of the same rows wait for each other, and never in a circle."""

import functools
import random
import threading
from collections.abc import Callable
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.utils import timezone

from integration.changes import acknowledge, lock, read_items
from integration.delivery import send_chunk
from integration.models import OutletProduct, PushHistory
from integration.product_update import apply_product_update
from integration.push_queue import plan_push, start_push
from integration.push_service import run_push, send_again
from tests.conftest import make_outlet, stock

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = 25


def test_a_full_push_that_is_asked_for_as_another_ends_is_never_lost() -> None:
    """Of everything that is asked for while pushes end, the last full push comes."""
    outlet = make_outlet()
    stock(outlet, 3)
    for _ in range(ROUNDS):
        push = start_push(outlet, "full", "manual", timezone.now()).push
        assert push is not None
        (ring,) = plan_push(push.pk, timezone.now())
        asked = in_threads(
            lambda ring=ring: send_chunk(ring.id, timezone.now()),
            lambda: start_push(outlet, "full", "product_update", timezone.now()),
        )
        assert asked == []
        following = PushHistory.objects.get(trigger="product_update")
        run_push(following.pk, lambda chunk_id: None)
        PushHistory.objects.all().delete()


def turn_rows_around() -> None:
    """The order of the products is not the order of their rows any more."""
    items = list(OutletProduct.objects.order_by("-product_id"))
    OutletProduct.objects.all().delete()
    for item in items:
        item.pk = None
    OutletProduct.objects.bulk_create(items)


def in_threads(*works: Callable[[], object]) -> list[BaseException]:
    errors: list[BaseException] = []

    def guarded(work: Callable[[], object]) -> None:
        try:
            work()
        except BaseException as exc:
            errors.append(exc)
        finally:
            connection.close()

    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


def test_an_update_that_finds_its_values_waits_for_another_that_is_changing_them() -> None:
    """The later one wins, also where it changes nothing of what can be seen when it begins."""
    if connection.vendor == "sqlite":
        pytest.skip("there is one writer at a time")
    outlet = make_outlet()
    (sku,) = stock(outlet, 1, "10.00")
    written, went = threading.Event(), threading.Event()

    def change() -> None:
        with transaction.atomic():
            apply_product_update(outlet, [{"sku": sku, "selling_price": "20.00", "stock_status": 1}])
            written.set()
            assert not went.wait(0.5)

    def keep() -> None:
        written.wait(20)
        apply_product_update(outlet, [{"sku": sku, "selling_price": "10.00", "stock_status": 1}])
        went.set()

    assert in_threads(change, keep) == []
    assert went.is_set()
    assert list(OutletProduct.objects.values_list("selling_price", flat=True)) == [Decimal("10.00")]


def test_product_updates_and_items_that_are_to_be_sent_again_do_not_deadlock() -> None:
    outlet = make_outlet()
    skus = stock(outlet, 400)

    def update(seed: int) -> None:
        for number in range(ROUNDS):
            price = str(10 + seed + number)
            apply_product_update(outlet, [{"sku": sku, "selling_price": price, "stock_status": 1} for sku in skus])

    def again() -> None:
        for _ in range(ROUNDS):
            send_again(outlet, skus, timezone.now())

    assert in_threads(functools.partial(update, 0), again, functools.partial(update, 50), again) == []


def test_product_updates_and_acknowledgements_of_the_same_items_do_not_deadlock() -> None:
    outlet = make_outlet()
    skus = stock(outlet, 400)
    turn_rows_around()

    def update(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(ROUNDS):
            rows = [
                {"sku": sku, "selling_price": str(chance.randint(1, 99)), "stock_status": 1}
                for sku in chance.sample(skus, 300)
            ]
            apply_product_update(
                outlet, [*rows, {"sku": f"new{chance.random()}", "selling_price": 1, "stock_status": 1}]
            )

    def record(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(ROUNDS):
            items = read_items(OutletProduct.objects.filter(outlet=outlet), 0, 10**9, 400)
            chance.shuffle(items)
            with transaction.atomic():
                lock(item.id for item in items)
                acknowledge(items, timezone.now(), timezone.now())

    assert in_threads(*(functools.partial(work, n) for n, work in enumerate((update, record) * 2))) == []
