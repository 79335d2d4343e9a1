"""Writers of the same rows wait for each other, and never in a circle."""

import random
import threading

import pytest
from django.db import connection, transaction
from django.utils import timezone

from integration.changes import acknowledge, lock, read_items
from integration.models import OutletProduct
from integration.product_update import apply_product_update
from tests.conftest import make_outlet, stock

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = 25


def test_product_updates_and_acknowledgements_of_the_same_items_do_not_deadlock() -> None:
    outlet = make_outlet()
    skus = stock(outlet, 400)
    items = list(OutletProduct.objects.order_by("-product_id"))
    OutletProduct.objects.all().delete()
    for item in items:
        item.pk = None
    OutletProduct.objects.bulk_create(items)  # now the order of the products is not the order of the rows
    errors: list[BaseException] = []

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

    def guarded(work: object, seed: int) -> None:
        try:
            work(seed)  # type: ignore[operator]
        except BaseException as exc:
            errors.append(exc)
        finally:
            connection.close()

    threads = [threading.Thread(target=guarded, args=(work, n)) for n, work in enumerate((update, record) * 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
