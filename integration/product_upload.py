"""Product files that somebody uploads: kept until somebody has them applied, discarded, or taken back.

The row is the record; whoever writes it here rings a worker, and whether that is heard does not matter.
"""

import gzip
import io
from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import F, Q, QuerySet

from integration.export_feed import HEADER
from integration.models import Outlet, ProductUpload, PushHistory

Status = ProductUpload.Status
NAME_LENGTH = 200
HEADER_LINE = f"{','.join(HEADER)}\n".encode()


class CannotUndo(Exception):
    """There is nothing to take back, or it is taken back already."""


def uploads() -> QuerySet[ProductUpload]:
    """Uploads without their files, and their outlets without the secrets."""
    related = ProductUpload.objects.select_related("outlet", "created_by", "applied_by", "undoes")
    files = ("content", "undoes__content", "undoes__findings")
    return related.defer(*files, "outlet__api_key", "outlet__api_secret")


def receive_upload(
    outlet: Outlet, file_name: str, chunks: Iterable[bytes], now: datetime, user_id: int | None
) -> ProductUpload:
    """Keep the file; a worker checks it."""
    packed = io.BytesIO()
    byte_count = 0
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=6) as file:
        for chunk in chunks:
            byte_count += file.write(chunk)
    return ProductUpload.objects.create(
        outlet=outlet,
        file_name=shown_name(file_name),
        content=packed.getvalue(),
        byte_count=byte_count,
        created_at=now,
        created_by_id=user_id,
    )


def shown_name(file_name: str) -> str:
    """The last part of the name, for people alone: no file is ever opened by it."""
    name = "".join(filter(str.isprintable, file_name.replace("\\", "/").rpartition("/")[2])).strip()
    return name[-NAME_LENGTH:] or "products.csv"


def apply_upload(upload_id: int, now: datetime, user_id: int | None) -> bool:
    """Have a worker apply the upload; false if it is not there to be applied (any more)."""
    checked = ProductUpload.objects.filter(pk=upload_id, status=Status.CHECKED, bad_count__lt=F("row_count"))
    return bool(
        checked.update(
            status=Status.QUEUED,
            applied_at=now,
            applied_by_id=user_id,
            attempt_count=0,
            done_count=0,
            finished_at=None,
        )
    )


def discard_upload(upload_id: int, now: datetime) -> bool:
    """Forget the upload; false if it is applied already. A worker that checks it notices, and stops."""
    unapplied = (Status.WAITING, Status.CHECKING, Status.CHECKED)
    open_uploads = ProductUpload.objects.filter(pk=upload_id, status__in=unapplied)
    released = {"claim_token": None, "claimed_until": None}
    return bool(open_uploads.update(status=Status.DISCARDED, content=b"", finished_at=now, **released))


@transaction.atomic
def undo_upload(upload_id: int, now: datetime, user_id: int | None) -> ProductUpload:
    """A new upload with the values that this one has overwritten; it is looked at and applied like any other."""
    upload = uploads().select_for_update(of=("self",)).get(pk=upload_id)
    if find_undo(upload):
        raise CannotUndo("it is taken back already")
    if not can_undo(upload):
        raise CannotUndo("it has changed nothing that can be taken back")
    # What is overwritten first is oldest, and has to win: the last row of a SKU counts.
    parts = [bytes(part) for part in upload.batches.order_by("-pk").values_list("before", flat=True)]
    content = b"".join([gzip.compress(HEADER_LINE), *parts])
    return ProductUpload.objects.create(
        outlet=upload.outlet,
        undoes=upload,
        file_name=upload.file_name,
        content=content,
        byte_count=sum(len(gzip.decompress(part)) for part in parts),
        created_at=now,
        created_by_id=user_id,
    )


def can_undo(upload: ProductUpload) -> bool:
    return upload.status in (Status.DONE, Status.FAILED) and upload.batches.filter(changed_count__gt=0).exists()


def find_undo(upload: ProductUpload) -> ProductUpload | None:
    """The upload that takes this one back, unless that came to nothing."""
    return uploads().filter(undoes=upload).exclude(status__in=(Status.FAILED, Status.DISCARDED)).first()


def find_push(upload: ProductUpload) -> PushHistory | None:
    """The push that follows the update, or the one that it joined: that takes it along, or starts the next."""
    pushes = PushHistory.objects.filter(outlet=upload.outlet_id).order_by("push_timestamp")
    after = pushes.filter(push_timestamp__gte=upload.applied_at, trigger=PushHistory.Trigger.PRODUCT_UPDATE)
    joined = pushes.filter(Q(status__in=PushHistory.OPEN) | Q(finished_at__gte=upload.applied_at))
    return after.first() or joined.last()
