"""What a worker does with an uploaded product file: it checks it, and applies it.

A step is claimed by a conditional UPDATE with a token; everything that it writes later checks that token, so a
worker that was late or delivered twice changes nothing. Leases use the database's clock. An update that breaks off
goes on where it stands: what is written already is no change any more.
"""

import csv
import gzip
import io
import logging
import shutil
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from django.conf import settings
from django.db.models import F, Q, QuerySet, Sum
from django.db.models.functions import Now

from integration.export_feed import guard
from integration.models import OutletProduct, ProductUpload, UploadBatch
from integration.product_file import ProductFile, ProductFileError
from integration.product_update import ProductUpdateResult, announce, apply_product_update
from integration.product_upload import uploads
from integration.update_record import Change, Sender, Source
from integration.upload_findings import Findings

logger = logging.getLogger(__name__)

Status = ProductUpload.Status
ATTEMPTS = 3
PROGRESS_SECONDS = 0.5


class ClaimLost(Exception):
    """Somebody else has the upload now, or nobody wants it any more."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to take one step with an upload."""

    upload: ProductUpload
    token: uuid.UUID

    def held(self) -> QuerySet[ProductUpload]:
        return ProductUpload.objects.filter(pk=self.upload.pk, claim_token=self.token)

    def write(self, **changes: Any) -> None:
        if not self.held().update(**changes):
            raise ClaimLost

    def lock(self) -> None:
        """Keep the claim for the rest of the transaction."""
        if not list(self.held().select_for_update().values_list("pk")):
            raise ClaimLost

    def end(self, status: str, **changes: Any) -> None:
        self.write(status=status, finished_at=Now(), claim_token=None, claimed_until=None, **changes)


def claim_upload(upload_id: int) -> Claim | None:
    """Claim the upload if it waits. The attempt is counted here, so an upload that kills its worker ends."""
    token = uuid.uuid4()
    for waiting, under_way in zip(ProductUpload.TO_DO, ProductUpload.UNDER_WAY, strict=True):
        claimed = ProductUpload.objects.filter(pk=upload_id, status=waiting).update(
            status=under_way, claim_token=token, claimed_until=lease(), attempt_count=F("attempt_count") + 1
        )
        if claimed:
            return Claim(uploads().get(pk=upload_id), token)
    return None


def lease() -> Any:
    return Now() + timedelta(seconds=settings.CHUNK_LEASE_SECONDS)


def process_upload(upload_id: int) -> None:
    """Take the upload's next step: check it, or apply it."""
    if not (claim := claim_upload(upload_id)):
        return
    try:
        with unpacked(claim.upload) as path:
            take_step(claim, path)
    except ClaimLost:
        logger.warning("the upload is not ours any more", extra={"upload_id": upload_id})


def take_step(claim: Claim, path: Path) -> None:
    step = check if claim.upload.status == Status.CHECKING else write
    try:
        step(claim, ProductFile(path))
    except ProductFileError as exc:
        error = str(exc).replace(str(path), claim.upload.file_name).replace("\x00", "")
        claim.end(Status.FAILED, error=error)


@contextmanager
def unpacked(upload: ProductUpload) -> Iterator[Path]:
    """The upload's file, where a product file can read it several times."""
    content = ProductUpload.objects.values_list("content", flat=True).get(pk=upload.pk)
    with NamedTemporaryFile(suffix=".csv") as file:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as packed:
            shutil.copyfileobj(packed, file)
        file.flush()
        yield Path(file.name)


