"""A push can be cancelled, and has to end."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from integration.delivery import record, send_chunk
from integration.models import Outlet, OutletProduct, PushAttempt, PushChunk, PushHistory, Rescue
from integration.platforms.base import Outcome, SendResult, skus
from integration.preparation import prepare
from integration.push_queue import cancel_push, plan_push, start_push, stop_push
from integration.push_service import run_push
from integration.sweep import sweep
from tests.conftest import make_outlet, memory_state, stock

pytestmark = pytest.mark.django_db


def begin(outlet: Outlet, count: int = 1000) -> tuple[PushHistory, list[int]]:
    stock(outlet, count)
    push = start_push(outlet, "full", "manual", timezone.now()).push
    assert push is not None
    plan_push(push.pk, timezone.now())
    return push, list(push.chunks.values_list("pk", flat=True))


def test_a_cancelled_push_sends_nothing_more(outlet: Outlet) -> None:
    push, (first, second) = begin(outlet)
    send_chunk(first, timezone.now())
    cancel_push(push.pk, "asha", timezone.now())
    assert send_chunk(second, timezone.now()) == []
    push.refresh_from_db()
    assert (push.status, push.accepted_count, push.error_details) == ("cancelled", 500, "cancelled by asha")
    assert (PushAttempt.objects.count(), len(memory_state())) == (1, 500)
    assert OutletProduct.objects.filter(differs=True).count() == 500


def test_a_request_that_is_under_way_still_counts(outlet: Outlet) -> None:
    push, (first, _) = begin(outlet)
    sending, _ = prepare(first, timezone.now())
    assert sending is not None
    cancel_push(push.pk, "asha", timezone.now())
    push.refresh_from_db()
    assert push.is_open
    record(sending, SendResult(Outcome.DONE, accepted=skus(sending.items)), timezone.now())
    push.refresh_from_db()
    assert (push.status, push.accepted_count) == ("cancelled", 500)


def test_a_request_that_fails_after_the_cancel_is_not_tried_again(outlet: Outlet) -> None:
    push, (first, _) = begin(outlet)
    sending, _ = prepare(first, timezone.now())
    assert sending is not None
    cancel_push(push.pk, "asha", timezone.now())
    assert record(sending, SendResult(Outcome.RETRY), timezone.now()) == []
    push.refresh_from_db()
    assert push.status == "cancelled"


def test_what_was_asked_for_meanwhile_is_cancelled_too(outlet: Outlet) -> None:
    push, _ = begin(outlet)
    start_push(outlet, "full", "manual", timezone.now())
    assert cancel_push(push.pk, "asha", timezone.now()) == []
    assert PushHistory.objects.count() == 1


def test_a_push_that_is_stopping_is_cancelled_with_what_was_asked_for_meanwhile(outlet: Outlet) -> None:
    push, (first, _) = begin(outlet)
    sending, _ = prepare(first, timezone.now())
    assert sending is not None
    stop_push(push.pk, "the shop is closed", timezone.now())
    start_push(outlet, "full", "manual", timezone.now())
    assert cancel_push(push.pk, "asha", timezone.now()) == []
    assert record(sending, SendResult(Outcome.DONE, accepted=skus(sending.items)), timezone.now()) == []
    push = PushHistory.objects.get()
    assert (push.status, push.accepted_count, push.error_details) == ("cancelled", 500, "the shop is closed")


def test_a_push_that_is_over_cannot_be_cancelled(outlet: Outlet) -> None:
    push, _ = begin(outlet)
    run_push(push.pk, lambda chunk_id: None)
    cancel_push(push.pk, "asha", timezone.now())
    push.refresh_from_db()
    assert push.status == "success"


def test_an_outlet_s_open_push_is_cancelled_by_command(outlet: Outlet, capsys: Any) -> None:
    push, _ = begin(outlet)
    call_command("cancel_push", "--outlet", "007")
    assert capsys.readouterr().out == f"push {push.pk} sends nothing more\n"
    with pytest.raises(CommandError, match="has no open push"):
        call_command("cancel_push", "--outlet", "007")


def later(hours: float) -> datetime:
    return timezone.now() + timedelta(hours=hours)


def test_a_push_that_does_not_end_before_its_deadline_is_stopped(outlet: Outlet) -> None:
    push, _ = begin(outlet)
    PushChunk.objects.update(not_before=later(9))
    sweep(later(1.9))
    push.refresh_from_db()
    assert push.is_open
    sweep(later(2.1))
    push.refresh_from_db()
    assert (push.status, push.error_details) == ("failed", "the push did not end before its deadline")


def test_a_push_past_its_deadline_ends_even_if_its_worker_died(outlet: Outlet) -> None:
    push, (first, _) = begin(outlet)
    prepare(first, timezone.now())
    PushChunk.objects.filter(pk=first).update(claimed_until=later(-1))
    sweep(later(3))
    push.refresh_from_db()
    assert (push.status, PushAttempt.objects.get().error_kind) == ("failed", "worker_lost")


def test_what_the_sweep_rescues_is_counted_by_the_day_of_the_place(outlet: Outlet, settings: Any) -> None:
    settings.PUSH_DEADLINE_SECONDS = 10**6
    begin(outlet, 1)
    for other in ("8", "9"):
        stock(make_outlet(other), 1)
        start_push(Outlet.objects.get(store_id=other), "full", "manual", timezone.now())
    now = (later(0.1) + timedelta(days=1)).replace(hour=22)  # it is tomorrow in Dubai
    sweep(now)
    today = timezone.localdate(now)
    assert list(Rescue.objects.values_list("date", "kind", "count")) == [
        (today, "unheard", 1),
        (today, "unplanned", 2),
    ]
