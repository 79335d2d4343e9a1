"""A chain as large as they come, in the database that Django is connected to: what the pages are measured on."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import islice
from random import Random
from typing import Any

from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.db.models import Model

from integration.demo_catalogue import barcode, catalogue
from integration.history import gist
from integration.models import (
    UNSETTLED,
    ContractVersion,
    DailySum,
    EndpointHealth,
    Outlet,
    OutletProduct,
    Product,
    ProductUpdate,
    ProductUpload,
    PushAttempt,
    PushChunk,
    PushHistory,
    PushPause,
    RejectedItem,
    make_token,
)

OUTLETS = 1000
PRODUCTS = 20_000
SHARE = 10  # an outlet sells one product in so many
PUSHES = 100_000
DETAILED = 10_000  # pushes whose requests are kept
CHUNKS = 400  # of one full push
REJECTED = 2000
UNSYNCED = 3  # outlets whose shops know nothing
LOCATIONS = ("Dubai", "Sharjah", "Abu Dhabi", "Al Ain", "Ajman", "Ras Al Khaimah", "Fujairah", "Umm Al Quwain")
BATCH = 5000

REASONS = (
    "unknown product",
    "no longer sold here",
    "the price is above this category's limit",
    "the price is below the cost price",
    "the barcode is another product's",
    "the category is closed",
    "stock is kept by the warehouse",
    "an offer is running until Sunday",
    "the product waits for an approval",
    "the tax class is missing",
    "the unit of measure is missing",
    "blocked by the shop's owner",
)
OUTLET_PRODUCTS = """
    INSERT INTO integration_outletproduct
        (outlet_id, product_id, selling_price, stock_status, pushed_price, pushed_stock_status, pushed_at,
         waiting_since)
    SELECT o.id, p.id, p.price, p.stock,
        CASE WHEN o.place < {unsynced} THEN NULL WHEN {waits} THEN p.price + 1 ELSE p.price END,
        CASE WHEN o.place < {unsynced} THEN NULL ELSE p.stock END, %(pushed_at)s, %(waiting_since)s
    FROM (SELECT id, id - min(id) OVER () AS place FROM integration_outlet) AS o
    JOIN (SELECT id, id %% {share} AS share, 1.5 + (id %% 400) / 4.0 AS price, 1 - id %% 9 / 8 AS stock,
                 id / {share} %% 100 AS lot FROM integration_product) AS p ON p.share = o.id %% {share}
    ORDER BY o.id, p.id"""
# Two in a hundred, in every other outlet.
WAITS = "o.id %% 2 = 0 AND p.lot IN (o.id %% 100, (o.id + 50) %% 100)"
RUSH = "PRAGMA synchronous=OFF; PRAGMA cache_size=-400000; PRAGMA temp_store=MEMORY"


def build(now: datetime) -> None:
    if connection.vendor == "sqlite":
        for order in RUSH.split(";"):
            execute(order)
    make_people()
    outlets = make_outlets(now)
    make_products()
    make_outlet_products(now)
    make_pushes(outlets, now)
    make_rejected(outlets, now)
    make_records(outlets, now)
    execute("ANALYZE")


def execute(statement: str, values: dict[str, Any] | None = None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def store(model: type[Model], rows: Iterable[Model]) -> list[Any]:
    """In batches, for memory's sake."""
    source, stored = iter(rows), []
    while batch := list(islice(source, BATCH)):
        stored += model._default_manager.bulk_create(batch)
    return stored


def make_people() -> None:
    user = get_user_model().objects.create_user("manager", password=None)
    user.groups.add(Group.objects.get(name="Manager"))


def make_outlets(now: datetime) -> list[Outlet]:
    rows = (
        Outlet(
            platform=("pasons", "talabat")[number % 5 == 0],
            store_id=str(number),
            name=f"Pasons {LOCATIONS[number % 8]} {number}",
            location=LOCATIONS[number % 8],
            is_active=number % 50 != 7,
            api_endpoint="" if number % 40 == 3 else f"https://shop.example/stores/{number}/products",
            api_key="a-long-enough-key",
            api_key_set_at=now,
            push_enabled=number % 20 != 11,
        )
        for number in range(OUTLETS)
    )
    outlets: list[Outlet] = store(Outlet, rows)
    troubled = (outlet for outlet in outlets if outlet.pk % 17 == 0)
    store(EndpointHealth, (health(outlet, now) for outlet in troubled))
    return outlets


