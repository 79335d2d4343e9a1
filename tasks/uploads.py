"""The next step with an uploaded product file. Thin, like tasks.push."""

from django.db import transaction

from integration.upload_steps import process_upload
from tasks import app, doorbell

TIME_LIMIT = 30 * 60  # seconds: a large file; a message that is delivered again meanwhile finds it claimed


def ring(upload_ids: list[int]) -> None:
    """Wake a worker for each."""
    doorbell.ring_each(work_on_upload, "upload_id", upload_ids)


def ring_upload(upload_id: int) -> None:
    """Wake a worker once what was written is committed."""
    transaction.on_commit(lambda: ring([upload_id]), robust=True)


@app.task(time_limit=TIME_LIMIT)
def work_on_upload(*, upload_id: int) -> None:
    """Check the upload, or apply it."""
    process_upload(upload_id)
