"""Old pushes go, in batches; what they came to each day stays. Old uploads and updates go, uploads' files first."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Count, F, Max, Q, QuerySet, Sum
from django.db.models.functions import TruncDate

from integration.models import (
    Alert,
    AlertDelivery,
    DailySum,
    Difference,
    ProductUpdate,
    ProductUpload,
    PushAttempt,
    PushChunk,
    PushHistory,
    Reconciliation,
    UploadBatch,
)

BATCH = 200  # pushes
UPDATES = 2000
FAILED = Q(status=PushHistory.Status.FAILED)
OF_A_PAUSE_THAT_HOLDS = Q(pause__isnull=False, pause__ended_at__isnull=True)
COUNTS = ("push_count", "failed_count", "item_count", "accepted_count", "rejected_count")


def prune_history(now: datetime) -> int:
    """Add what is too old to the daily sums and delete it; how many pushes that were."""
    count = 0
    while ids := list(old_pushes(now).order_by("pk").values_list("pk", flat=True)[:BATCH]):
        prune_batch(ids)
        count += len(ids)
    return count


def old_pushes(now: datetime) -> QuerySet[PushHistory]:
    """Pushes that went well go first."""
    well = Q(status=PushHistory.Status.SUCCESS, finished_at__lt=now - timedelta(days=settings.HISTORY_DAYS))
    others = Q(finished_at__lt=now - timedelta(days=settings.FAILED_HISTORY_DAYS))
    return PushHistory.objects.filter(well | others).exclude(status__in=PushHistory.OPEN)


@transaction.atomic
def prune_batch(ids: list[int]) -> None:
    """Each push is counted once, also where two prune at once."""
    locked = PushHistory.objects.select_for_update().filter(pk__in=ids).order_by("pk")
    ids = list(locked.values_list("pk", flat=True))
    for day in sums_of(ids):
        key = {"outlet_id": day["outlet_id"], "date": day["date"]}
        DailySum.objects.get_or_create(**key)
        DailySum.objects.filter(**key).update(**{name: F(name) + day[f"{name}_sum"] for name in COUNTS})
    PushAttempt.objects.filter(chunk__push__in=ids).delete()
    PushChunk.objects.filter(push__in=ids).delete()
    PushHistory.objects.filter(pk__in=ids).delete()


def sums_of(ids: list[int]) -> list[dict[str, Any]]:
    days = PushHistory.objects.filter(pk__in=ids).annotate(date=TruncDate("push_timestamp")).order_by()
    sums = {f"{name}_sum": Sum(name) for name in COUNTS[2:]}
    counts = {"push_count_sum": Count("pk"), "failed_count_sum": Count("pk", filter=FAILED)}
    return [dict(day) for day in days.values("outlet_id", "date").annotate(**sums, **counts)]


# --- uploads --------------------------------------------------------------------------------------------


def prune_uploads(now: datetime) -> int:
    """Drop the files of uploads that are over, and what would take them back, then the uploads; how many of these."""
    over = ProductUpload.objects.exclude(status__in=ProductUpload.OPEN)
    drop_files(over.filter(finished_at__lt=now - timedelta(days=settings.HISTORY_DAYS)))
    ids = list(
        over.filter(created_at__lt=now - timedelta(days=settings.FAILED_HISTORY_DAYS)).values_list("pk", flat=True)
    )
    ProductUpload.objects.filter(pk__in=ids).only("pk").delete()
    return len(ids)


@transaction.atomic
def drop_files(uploads: QuerySet[ProductUpload]) -> None:
    """What nobody has applied until now is out of date."""
    uploads.filter(status=ProductUpload.Status.CHECKED).update(status=ProductUpload.Status.DISCARDED)
    UploadBatch.objects.filter(upload__in=uploads).delete()
    uploads.exclude(content=b"").update(content=b"")


def prune_updates(now: datetime) -> int:
    """Forget who brought prices and stock long ago, in batches; how many updates that were."""
    old = ProductUpdate.objects.filter(written_at__lt=now - timedelta(days=settings.FAILED_HISTORY_DAYS))
    count = 0
    while ids := list(old.order_by("written_at").values_list("pk", flat=True)[:UPDATES]):
        count += ProductUpdate.objects.filter(pk__in=ids).delete()[0]
    return count


# --- alerts ---------------------------------------------------------------------------------------------


def prune_alerts(now: datetime) -> int:
    """Drop what was told long ago, unless it is still being sent or its pause still holds; how many that were."""
    old = Alert.objects.filter(created_at__lt=now - timedelta(days=settings.FAILED_HISTORY_DAYS))
    still_open = AlertDelivery.objects.filter(status__in=AlertDelivery.OPEN, target__isnull=False).values("alert")
    ids = list(old.exclude(pk__in=still_open).exclude(OF_A_PAUSE_THAT_HOLDS).values_list("pk", flat=True))
    Alert.objects.filter(pk__in=ids).delete()
    return len(ids)


# --- comparisons ----------------------------------------------------------------------------------------


def prune_reconciliations(now: datetime) -> int:
    """Drop old comparisons, those that found nothing first; each outlet's last result stays."""
    results = Reconciliation.objects.filter(status__in=Reconciliation.ENDED).order_by()
    last = results.values("outlet").annotate(last=Max("pk")).values_list("last", flat=True)
    well = Q(status=Reconciliation.Status.EQUAL, created_at__lt=now - timedelta(days=settings.HISTORY_DAYS))
    others = Q(created_at__lt=now - timedelta(days=settings.FAILED_HISTORY_DAYS))
    old = Reconciliation.objects.filter(well | others).exclude(status__in=Reconciliation.OPEN)
    ids = sorted(set(old.values_list("pk", flat=True)) - set(last))
    for start in range(0, len(ids), BATCH):
        batch = ids[start : start + BATCH]
        Difference.objects.filter(reconciliation__in=batch).delete()
        Reconciliation.objects.filter(pk__in=batch).delete()
    return len(ids)
