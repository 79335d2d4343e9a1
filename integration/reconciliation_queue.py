"""Comparisons as rows: asked for, claimed by a worker, taken back from one that has died. The rows are the queue.

A comparison is claimed by a conditional UPDATE with a token; everything that is written later checks that token.
Leases use the database's clock.
"""

import logging
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Now
from django.utils import timezone

from integration.changes import is_quarantined
from integration.contracts import MISCONFIGURED, contract_of
from integration.models import UNSETTLED, Outlet, OutletProduct, Reconciliation

logger = logging.getLogger(__name__)

Status, Sends = Reconciliation.Status, Reconciliation.Sends
ATTEMPTS = 2
STEP_SECONDS = 5.0  # the longest that a waiting reader is silent
PROGRESS_SECONDS = 0.5
# A comparison that has sent something again is followed by another one, once that should be there.
FOLLOW_UP_AFTER, FOLLOW_UP_UNTIL = timedelta(minutes=10), timedelta(days=1)


class ClaimLost(Exception):
    """Somebody else has the comparison now, or it is over."""


# --- to be compared -------------------------------------------------------------------------------------


def platforms_to_read() -> list[str]:
    """The platforms whose contract can read back."""
    names = Outlet.objects.filter(is_active=True).order_by().values_list("platform", flat=True).distinct()
    return [name for name in names if can_read(name)]


def can_read(platform: str) -> bool:
    try:
        return contract_of(platform).read_back is not None
    except MISCONFIGURED:
        return False


def want_all(now: datetime) -> int:
    """Have every active outlet compared whose shop can be read; one that is being compared already is not twice."""
    outlets = Outlet.objects.filter(is_active=True, platform__in=platforms_to_read())
    idle = outlets.exclude(reconciliations__status__in=Reconciliation.OPEN).order_by("pk")
    return create(idle.values_list("pk", flat=True), Reconciliation.Trigger.SCHEDULE, now)


def create(outlet_ids: Iterable[int], trigger: str, now: datetime) -> int:
    rows = [Reconciliation(outlet_id=pk, trigger=trigger, created_at=now) for pk in sorted(outlet_ids)]
    Reconciliation.objects.bulk_create(rows, batch_size=500, ignore_conflicts=True)
    return len(rows)


def want_one(
    outlet_id: int, now: datetime, user_id: int | None = None, sends: str = Sends.USUAL
) -> tuple[Reconciliation, bool]:
    """The comparison that was asked for, or the open one; and whether it is new. An open one sends all that differs, if
    somebody asks for that before it has ended, unless it was to send nothing."""
    values = {"trigger": Reconciliation.Trigger.MANUAL, "created_by_id": user_id, "sends": sends}
    wanted = {"created_at": now, "rung_at": now, **values}
    opened = {"outlet_id": outlet_id, "status__in": Reconciliation.OPEN}
    try:
        row, is_new = Reconciliation.objects.get_or_create(**opened, defaults=wanted)
    except IntegrityError:  # another one has ended between the two looks
        row, is_new = Reconciliation.objects.get_or_create(**opened, defaults=wanted)
    if not is_new and (row.sends, sends) == (Sends.USUAL, Sends.ALL):
        Reconciliation.objects.filter(pk=row.pk, **opened).update(sends=sends, created_by=user_id)
        row.refresh_from_db()
    return row, is_new


def next_waiting(now: datetime) -> list[int]:
    """The comparisons to ring: few at a time, for each holds a worker that pushes need as well."""
    again = now - timedelta(seconds=settings.RING_AGAIN_SECONDS)
    is_rung = Q(status=Status.RUNNING) | Q(status=Status.WAITING, rung_at__gt=again)
    free = settings.RECONCILE_WINDOW - Reconciliation.objects.filter(is_rung, status__in=Reconciliation.OPEN).count()
    unrung = Q(rung_at__isnull=True) | Q(rung_at__lte=again)
    waiting = Reconciliation.objects.filter(unrung, status=Status.WAITING).order_by("created_at", "pk")
    ids = list(waiting.values_list("pk", flat=True)[: max(free, 0)])
    Reconciliation.objects.filter(pk__in=ids).update(rung_at=now)
    return ids


