"""What has to be done with a database that was restored from a backup, before workers start.

1. Ids go out to shops: attempts' as revisions, chunks' in idempotency keys. The sequences have gone back with the
   backup, and a shop may know every id that was used since. So they go on far ahead.
2. What the rows say is under way ended long ago, in a way that nobody knows.
3. `pushed_*` is what the shops had acknowledged by then; what they have now, nobody knows. So every item is to be sent
   again, as after an outcome that is not known: it stays unsynced until its shop has acknowledged it anew.
"""

from datetime import datetime

from django.db import connection, transaction
from django.db.models import DateTimeField, Max, Model, Value
from django.db.models.functions import Coalesce, Greatest

from integration.abandoned import release_abandoned
from integration.history import judge_again
from integration.models import (
    Outlet,
    OutletProduct,
    ProductUpload,
    PushAttempt,
    PushChunk,
    PushHistory,
    Reconciliation,
)
from integration.push_queue import cancel_push

LEAD = 10**9  # more ids than are used between a backup and its restore, and far less than there are
SENT_IDS: tuple[type[Model], ...] = (PushAttempt, PushChunk)
ENDED_BY = "a restore of the database"
ERROR = "the database was restored: compare again"
LAST_ID = {
    "postgresql": "SELECT pg_sequence_last_value(pg_get_serial_sequence(%s, 'id')::regclass)",
    "sqlite": "SELECT seq FROM sqlite_sequence WHERE name = %s",
}


def move_ids_ahead() -> dict[str, int]:
    """Of each table whose ids shops get to know, the last id that counts as used."""
    return {model._meta.db_table: move_ahead(model) for model in SENT_IDS}


@transaction.atomic
def move_ahead(model: type[Model]) -> int:
    table = model._meta.db_table
    highest = model._default_manager.aggregate(highest=Max("pk"))["highest"] or 0
    with connection.cursor() as cursor:
        cursor.execute(LAST_ID[connection.vendor], [table])
        last = max([highest, *(row[0] or 0 for row in cursor.fetchall())]) + LEAD
        if connection.vendor == "postgresql":
            cursor.execute("SELECT setval(pg_get_serial_sequence(%s, 'id'), %s)", [table, last])
        else:
            cursor.execute("DELETE FROM sqlite_sequence WHERE name = %s", [table])
            cursor.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (%s, %s)", [table, last])
    return last


def end_pushes(now: datetime) -> list[int]:
    """Cancel what is open. A push with a claim that still holds ends when that has run out."""
    push_ids = list(PushHistory.objects.filter(status__in=PushHistory.OPEN).order_by("pk").values_list("pk", flat=True))
    for push_id in push_ids:
        cancel_push(push_id, ENDED_BY, now)
        release_abandoned(now, push=push_id)
    return push_ids


def end_comparisons(now: datetime) -> int:
    """They would find what is only just being sent."""
    opened = Reconciliation.objects.filter(status__in=Reconciliation.OPEN)
    ended = {"status": Reconciliation.Status.FAILED, "finished_at": now, "error": ERROR}
    return opened.update(claim_token=None, claimed_until=None, **ended)


def stop_uploads() -> int:
    """A file that was about to be applied waits until somebody says so once more: newer values may have come in."""
    about = (ProductUpload.Status.QUEUED, ProductUpload.Status.APPLYING)
    stopped = {"status": ProductUpload.Status.CHECKED, "claim_token": None, "claimed_until": None}
    return ProductUpload.objects.filter(status__in=about).update(**stopped)


def confirm_everything(now: datetime) -> list[Outlet]:
    """Have every item sent again, whatever delays that; the outlets that can be pushed at all."""
    outlets = list(Outlet.objects.defer("api_key", "api_secret").order_by("store_id", "pk"))
    for outlet in outlets:
        confirm_outlet(outlet.pk, now)
    return [outlet for outlet in outlets if outlet.is_active and outlet.push_enabled]


@transaction.atomic
def confirm_outlet(outlet_id: int, now: datetime) -> None:
    judge_again([outlet_id])
    at = Value(now, output_field=DateTimeField())
    OutletProduct.objects.filter(outlet=outlet_id).update(confirm_at=Greatest(Coalesce("confirm_at", at), at))