class Progress:
    """Tells how far a step is, twice a second at most, and keeps its claim alive by that.

    Each row is passed twice: when it is read, and when it is done with.
    """

    def __init__(self, claim: Claim, row_count: int) -> None:
        self.claim = claim
        self.read_count = self.done_count = 0
        self.written_at = time.monotonic()
        claim.write(row_count=row_count, done_count=0, claimed_until=lease())

    def read(self, rows: Iterable[dict[str, object]]) -> Iterator[dict[str, object]]:
        for row in rows:
            self.read_count += 1
            yield row

    def add(self, count: int) -> None:
        self.done_count += count
        if time.monotonic() - self.written_at >= PROGRESS_SECONDS:
            self.claim.write(done_count=(self.read_count + self.done_count) // 2, claimed_until=lease())
            self.written_at = time.monotonic()


def update(
    claim: Claim, file: ProductFile, on_changes: Callable[[list[Change]], object], *, dry_run: bool
) -> ProductUpdateResult:
    progress = Progress(claim, file.row_count)
    rows = progress.read(file)
    upload = claim.upload
    sender = Sender(Source.FILE, user_id=upload.applied_by_id, upload_id=upload.pk)
    return apply_product_update(
        upload.outlet, rows, dry_run=dry_run, sender=sender, progress=progress.add, on_changes=on_changes
    )


def check(claim: Claim, file: ProductFile) -> None:
    findings = Findings(OutletProduct.objects.filter(outlet=claim.upload.outlet_id).count())
    result = update(claim, file, findings.add, dry_run=True)
    claim.end(
        Status.CHECKED,
        **counts_of(result),
        created_count=result.created_count,
        changed_count=result.changed_count,
        unchanged_count=result.unchanged_count,
        findings=findings.as_json(result),
    )


def write(claim: Claim, file: ProductFile) -> None:
    """Apply the file. The batches tell what was changed in all: this try may only have written the rest."""
    result = update(claim, file, lambda changes: keep_batch(claim, changes), dry_run=False)
    written = written_counts(claim.upload)
    written_count = sum(written.values())
    unchanged_count = max(result.good_count - written_count, 0)
    claim.end(Status.DONE, **counts_of(result), **written, unchanged_count=unchanged_count)
    if written_count and not result.created_count + result.changed_count:
        # Who wrote it did not come to it.
        announce(claim.upload.outlet_id, ProductUpdateResult(changed_count=written_count))


def counts_of(result: ProductUpdateResult) -> dict[str, int]:
    counts = {"bad_count": result.bad_count, "duplicate_count": result.duplicate_count}
    return {**counts, "row_count": result.row_count, "done_count": result.row_count}


def written_counts(upload: ProductUpload) -> dict[str, int]:
    sums = {name: Sum(name, default=0) for name in ("created_count", "changed_count")}
    return upload.batches.order_by().aggregate(**sums)


def keep_batch(claim: Claim, changes: list[Change]) -> None:
    """Runs in the transaction that makes the changes: a worker that has lost its claim makes none."""
    claim.lock()
    overwritten = [(guard(one.sku), one.old_price, one.old_stock) for one in changes if one.old_price is not None]
    UploadBatch.objects.create(
        upload=claim.upload,
        created_count=len(changes) - len(overwritten),
        changed_count=len(overwritten),
        before=gzip.compress(csv_lines(overwritten)),
    )


def csv_lines(rows: Iterable[Iterable[object]]) -> bytes:
    lines = io.StringIO()
    csv.writer(lines, lineterminator="\n").writerows(rows)
    return lines.getvalue().encode()


# --- what is left behind --------------------------------------------------------------------------------


def sweep_uploads(now: datetime) -> list[int]:
    """Take abandoned uploads back, and give up what has been tried often enough; the uploads to ring for."""
    for upload in uploads().filter(status__in=ProductUpload.UNDER_WAY, claimed_until__lt=Now()):
        take_back(upload)
    limit = now - timedelta(seconds=settings.RING_AGAIN_SECONDS)
    unheard = Q(status=Status.WAITING, created_at__lte=limit) | Q(status=Status.QUEUED, applied_at__lte=limit)
    return list(ProductUpload.objects.filter(unheard).values_list("pk", flat=True))


def take_back(upload: ProductUpload) -> None:
    """What has failed without an `error`, no worker has brought to its end; what it has written is pushed."""
    written: dict[str, int] = {}
    changes: dict[str, Any] = {"claim_token": None, "claimed_until": None}
    if upload.attempt_count >= ATTEMPTS:
        written = written_counts(upload) if upload.status == Status.APPLYING else {}
        changes |= {"status": Status.FAILED, "finished_at": Now(), **written}
    else:
        changes["status"] = Status.WAITING if upload.status == Status.CHECKING else Status.QUEUED
    abandoned = ProductUpload.objects.filter(pk=upload.pk, claim_token=upload.claim_token, claimed_until__lt=Now())
    if not abandoned.update(**changes):
        return
    logger.warning("an upload was abandoned", extra={"upload_id": upload.pk})
    if count := sum(written.values()):
        announce(upload.outlet_id, ProductUpdateResult(changed_count=count))
