"""What was left behind is found and brought on its way."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from integration.claims import claim_chunk
from integration.delivery import send_chunk
from integration.models import Outlet, OutletProduct, PushAttempt, PushChunk, PushHistory, Rescue
from integration.platforms.base import Outcome, SendResult
from integration.platforms.memory import Memory
from integration.preparation import prepare
from integration.push_queue import Ring, plan_push, start_push
from integration.push_service import run_push
from integration.sweep import sweep
from tests.conftest import make_outlet, memory_state, stock

pytestmark = pytest.mark.django_db


def begin(outlet: Outlet, count: int = 1) -> tuple[PushHistory, PushChunk]:
    stock(outlet, count)
    push = start_push(outlet, "partial", "manual", timezone.now()).push
    assert push is not None
    plan_push(push.pk, timezone.now())
    chunk = push.chunks.first()
    assert chunk is not None
    return push, chunk


def abandon(chunk: PushChunk) -> None:
    """Claim the chunk and write its attempt, as a worker does before it is killed."""
    sending, _ = prepare(chunk.pk, timezone.now())
    assert sending is not None
    PushChunk.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))


def test_nothing_is_found_where_nothing_is_stuck(outlet: Outlet) -> None:
    begin(outlet)
    assert sweep(timezone.now()) == []


def test_a_quiet_sweep_costs_ten_queries() -> None:
    with CaptureQueriesContext(connection) as queries:
        sweep(timezone.now())
    assert len(queries) <= 10


def test_a_push_whose_message_was_lost_is_rung_after_a_minute(outlet: Outlet) -> None:
    stock(outlet, 1)
    now = timezone.now()
    push = start_push(outlet, "partial", "manual", now).push
    assert push is not None
    assert sweep(now + timedelta(seconds=59)) == []
    assert sweep(now + timedelta(seconds=61)) == [Ring("push", push.pk)]


def test_a_chunk_whose_message_was_lost_is_rung_once_a_minute(outlet: Outlet) -> None:
    _, chunk = begin(outlet)
    later = timezone.now() + timedelta(seconds=61)
    assert sweep(later) == [Ring("chunk", chunk.pk)]
    assert sweep(later + timedelta(seconds=59)) == []
    assert sweep(later + timedelta(seconds=61)) == [Ring("chunk", chunk.pk)]


def test_a_chunk_that_waits_for_its_time_is_left_alone(outlet: Outlet) -> None:
    _, chunk = begin(outlet)
    now = timezone.now()
    PushChunk.objects.update(not_before=now + timedelta(seconds=600))
    assert sweep(now + timedelta(seconds=599)) == []
    assert sweep(now + timedelta(seconds=601)) == [Ring("chunk", chunk.pk)]
    assert not Rescue.objects.exists()


def test_a_claim_of_a_dead_worker_is_taken_back_and_its_items_are_confirmed(outlet: Outlet) -> None:
    _, chunk = begin(outlet)
    abandon(chunk)
    now = timezone.now()
    assert sweep(now) == [Ring("chunk", chunk.pk)]
    attempt = PushAttempt.objects.get()
    assert (attempt.error_kind, attempt.finished_at) == ("worker_lost", now)
    assert OutletProduct.objects.get().confirm_at == now + timedelta(seconds=300)
    send_chunk(chunk.pk, timezone.now())
    assert PushHistory.objects.get().status == "success"
    assert len(memory_state()) == 1


def test_a_claim_that_holds_is_left_alone(outlet: Outlet) -> None:
    _, chunk = begin(outlet)
    assert claim_chunk(chunk) is not None
    assert sweep(timezone.now()) == []


def test_a_chunk_that_kills_its_worker_ends(outlet: Outlet) -> None:
    push, chunk = begin(outlet)
    for _ in range(3):
        abandon(chunk)
        sweep(timezone.now())
    push.refresh_from_db()
    assert (push.status, push.error_details) == ("failed", "the worker did not report back")
    assert PushAttempt.objects.count() == 3
    assert OutletProduct.objects.get().differs


def test_a_push_that_nobody_ended_is_ended(outlet: Outlet) -> None:
    push, _ = begin(outlet)
    PushChunk.objects.update(status="done", accepted_count=1)
    sweep(timezone.now())
    push.refresh_from_db()
    assert (push.status, push.accepted_count) == ("success", 1)


def test_items_to_confirm_start_a_push_when_they_are_due(outlet: Outlet) -> None:
    stock(outlet, 1)
    now = timezone.now()
    OutletProduct.objects.update(
        pushed_price="10.00", pushed_stock_status=1, pushed_at=now, confirm_at=now + timedelta(seconds=9)
    )
    assert sweep(now) == []
    (ring,) = sweep(now + timedelta(seconds=10))
    assert ring == Ring("push", PushHistory.objects.get(trigger="confirm").pk)


@pytest.mark.parametrize(
    "answer",
    [
        SendResult(Outcome.REFUSED, status_code=404, error_kind="http_404", message="no such path"),
        SendResult(Outcome.DONE, rejected={"s00000": "not now"}),
        SendResult(Outcome.RETRY, status_code=429, error_kind="http_429", message="too many"),
    ],
)
def test_what_cannot_be_confirmed_is_not_tried_every_minute(
    outlet: Outlet, answer: SendResult, quick: Callable[..., None]
) -> None:
    quick(attempts=1)
    stock(outlet, 1)
    now = timezone.now()
    OutletProduct.objects.update(pushed_price="10.00", pushed_stock_status=1, pushed_at=now, confirm_at=now)
    Memory.script.append(answer)
    (ring,) = sweep(now)
    run_push(ring.id, lambda chunk_id: None)
    assert sweep(now + timedelta(minutes=14)) == []
    assert len(sweep(now + timedelta(minutes=16))) == 1


def test_an_outlet_that_cannot_push_does_not_stop_the_sweep(outlet: Outlet) -> None:
    broken = make_outlet("1", "pasons")
    stock(broken, 1)
    stock(outlet, 1)
    OutletProduct.objects.update(confirm_at=timezone.now())
    sweep(timezone.now())
    assert [push.outlet for push in PushHistory.objects.all()] == [outlet]
