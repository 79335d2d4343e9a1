"""Pushes of the past: the engine makes them now, by a clock that was set back. Older ones are written as rows."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from unittest import mock

from django.db.models import F, QuerySet
from django.utils import timezone

from integration.delivery import send_chunk
from integration.models import Outlet, OutletProduct, ProductUpdate, PushAttempt, PushChunk, PushHistory
from integration.platforms.base import Outcome
from integration.push_queue import cancel_push, plan_push, start_push
from integration.update_record import Change, Sender, UpdateRecord

STEPS = (Decimal("0.25"), Decimal("0.50"), Decimal("1.00"))


class Clock:
    """What the engine takes for the present: `moment`, and since then as much as has really passed."""

    def __init__(self, moment: datetime) -> None:
        self.real = timezone.now
        self.set(moment)

    def __call__(self) -> datetime:
        return self.moment + (self.real() - self.began)

    def set(self, moment: datetime) -> None:
        self.moment, self.began = moment, self.real()


@contextmanager
def clock_at(moment: datetime) -> Iterator[Clock]:
    """Only where nothing else of the service runs in this process."""
    clock = Clock(moment)
    with mock.patch.object(timezone, "now", clock):
        yield clock


def push_at(
    outlet: Outlet, at: datetime, push_type: str = "partial", trigger: str = "schedule", user_id: int | None = None
) -> PushHistory | None:
    """A whole push of then, with every try and no waiting."""
    with clock_at(at) as clock:
        push = start_push(outlet, push_type, trigger, at, user_id).push
        if push is None:
            return None
        plan_push(push.pk, at)
        waiting = PushChunk.objects.filter(push=push, status=PushChunk.Status.WAITING).order_by("first_id")
        while chunk := waiting.first():
            clock.set(max(clock(), chunk.not_before or at))
            send_chunk(chunk.pk, timezone.now())
    push.refresh_from_db()
    return push


def change_at(outlet: Outlet, count: int, at: datetime, chance: Random, sender: Sender) -> None:
    """Other prices for two thirds of `count` products, another stock status for the rest."""
    mine = OutletProduct.objects.filter(outlet=outlet)
    ids = chance.sample(list(mine.values_list("pk", flat=True)), count)
    dearer, sold_out = ids[: count - count // 3], ids[count - count // 3 :]
    with update_at(mine.filter(pk__in=ids), at, sender):
        mine.filter(pk__in=dearer).update(selling_price=F("selling_price") + chance.choice(STEPS))
        mine.filter(pk__in=sold_out).update(stock_status=1 - F("stock_status"))


def change_skus_at(outlet: Outlet, skus: list[str], at: datetime, sender: Sender) -> None:
    mine = OutletProduct.objects.filter(outlet=outlet, product__sku__in=skus)
    with update_at(mine, at, sender):
        mine.update(selling_price=F("selling_price") + STEPS[-1])


@contextmanager
def update_at(items: QuerySet[OutletProduct], at: datetime, sender: Sender) -> Iterator[None]:
    """What is done to these items of an outlet is a product update of then; nobody is told of it."""
    # Since when a row waits is the first change that the shop does not know.
    items.filter(differs=False).update(waiting_since=at)
    before = values_of(items)
    yield
    after = values_of(items)
    changes = [Change(*before[pk], *after[pk][2:]) for pk in before]
    record = UpdateRecord(items.values_list("outlet", flat=True)[0], sender)
    record.add(changes)
    assert record.pk is not None
    ProductUpdate.objects.filter(pk=record.pk).update(written_at=at)


def values_of(items: QuerySet[OutletProduct]) -> dict[int, tuple[Any, ...]]:
    """By id: SKU, name, price, stock."""
    names = ("product__sku", "product__name", "selling_price", "stock_status")
    return {pk: tuple(values) for pk, *values in items.order_by("pk").values_list("pk", *names)}


def cancel_at(outlet: Outlet, at: datetime, user_id: int | None) -> None:
    """A push that somebody has stopped before its first request."""
    with clock_at(at):
        push = start_push(outlet, "partial", PushHistory.Trigger.MANUAL, at, user_id).push
        if push is not None:
            plan_push(push.pk, at)
            cancel_push(push.pk, "operator", at + timedelta(seconds=4))


# --- older ones -------------------------------------------------------------------------------------------


def write_pushes(outlet: Outlet, times: list[datetime], chance: Random) -> None:
    """Pushes of one request each that went well, as the engine would have left them, before a full push."""
    items = OutletProduct.objects.filter(outlet=outlet).order_by("product_id")
    known = list(items.values_list("pk", "product_id", "selling_price", "stock_status"))
    sent = [sorted(chance.sample(known, chance.randint(3, 60))) for _ in times]
    pushes = PushHistory.objects.bulk_create(
        past_push(outlet, at, len(rows)) for at, rows in zip(times, sent, strict=True)
    )
    chunks = PushChunk.objects.bulk_create(past_chunk(push, rows) for push, rows in zip(pushes, sent, strict=True))
    PushAttempt.objects.bulk_create(past_attempt(chunk, rows, chance) for chunk, rows in zip(chunks, sent, strict=True))


def past_push(outlet: Outlet, at: datetime, count: int) -> PushHistory:
    return PushHistory(
        outlet=outlet,
        platform=outlet.platform,
        push_type=PushHistory.PushType.PARTIAL,
        trigger=PushHistory.Trigger.PRODUCT_UPDATE if outlet.push_after_update else PushHistory.Trigger.SCHEDULE,
        push_timestamp=at,
        finished_at=at + timedelta(seconds=0.4),
        status=PushHistory.Status.SUCCESS,
        item_count=count,
        accepted_count=count,
        response_code=200,
        response_message=f"{count} of {count} items accepted",
    )


def past_chunk(push: PushHistory, rows: list[tuple[int, int, Decimal, int]]) -> PushChunk:
    return PushChunk(
        push=push,
        first_id=rows[0][1],
        last_id=rows[-1][1],
        status=PushChunk.Status.DONE,
        attempt_count=1,
        rung_at=push.push_timestamp,
        item_count=len(rows),
        accepted_count=len(rows),
    )


def past_attempt(chunk: PushChunk, rows: list[tuple[int, int, Decimal, int]], chance: Random) -> PushAttempt:
    started_at = chunk.push.push_timestamp + timedelta(seconds=0.05)
    answer = f'{{"success": true, "accepted": {len(rows)}, "errors": []}}'
    return PushAttempt(
        chunk=chunk,
        number=1,
        started_at=started_at,
        finished_at=started_at + timedelta(seconds=0.05 + 0.25 * chance.random()),
        items=[[pk, str(price), stock] for pk, _, price, stock in rows],
        item_count=len(rows),
        sent_bytes=2 + 62 * len(rows),
        received_bytes=len(answer),
        response_code=200,
        response_excerpt=answer,
        outcome=Outcome.DONE,
    )
