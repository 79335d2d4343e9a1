"""Old pushes go, and what they came to each day stays."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from integration.models import DailySum, Outlet, PushAttempt, PushHistory
from integration.pruning import prune_history
from integration.push_service import PushService
from tests.conftest import NOW, make_outlet, stock

pytestmark = pytest.mark.django_db


def ended(outlet: Outlet, at: datetime, status: str = "success", accepted: int = 10) -> PushHistory:
    return PushHistory.objects.create(
        outlet=outlet,
        platform="memory",
        push_type="partial",
        trigger="schedule",
        push_timestamp=at,
        finished_at=None if status == "running" else at,
        status=status,
        item_count=10,
        accepted_count=accepted,
    )


def test_successful_pushes_go_after_30_days_and_others_after_90(outlet: Outlet) -> None:
    kept = {
        ended(outlet, NOW - timedelta(days=29)),
        ended(outlet, NOW - timedelta(days=89), "failed"),
        ended(outlet, NOW - timedelta(days=99), "running"),
    }
    ended(outlet, NOW - timedelta(days=31))
    ended(outlet, NOW - timedelta(days=91), "failed")
    assert prune_history(NOW) == 2
    assert set(PushHistory.objects.all()) == kept


def test_the_sums_of_each_day_stay(outlet: Outlet) -> None:
    day = NOW - timedelta(days=100)
    other = make_outlet("8")
    for accepted in (10, 7):
        ended(outlet, day, accepted=accepted)
    ended(outlet, day, "failed", 0)
    ended(outlet, day + timedelta(days=1))
    ended(other, day)
    prune_history(NOW)
    ended(other, day)
    prune_history(NOW)
    assert list(
        DailySum.objects.order_by("outlet", "date").values_list(
            "outlet", "date", "push_count", "failed_count", "item_count", "accepted_count"
        )
    ) == [
        (outlet.pk, day.date(), 3, 1, 30, 17),
        (outlet.pk, day.date() + timedelta(days=1), 1, 0, 10, 10),
        (other.pk, day.date(), 2, 0, 20, 20),
    ]


def test_attempts_go_with_their_push(outlet: Outlet) -> None:
    stock(outlet, 1)
    PushService(outlet).push()
    assert PushAttempt.objects.count() == 1
    prune_history(timezone.now() + timedelta(days=31))
    assert (PushAttempt.objects.count(), DailySum.objects.get().accepted_count) == (0, 1)


def test_many_pushes_go_in_batches(outlet: Outlet) -> None:
    PushHistory.objects.bulk_create(
        PushHistory(
            outlet=outlet,
            platform="memory",
            push_type="full",
            trigger="manual",
            push_timestamp=NOW - timedelta(days=200),
            finished_at=NOW - timedelta(days=200),
            status="success",
        )
        for _ in range(450)
    )
    assert prune_history(NOW) == 450
    assert DailySum.objects.get().push_count == 450
