"""The breaker of an endpoint."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from integration import health
from integration.delivery import send_chunk
from integration.models import EndpointHealth, Outlet, OutletProduct, PushAttempt, PushChunk, PushHistory
from integration.obstacles import CannotPush
from integration.platforms.base import Outcome, SendResult
from integration.platforms.memory import Memory
from integration.push_queue import plan_push, start_push
from integration.push_service import PushService
from integration.sweep import sweep
from tests.conftest import dashboard_state, memory_state, set_price, stock

pytestmark = pytest.mark.django_db
DOWN = SendResult(Outcome.RETRY, error_kind="connect", message="Connection refused")


def fail(outlet: Outlet, times: int, chance: float = 0) -> list[bool]:
    now = timezone.now()
    return [health.note_failure(outlet.pk, "down", now, limit=5, first=30, chance=chance) for _ in range(times)]


def let_time_pass(outlet: Outlet) -> None:
    EndpointHealth.objects.update(open_until=timezone.now() - timedelta(seconds=1))


def test_it_opens_at_the_fifth_failure_in_a_row(outlet: Outlet) -> None:
    assert fail(outlet, 4) == [False] * 4
    assert health.enter(outlet.pk, timezone.now()) == 0
    assert fail(outlet, 1) == [True]
    assert 28 < health.enter(outlet.pk, timezone.now()) <= 30


def test_a_success_in_between_starts_the_count_anew(outlet: Outlet) -> None:
    fail(outlet, 4)
    health.note_success(outlet.pk)
    assert fail(outlet, 4) == [False] * 4


def test_half_open_lets_exactly_one_try(outlet: Outlet) -> None:
    fail(outlet, 5)
    let_time_pass(outlet)
    now = timezone.now()
    assert [health.enter(outlet.pk, now) for _ in range(3)] == [0, health.PROBE_WAIT, health.PROBE_WAIT]


def test_a_probe_that_fails_opens_it_for_longer(outlet: Outlet) -> None:
    fail(outlet, 5)
    let_time_pass(outlet)
    health.enter(outlet.pk, timezone.now())
    assert fail(outlet, 1) == [True]
    assert 58 < health.enter(outlet.pk, timezone.now()) <= 60


def test_a_probe_that_works_closes_it(outlet: Outlet) -> None:
    fail(outlet, 5)
    let_time_pass(outlet)
    health.enter(outlet.pk, timezone.now())
    health.note_success(outlet.pk)
    assert [health.enter(outlet.pk, timezone.now()) for _ in range(3)] == [0, 0, 0]
    assert fail(outlet, 1) == [False]


def test_a_probe_whose_worker_died_leaves_its_place_to_another(outlet: Outlet) -> None:
    fail(outlet, 5)
    let_time_pass(outlet)
    health.enter(outlet.pk, timezone.now())
    EndpointHealth.objects.update(probe_until=timezone.now() - timedelta(seconds=1))
    assert health.enter(outlet.pk, timezone.now()) == 0


# --- a shop that names its own time ----------------------------------------------------------------------


def test_retry_after_holds_back_every_request_of_the_outlet(outlet: Outlet, settings: Any) -> None:
    settings.PUSH_WINDOW = 2
    stock(outlet, 1500)
    push = start_push(outlet, "full", "manual", timezone.now()).push
    assert push is not None
    (first,) = plan_push(push.pk, timezone.now())
    second, third = send_chunk(first.id, timezone.now())
    Memory.script.append(SendResult(Outcome.RETRY, error_kind="http_429", status_code=429, retry_after=40))
    (again,) = send_chunk(second.id, timezone.now())
    (held,) = send_chunk(third.id, timezone.now())
    assert (again.delay, held.id) == (40, third.id)
    assert 39 < held.delay <= 40
    assert PushAttempt.objects.count() == 2
    assert PushChunk.objects.get(pk=third.id).attempt_count == 0
    assert health.enter(outlet.pk, timezone.now() + timedelta(seconds=41)) == 0


def test_retry_after_is_obeyed_for_a_quarter_of_an_hour_at_most(outlet: Outlet) -> None:
    now = timezone.now()
    health.leave_alone(outlet.pk, 10**6, now)
    health.leave_alone(outlet.pk, 1, now)
    assert health.enter(outlet.pk, now) == 900


def test_another_endpoint_is_not_held(outlet: Outlet) -> None:
    health.leave_alone(outlet.pk, 60, timezone.now())
    health.reset_health(outlet.pk)
    assert health.enter(outlet.pk, timezone.now()) == 0


# --- in a push ------------------------------------------------------------------------------------------


def test_a_dead_shop_gets_five_requests_and_the_push_stops(outlet: Outlet) -> None:
    stock(outlet, 5000)
    Memory.script += [DOWN] * 20
    push = start_push(outlet, "full", "manual", timezone.now()).push
    assert push is not None
    rings = plan_push(push.pk, timezone.now())
    while rings:
        PushChunk.objects.update(not_before=None)
        rings = send_chunk(rings[0].id, timezone.now())
    push.refresh_from_db()
    assert (push.status, PushAttempt.objects.count()) == ("failed", 5)
    assert "after several failures the endpoint is left alone for a while" in push.error_details
    assert not PushChunk.objects.filter(status__in=PushChunk.OPEN).exists()


def test_while_it_is_open_nothing_is_sent_and_changes_go_on_coalescing(outlet: Outlet) -> None:
    stock(outlet, 3)
    fail(outlet, 5)
    with pytest.raises(CannotPush, match=r"left alone until .* after 5 failures \(down\)"):
        PushService(outlet).push()
    assert (PushHistory.objects.count(), sweep(timezone.now())) == (0, [])
    assert OutletProduct.objects.filter(differs=True).count() == 3


def test_after_its_time_the_sweep_pushes_what_has_gathered(outlet: Outlet) -> None:
    stock(outlet, 3)
    fail(outlet, 5)
    let_time_pass(outlet)
    (ring,) = sweep(timezone.now())
    assert PushHistory.objects.get().trigger == "recovery"
    for chunk in plan_push(ring.id, timezone.now()):
        send_chunk(chunk.id, timezone.now())
    assert PushHistory.objects.get().status == "success"
    assert memory_state() == dashboard_state(outlet)
    assert EndpointHealth.objects.get().open_until is None


def test_a_full_push_that_was_asked_for_is_pushed_when_the_breaker_lets_it(outlet: Outlet) -> None:
    """Asked for during a push that then opens the breaker."""
    stock(outlet, 3)
    PushService(outlet).push()
    set_price(outlet, "s00000", "11")
    push = start_push(outlet, "partial", "schedule", timezone.now()).push
    assert push is not None
    assert start_push(outlet, "full", "manual", timezone.now()).joined
    (ring,) = plan_push(push.pk, timezone.now())
    Memory.script.append(SendResult(Outcome.CREDENTIALS, message="credentials refused"))
    assert send_chunk(ring.id, timezone.now()) == []
    let_time_pass(outlet)
    sweep(timezone.now())
    recovery = PushHistory.objects.filter(status="queued").get()
    assert (recovery.push_type, recovery.trigger) == ("full", "recovery")
    assert not EndpointHealth.objects.get().full_push_wanted


def test_a_connection_that_works_starts_what_was_asked_for_too(outlet: Outlet) -> None:
    stock(outlet, 3)
    health.want_full_push(outlet.pk)
    fail(outlet, 5)
    PushService(outlet).test_connection()
    sweep(timezone.now())
    assert PushHistory.objects.get().push_type == "full"


def test_a_chunk_waits_for_the_probe_without_losing_an_attempt(outlet: Outlet) -> None:
    stock(outlet, 1000)
    fail(outlet, 5)
    let_time_pass(outlet)
    (ring,) = sweep(timezone.now())
    (first,) = plan_push(ring.id, timezone.now())
    health.enter(outlet.pk, timezone.now())
    (again,) = send_chunk(first.id, timezone.now())
    assert (again.id, again.delay) == (first.id, health.PROBE_WAIT)
    assert PushChunk.objects.get(pk=first.id).attempt_count == 0
    assert not PushAttempt.objects.exists()


def test_refused_credentials_open_it_at_once(outlet: Outlet) -> None:
    stock(outlet, 1)
    Memory.script += [SendResult(Outcome.CREDENTIALS, message="credentials refused")]
    PushService(outlet).push()
    with pytest.raises(CannotPush, match="credentials refused"):
        PushService(outlet).push()


def test_a_connection_that_works_closes_it(outlet: Outlet) -> None:
    stock(outlet, 1)
    fail(outlet, 5)
    PushService(outlet).test_connection()
    assert PushService(outlet).push()[0]


def test_the_breaker_of_one_outlet_is_not_another_s(outlet: Outlet) -> None:
    fail(outlet, 5)
    assert health.enter(outlet.pk + 1, timezone.now()) == 0


def test_a_dead_shop_gets_a_bounded_number_of_requests_an_hour(
    outlet: Outlet, capsys: pytest.CaptureFixture[str]
) -> None:
    """The breaker's real times, with a clock of its own; the sweep looks once a minute."""
    now, counts = timezone.now(), []
    fail(outlet, 5)
    for hour in range(3):
        counts.append(5 if hour == 0 else 0)
        for _ in range(60):
            now += timedelta(minutes=1)
            if health.enter(outlet.pk, now) == 0:
                counts[-1] += 1
                health.note_failure(outlet.pk, "down", now, limit=5, first=30, chance=0.5)
    with capsys.disabled():
        print(f"\na dead shop gets {counts[0]} requests in the first hour, then {counts[1]} and {counts[2]}")
    assert counts[0] <= 14
    assert counts[1:] == [4, 4]


