"""Writers of the same rows wait for each other, and never in a circle."""

import functools
import random
import threading
from collections.abc import Callable

import pytest
from django.db import connection, transaction
from django.utils import timezone

from integration.changes import acknowledge, lock, read_items
from integration.delivery import send_chunk
from integration.models import OutletProduct, PushHistory
from integration.product_update import apply_product_update
from integration.push_queue import plan_push, start_push
from integration.push_service import run_push
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


def test_product_updates_and_acknowledgements_of_the_same_items_do_not_deadlock() -> None:
    outlet = make_outlet()
    skus = stock(outlet, 400)
    items = list(OutletProduct.objects.order_by("-product_id"))
    OutletProduct.objects.all().delete()
    for item in items:
        item.pk = None
    OutletProduct.objects.bulk_create(items)  # now the order of the products is not the order of the rows

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