def health(outlet: Outlet, now: datetime) -> EndpointHealth:
    until = now + timedelta(minutes=10)
    return EndpointHealth(outlet=outlet, failure_count=6, open_count=2, open_until=until, reason="HTTP 503: closed")


def make_products() -> None:
    articles = catalogue(2000)
    store(
        Product,
        (
            Product(sku=f"9340{n:09d}", name=f"{articles[n % 2000].name}, lot {n // 2000}", barcode=barcode(n))
            for n in range(PRODUCTS)
        ),
    )


def make_outlet_products(now: datetime) -> None:
    """Two millions, of which one in a hundred waits; some may be confirmed."""
    adapt = connection.ops.adapt_datetimefield_value
    times = {"pushed_at": adapt(now - timedelta(hours=3)), "waiting_since": adapt(now - timedelta(hours=1))}
    execute(OUTLET_PRODUCTS.format(unsynced=UNSYNCED, share=SHARE, waits=WAITS), times)
    some = list(OutletProduct.objects.filter(differs=True).order_by("-pk").values_list("pk", flat=True)[:500])
    OutletProduct.objects.filter(pk__in=some).update(confirm_at=now)


# --- pushes -----------------------------------------------------------------------------------------------


def make_pushes(outlets: list[Outlet], now: datetime) -> None:
    """A month of them, in the order in which they were; of the last ones the requests too."""
    chance = Random("pushes")
    times = (now - timedelta(days=30) * (PUSHES - number) / PUSHES for number in range(PUSHES))
    rows = (push_of(outlets[number % OUTLETS], at, number, chance) for number, at in enumerate(times))
    pushes = store(PushHistory, rows)
    store(ProductUpdate, (update_before(push) for push in pushes))
    detailed = pushes[-DETAILED:]
    chunks = store(PushChunk, (chunk_of(push, 1, push.item_count) for push in detailed))
    store(PushAttempt, (attempt_of(chunk) for chunk in chunks))
    large = PushHistory.objects.create(**facts_of(outlets[0], now, CHUNKS * 500, "full"))
    chunks = store(PushChunk, (chunk_of(large, number * 500, 500) for number in range(CHUNKS)))
    store(PushAttempt, (attempt_of(chunk) for chunk in chunks))


def push_of(outlet: Outlet, at: datetime, number: int, chance: Random) -> PushHistory:
    push = PushHistory(**facts_of(outlet, at, chance.randint(1, 80), "full" if number % 50 == 0 else "partial"))
    push.trigger = PushHistory.Trigger.values[number % 5]
    fate = chance.random()
    if fate < 0.05:
        push.status, push.accepted_count, push.response_code = PushHistory.Status.FAILED, 0, 503
        push.error_details = "the shop answered HTTP 503: closed"
    elif fate < 0.10:
        push.status, push.rejected_count = PushHistory.Status.PARTIAL, 1
        push.accepted_count -= 1
    elif fate < 0.12:
        push.status, push.is_cancelled, push.accepted_count = PushHistory.Status.CANCELLED, True, 0
    push.retry_count = int(chance.random() < 0.04)
    return push


def update_before(push: PushHistory) -> ProductUpdate:
    """One came just before each push."""
    update = ProductUpdate(outlet=push.outlet, source="api", changed_count=max(push.item_count, 20))
    update.written_at = push.push_timestamp - timedelta(seconds=1)
    update.changes = [[f"93400000{number:05}", "12.99", 1, "13.99", 1] for number in range(20)]
    return update


def facts_of(outlet: Outlet, at: datetime, count: int, push_type: str) -> dict[str, Any]:
    return {
        "outlet": outlet,
        "platform": outlet.platform,
        "push_type": push_type,
        "trigger": PushHistory.Trigger.SCHEDULE,
        "push_timestamp": at,
        "finished_at": at + timedelta(seconds=2),
        "status": PushHistory.Status.SUCCESS,
        "item_count": count,
        "accepted_count": count,
        "response_code": 200,
        "response_message": f"{count} of {count} items accepted",
    }


def chunk_of(push: PushHistory, first_id: int, count: int) -> PushChunk:
    status = PushChunk.Status.FAILED if push.status == PushHistory.Status.FAILED else PushChunk.Status.DONE
    chunk = PushChunk(push=push, first_id=first_id, last_id=first_id + count, status=status, item_count=count)
    chunk.attempt_count, chunk.accepted_count = 1, push.accepted_count and count
    return chunk