def test_a_probe_that_the_rate_limit_keeps_back_is_left_to_another(
    outlet: Outlet, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    stock(outlet, 1)
    fail(outlet, 5)
    let_time_pass(outlet)
    monkeypatch.setattr("integration.preparation.seconds_to_wait", lambda *args: 3.0)
    (ring,) = sweep(timezone.now())
    (first,) = plan_push(ring.id, timezone.now())
    (again,) = send_chunk(first.id, timezone.now())
    assert again.delay == 3.0
    assert EndpointHealth.objects.get().probe_until is None


def test_a_full_push_that_the_breaker_stops_is_wanted_until_one_goes_through(outlet: Outlet) -> None:
    stock(outlet, 3)
    PushService(outlet).push()
    health.want_full_push(outlet.pk)
    for _ in range(2):
        EndpointHealth.objects.update(open_until=timezone.now() - timedelta(seconds=1), failure_count=5)
        Memory.script.append(DOWN)
        (ring,) = sweep(timezone.now())
        (first,) = plan_push(ring.id, timezone.now())
        send_chunk(first.id, timezone.now())
        assert EndpointHealth.objects.get().full_push_wanted
    let_time_pass(outlet)
    (ring,) = sweep(timezone.now())
    assert PushHistory.objects.get(pk=ring.id).push_type == "full"
