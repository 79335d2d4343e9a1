"""What beat rings so that nothing is left behind."""

from django.utils import timezone

from integration.idempotency import prune_keys
from integration.models import TaskRun
from integration.pruning import (
    prune_alerts,
    prune_history,
    prune_reconciliations,
    prune_updates,
    prune_uploads,
)
from integration.reconciliation_queue import sweep_reconciliations
from integration.schedules import keep_intervals
from integration.sign_in_limit import prune_tries
from integration.sums import add_up, note_run
from integration.sweep import sweep as sweep_pushes
from integration.upload_steps import sweep_uploads
from tasks import alerts, app, reconcile, uploads
from tasks.push import ring


@app.task
def sweep() -> None:
    """Release abandoned claims, ring what nobody heard, end what is over, confirm what is due."""
    keep_intervals()
    ring(sweep_pushes(timezone.now()))
    uploads.ring(sweep_uploads(timezone.now()))
    reconcile.ring(sweep_reconciliations(timezone.now()))
    alerts.ring_watch()
    add_up(timezone.now())
    note_run(TaskRun.Task.SWEEP, timezone.now())


@app.task
def prune() -> None:
    """Delete what is old: pushes (daily sums stay), uploads, updates, alerts, comparisons, keys, tries to sign in."""
    add_up(timezone.now())
    prune_history(timezone.now())
    prune_uploads(timezone.now())
    prune_updates(timezone.now())
    prune_alerts(timezone.now())
    prune_reconciliations(timezone.now())
    prune_keys(timezone.now())
    prune_tries(timezone.now())
    note_run(TaskRun.Task.PRUNE, timezone.now())
