"""The next step with an uploaded product file. Thin, like tasks.push."""

import logging

from django.db import transaction
from kombu.exceptions import OperationalError

from integration.upload_steps import process_upload
from tasks import app

logger = logging.getLogger(__name__)
TIME_LIMIT = 30 * 60  # seconds: a large file; a message that is delivered again meanwhile finds it claimed


def ring(upload_ids: list[int]) -> None:
    """Wake a worker for each. A broker that is down loses nothing: the rows stand, and the sweep rings again."""
    for upload_id in upload_ids:
        try:
            work_on_upload.apply_async(kwargs={"upload_id": upload_id})
        except (OperationalError, OSError) as exc:
            logger.warning("the broker does not answer; the sweep rings later", extra={"error": type(exc).__name__})
            return


def ring_upload(upload_id: int) -> None:
    """Wake a worker once what was written is committed."""
    transaction.on_commit(lambda: ring([upload_id]), robust=True)


@app.task(time_limit=TIME_LIMIT)
def work_on_upload(*, upload_id: int) -> None:
    """Check the upload, or apply it."""
    process_upload(upload_id)