def attempt_of(chunk: PushChunk) -> PushAttempt:
    """Of as many items as a request takes, which the pages must not all read."""
    at = chunk.push.push_timestamp
    rows = [[number + 1, "13.99", 1] for number in range(chunk.item_count)]
    attempt = PushAttempt(chunk=chunk, number=1, started_at=at, finished_at=at + timedelta(seconds=1), items=rows)
    attempt.item_count, attempt.sent_bytes, attempt.received_bytes = len(rows), 62 * len(rows), 60
    failed = chunk.status == PushChunk.Status.FAILED
    attempt.response_code, attempt.outcome = (503, "retry") if failed else (200, "done")
    attempt.error_kind, attempt.error_message = ("http_503", "HTTP 503: closed") if failed else ("", "")
    attempt.response_excerpt = '{"success": true}'
    return attempt


# --- what else there is -------------------------------------------------------------------------------------


def make_rejected(outlets: list[Outlet], now: datetime) -> None:
    """In twelve reasons, in one outlet of ten."""
    refusing = [outlet.pk for outlet in outlets if outlet.pk % 10 == 2]
    waiting = OutletProduct.objects.filter(UNSETTLED, outlet__in=refusing, pushed_price__isnull=False)
    items = list(waiting.order_by("product_id", "outlet_id")[:REJECTED])
    store(RejectedItem, (rejected(item, number, now) for number, item in enumerate(items)))


def rejected(item: OutletProduct, number: int, now: datetime) -> RejectedItem:
    reason = REASONS[number % len(REASONS)]
    assert gist(reason) == reason
    is_held = number % 3 == 0
    return RejectedItem(
        outlet_product=item,
        reason=reason,
        rejected_price=item.selling_price,
        rejected_stock_status=item.stock_status,
        first_rejected_at=now - timedelta(days=2),
        last_rejected_at=now - timedelta(minutes=number),
        rejection_count=3 if is_held else 1,
        identical_count=3 if is_held else 1,
        quarantined_at=now if is_held else None,
    )


def make_records(outlets: list[Outlet], now: datetime) -> None:
    manager = get_user_model().objects.get()
    days = [(now - timedelta(days=31 + number)).date() for number in range(30)]
    store(DailySum, (DailySum(outlet=outlet, date=day, push_count=40) for day in days for outlet in outlets))
    store(ProductUpload, (upload_of(outlets[number % 50], number, now) for number in range(1000)))
    store(ContractVersion, (version_of(number, now) for number in range(1, 51)))
    store(PushPause, (pause_of(number, now) for number in range(50)))
    for number in range(50):
        make_token(f"program {number}", manager.pk, manager.pk, now)
    kind = ContentType.objects.get_for_model(Outlet)
    store(LogEntry, (entry_of(outlets[n % OUTLETS], kind, manager.pk, now - timedelta(hours=n)) for n in range(20_000)))


def upload_of(outlet: Outlet, number: int, now: datetime) -> ProductUpload:
    at = now - timedelta(hours=number)
    facts = {"row_count": 5000, "changed_count": 400, "unchanged_count": 4600, "finished_at": at, "applied_at": at}
    upload = ProductUpload(outlet=outlet, file_name=f"prices-{number}.csv", content=b"", created_at=at, **facts)
    upload.byte_count, upload.status = 200_000, ProductUpload.Status.DONE
    return upload


def version_of(number: int, now: datetime) -> ContractVersion:
    at = now - timedelta(days=60 - number)
    return ContractVersion(platform="pasons", number=number, changes={"batch_size": 100 + number}, created_at=at)


def pause_of(number: int, now: datetime) -> PushPause:
    at = now - timedelta(days=number + 1)
    return PushPause(reason="stocktaking", paused_at=at, ended_at=at + timedelta(hours=1))


def entry_of(outlet: Outlet, kind: ContentType, user_id: int, at: datetime) -> LogEntry:
    message = '[{"changed": {"fields": ["Push enabled"]}, "values": {"push_enabled": [true, false]}, "secrets": {}}]'
    entry = LogEntry(user_id=user_id, content_type=kind, object_id=str(outlet.pk), object_repr=str(outlet))
    entry.action_time, entry.change_message = at, message
    entry.action_flag = ADDITION if at.hour == 0 else CHANGE
    return entry
