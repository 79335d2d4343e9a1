"""The chain of the soak: outlets with products, somebody who manages them, the schedule, and who is told of trouble."""

import secrets
from decimal import Decimal
from typing import NamedTuple

from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import transaction
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from benchmarks.soak import speed
from integration.demo_chain import DEMO_KEY
from integration.models import AlertTarget, Outlet, OutletProduct, Product, make_token
from integration.schedules import PRUNE, PUSH, SWEEP, Interval, find_interval

OUTLETS, PRODUCTS = 13, 2000
PERSON = "soak"


class Chain(NamedTuple):
    outlet_ids: dict[str, int]  # by store id
    product_ids: dict[str, int]  # by SKU
    scheduled: frozenset[str]  # stores that are not pushed to after each update
    password: str
    token: str


def sku_of(number: int) -> str:
    return f"{934095_000000 + number}"


def make_chain(shop_url: str, receiver_url: str) -> Chain:
    call_command("migrate", verbosity=0)
    set_schedule(PUSH, speed.SCHEDULE_SECONDS)
    set_schedule(SWEEP, speed.SWEEP_SECONDS)
    set_schedule(PRUNE, speed.PRUNE_SECONDS)
    password = secrets.token_urlsafe(16)
    person = get_user_model().objects.create_superuser(PERSON, password=password)
    _row, token = make_token("soak", person.pk, person.pk, timezone.now())
    AlertTarget.objects.create(name="receiver", url=receiver_url, kind="Webhook", created_at=timezone.now())
    Product.objects.bulk_create(Product(sku=sku_of(n), name=f"Product {n}") for n in range(PRODUCTS))
    product_ids = dict(Product.objects.values_list("sku", "pk"))
    outlets = [add_outlet(number, shop_url, product_ids) for number in range(1, OUTLETS + 1)]
    scheduled = frozenset(outlet.store_id for outlet in outlets if not outlet.push_after_update)
    return Chain({outlet.store_id: outlet.pk for outlet in outlets}, product_ids, scheduled, password, token)


def set_schedule(task: str, seconds: int) -> None:
    row = PeriodicTask.objects.get(task=task)
    row.interval = find_interval(Interval(seconds, IntervalSchedule.SECONDS))
    row.save()


@transaction.atomic
def add_outlet(number: int, shop_url: str, product_ids: dict[str, int]) -> Outlet:
    store_id = f"{number:03d}"
    outlet = Outlet(
        platform="pasons",
        store_id=store_id,
        name=f"Branch {store_id}",
        api_endpoint=f"{shop_url}/stores/{store_id}/products",
        push_enabled=True,
        push_after_update=number % 4 != 0,
    )
    outlet.set_secret("api_key", DEMO_KEY, timezone.now())
    outlet.save()
    OutletProduct.objects.bulk_create(
        OutletProduct(outlet=outlet, product_id=pk, selling_price=first_price(place), stock_status=1)
        for place, pk in enumerate(product_ids.values())
    )
    return outlet


def first_price(place: int) -> Decimal:
    return Decimal(100 + place * 37 % 9900) / 100
