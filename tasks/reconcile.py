"""Comparisons with the shops: one task for each outlet, few at a time. Thin, like tasks.push."""

from django.db import transaction
from django.utils import timezone

from integration.models import Reconciliation
from integration.reconciliation import run_reconciliation
from integration.reconciliation_queue import Sends, next_waiting, want_all, want_one
from tasks import app, doorbell, push

TIME_LIMIT = 9 * 60 * 60  # seconds: two readings; a message that is delivered again meanwhile finds it claimed


def ring(reconciliation_ids: list[int]) -> None:
    """Wake a worker for each."""
    doorbell.ring_each(compare_outlet, "reconciliation_id", reconciliation_ids)


def ring_comparison(outlet_id: int, user_id: int | None, sends: str = Sends.USUAL) -> tuple[Reconciliation, bool]:
    """Have the outlet compared at once; the comparison that is open, where there is one, and whether it is new."""
    row, is_new = want_one(outlet_id, timezone.now(), user_id, sends)
    if is_new:
        transaction.on_commit(lambda: ring([row.pk]), robust=True)
    return row, is_new


@app.task
def reconcile_all_outlets() -> None:
    """Have every outlet compared whose shop can be read."""
    want_all(timezone.now())
    ring(next_waiting(timezone.now()))


@app.task(time_limit=TIME_LIMIT)
def compare_outlet(*, reconciliation_id: int) -> None:
    """Compare one outlet, have what differs sent again, and ring for the next one."""
    try:
        push.ring(run_reconciliation(reconciliation_id, timezone.now()))
    finally:
        ring(next_waiting(timezone.now()))