# --- claimed --------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Claim:
    """The right to carry out one comparison. While it waits and reads, it says so."""

    row: Reconciliation
    token: uuid.UUID
    facts: dict[str, Any] = field(default_factory=dict)
    written_at: float = 0.0

    def look_again(self) -> None:
        """Somebody may have asked for more meanwhile; or the outlet has gone, and the comparison with it."""
        try:
            self.row.refresh_from_db(fields=["sends", "created_by"])
        except Reconciliation.DoesNotExist:
            raise ClaimLost from None

    def write(self, **values: Any) -> None:
        held = Reconciliation.objects.filter(pk=self.row.pk, claim_token=self.token)
        if not held.update(**values):
            raise ClaimLost

    def wait(self, seconds: float) -> None:
        """Sleep, and keep the claim alive; what has changed since is written with it."""
        ends_at = time.monotonic() + seconds
        while True:
            if time.monotonic() - self.written_at >= PROGRESS_SECONDS:
                self.write(claimed_until=lease(), **self.facts)
                self.written_at = time.monotonic()
            left = ends_at - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, STEP_SECONDS))

    def end(self, status: str, **values: Any) -> None:
        self.write(status=status, finished_at=timezone.now(), claim_token=None, claimed_until=None, **values)
        facts = {"outlet_id": self.row.outlet_id, "status": str(status)}
        logger.info("comparison ended", extra={"reconciliation_id": self.row.pk, **facts})


def lease() -> Any:
    return Now() + timedelta(seconds=settings.CHUNK_LEASE_SECONDS)


def claim_one(reconciliation_id: int, now: datetime) -> Claim | None:
    """The attempt is counted here, so a comparison that kills its worker ends."""
    token = uuid.uuid4()
    claimed = Reconciliation.objects.filter(pk=reconciliation_id, status=Status.WAITING).update(
        status=Status.RUNNING,
        claim_token=token,
        claimed_until=lease(),
        attempt_count=F("attempt_count") + 1,
        started_at=now,
        page_count=0,
        read_count=0,
        is_second_reading=False,
    )
    if not claimed:
        return None
    return Claim(Reconciliation.objects.select_related("outlet").get(pk=reconciliation_id), token)


# --- what is left behind --------------------------------------------------------------------------------


def sweep_reconciliations(now: datetime) -> list[int]:
    """Take abandoned comparisons back, and end what has been tried often enough; the ones to ring for."""
    for row in Reconciliation.objects.filter(status=Status.RUNNING, claimed_until__lt=Now()):
        take_back(row, now)
    want_follow_ups(now)
    return next_waiting(now) if Reconciliation.objects.filter(status__in=Reconciliation.OPEN).exists() else []


def take_back(row: Reconciliation, now: datetime) -> None:
    values: dict[str, Any] = {"claim_token": None, "claimed_until": None, "status": Status.WAITING, "rung_at": None}
    if row.attempt_count >= ATTEMPTS:
        values |= {"status": Status.FAILED, "finished_at": now, "error": "the worker did not report back"}
    abandoned = Reconciliation.objects.filter(pk=row.pk, claim_token=row.claim_token, claimed_until__lt=Now())
    if abandoned.update(**values):
        logger.warning("a comparison was abandoned", extra={"reconciliation_id": row.pk})


def want_follow_ups(now: datetime) -> None:
    """See whether what was sent again has arrived; once, unless a later comparison has seen to it."""
    sent = Reconciliation.objects.filter(status=Status.DIFFERENT, sent_count__gt=0)
    since = sent.filter(finished_at__lte=now - FOLLOW_UP_AFTER, created_at__gt=now - FOLLOW_UP_UNTIL)
    later = Reconciliation.objects.filter(outlet=OuterRef("outlet"), created_at__gt=OuterRef("created_at"))
    # What was sent again may not be there yet.
    unsent = OutletProduct.objects.filter(UNSETTLED, ~is_quarantined(), outlet=OuterRef("outlet"), confirm_at__lte=now)
    due = since.exclude(trigger=Reconciliation.Trigger.FOLLOW_UP).filter(~Exists(later), ~Exists(unsent))
    create(due.order_by("pk").values_list("outlet", flat=True), Reconciliation.Trigger.FOLLOW_UP, now)
