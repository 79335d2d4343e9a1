"""What beat rings so that nothing is left behind."""

from django.utils import timezone

from integration.pruning import prune_history
from integration.sweep import sweep as sweep_pushes
from tasks import app
from tasks.push import ring


@app.task
def sweep() -> None:
    """Release abandoned claims, ring what nobody heard, end what is over, confirm what is due."""
    ring(sweep_pushes(timezone.now()))


@app.task
def prune() -> None:
    """Delete old pushes; their daily sums stay."""
    prune_history(timezone.now())
