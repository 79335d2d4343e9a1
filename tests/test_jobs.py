"""Chunks that the shop works off later: asked for, given up, and never lost."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from integration.delivery import send_chunk
from integration.models import Outlet, OutletProduct, PushAttempt, PushChunk, PushHistory, RejectedItem
from integration.platforms.base import Outcome, SendResult
from integration.platforms.memory import Memory
from integration.push_queue import Ring, cancel_push, plan_push, start_push
from integration.sweep import sweep
from tests.adapters import Meanwhile
from tests.conftest import acknowledged_state, dashboard_state, set_price, stock

pytestmark = pytest.mark.django_db
TAKEN = SendResult(Outcome.JOB, job_id="J1")
PENDING = SendResult(Outcome.JOB, message="the shop is still at it")


@pytest.fixture(autouse=True)
def with_jobs(settings: Any) -> None:
    job = {"id": "job", "url": "{api_endpoint}/jobs/{job_id}", "done": "ok", "every_seconds": 7}
    settings.CONTRACTS = {"memory": {"job": job, "batch_size": 2, "backoff_seconds": 0.001}}


def begin(outlet: Outlet, count: int = 2, *answers: SendResult) -> tuple[PushHistory, list[Ring]]:
    stock(outlet, count)
    Memory.script += answers
    push = start_push(outlet, "partial", "manual", timezone.now()).push
    assert push is not None
    return push, plan_push(push.pk, timezone.now())


def ask(chunk_id: int) -> list[Ring]:
    PushChunk.objects.filter(pk=chunk_id).update(not_before=None)
    return send_chunk(chunk_id, timezone.now())


def test_items_are_acknowledged_when_the_job_says_so_and_not_before(outlet: Outlet) -> None:
    push, (ring,) = begin(outlet, 2, TAKEN, PENDING)
    assert send_chunk(ring.id, timezone.now()) == [Ring("chunk", ring.id, 7)]
    assert ask(ring.id) == [Ring("chunk", ring.id, 7)]
    assert acknowledged_state(outlet) == {}
    assert ask(ring.id) == []
    assert acknowledged_state(outlet) == dashboard_state(outlet)
    push.refresh_from_db()
    assert (push.status, push.accepted_count, PushAttempt.objects.count()) == ("success", 2, 1)


def test_the_values_that_were_sent_are_acknowledged(outlet: Outlet) -> None:
    _, (ring,) = begin(outlet, 1, TAKEN)
    send_chunk(ring.id, timezone.now())
    set_price(outlet, "s00000", "77")
    ask(ring.id)
    assert acknowledged_state(outlet) == {"s00000": ("10.00", 1)}
    assert OutletProduct.objects.get().differs


def test_other_chunks_do_not_wait_for_a_job(outlet: Outlet) -> None:
    _, (first,) = begin(outlet, 8, TAKEN)
    again, *others = send_chunk(first.id, timezone.now())
    assert (again.id, len(others)) == (first.id, 2)
    assert first.id not in {ring.id for ring in others}


def test_asking_is_no_attempt(outlet: Outlet) -> None:
    _, (ring,) = begin(outlet, 1, TAKEN, *[PENDING] * 9)
    send_chunk(ring.id, timezone.now())
    for _ in range(9):
        ask(ring.id)
    assert PushChunk.objects.get().attempt_count == 1
    assert ask(ring.id) == []
    assert PushHistory.objects.get().status == "success"


def test_a_worker_that_dies_asking_leaves_the_job_to_another(outlet: Outlet) -> None:
    _, (ring,) = begin(outlet, 1, TAKEN)
    send_chunk(ring.id, timezone.now())
    for _ in range(4):
        past = timezone.now() - timedelta(seconds=1)
        PushChunk.objects.update(status="sending", claim_token="0" * 32, claimed_until=past)
        assert sweep(timezone.now()) == [Ring("chunk", ring.id)]
    ask(ring.id)
    assert acknowledged_state(outlet) == dashboard_state(outlet)
    assert not OutletProduct.objects.filter(confirm_at__isnull=False).exists()


def test_what_nobody_will_ask_for_is_sent_again_later(outlet: Outlet) -> None:
    push, (ring,) = begin(outlet, 2, TAKEN)
    send_chunk(ring.id, timezone.now())
    cancel_push(push.pk, "asha", timezone.now())
    push.refresh_from_db()
    assert (push.status, PushChunk.objects.get().status) == ("cancelled", "failed")
    assert OutletProduct.objects.filter(confirm_at__gt=timezone.now()).count() == 2


def test_an_outlet_that_is_switched_off_meanwhile_leaves_nothing_behind(outlet: Outlet) -> None:
    _, (ring,) = begin(outlet, 2, TAKEN)
    send_chunk(ring.id, timezone.now())
    Outlet.objects.update(push_enabled=False)
    ask(ring.id)
    assert PushHistory.objects.get().status == "cancelled"
    assert OutletProduct.objects.filter(confirm_at__isnull=False).count() == 2


def test_a_push_that_is_cancelled_while_the_shop_takes_a_chunk(outlet: Outlet, settings: Any) -> None:
    settings.PLATFORMS = {"memory": "tests.adapters.Meanwhile"}
    push, (ring,) = begin(outlet, 2)
    Meanwhile.hook = lambda: cancel_push(push.pk, "asha", timezone.now())
    Memory.script.append(TAKEN)
    send_chunk(ring.id, timezone.now())
    push.refresh_from_db()
    assert push.status == "cancelled"
    assert OutletProduct.objects.filter(confirm_at__isnull=False).count() == 2


def test_what_was_refused_at_once_is_counted_once(outlet: Outlet) -> None:
    taken = SendResult(Outcome.JOB, job_id="J1", rejected={"s00000": "unknown product"})
    push, (ring,) = begin(outlet, 2, taken, PENDING)
    send_chunk(ring.id, timezone.now())
    ask(ring.id)
    ask(ring.id)
    push.refresh_from_db()
    assert (push.status, push.accepted_count, push.rejected_count) == ("partial", 1, 1)
    assert RejectedItem.objects.get().rejection_count == 1
    assert list(acknowledged_state(outlet)) == ["s00001"]


def test_places_in_a_job_s_answer_are_those_of_the_request(outlet: Outlet, settings: Any) -> None:
    """Also where an item was refused at once, and another one's product has gone meanwhile."""
    settings.CONTRACTS["memory"]["batch_size"] = 4
    taken = SendResult(Outcome.JOB, job_id="J1", rejected={"s00000": "unknown product"})
    _, (ring,) = begin(outlet, 4, taken)
    send_chunk(ring.id, timezone.now())
    OutletProduct.objects.filter(product__sku="s00001").delete()
    asked: list[str] = []
    settings.PLATFORMS = {"memory": "tests.adapters.Meanwhile"}
    Meanwhile.hook = lambda: None
    original = Meanwhile.poll
    Meanwhile.poll = lambda self, job_id, items: asked.extend(i.sku for i in items) or original(self, job_id, items)  # type: ignore[method-assign]
    try:
        ask(ring.id)
    finally:
        Meanwhile.poll = original  # type: ignore[method-assign]
    assert asked == ["s00000", "", "s00002", "s00003"]
    assert set(acknowledged_state(outlet)) == {"s00002", "s00003"}


def test_the_push_after_a_job_that_is_over_its_time_sends_again(outlet: Outlet) -> None:
    push, (ring,) = begin(outlet, 1, TAKEN, PENDING)
    send_chunk(ring.id, timezone.now())
    PushAttempt.objects.update(started_at=timezone.now() - timedelta(hours=1))
    ask(ring.id)
    push.refresh_from_db()
    assert (push.status, PushAttempt.objects.get().error_kind) == ("failed", "job_overdue")
    assert "did not end its job within 900 s (the shop is still at it)" in push.error_details
    assert OutletProduct.objects.get().confirm_at is not None


def test_a_shop_that_names_a_far_time_is_asked_in_a_quarter_of_an_hour(outlet: Outlet) -> None:
    _, (ring,) = begin(outlet, 1, TAKEN, SendResult(Outcome.JOB, error_kind="http_503", retry_after=10**9))
    send_chunk(ring.id, timezone.now())
    (again,) = ask(ring.id)
    assert again.delay == 900
