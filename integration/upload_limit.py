"""A product file that is too large is never kept: not in memory, and not on the disk."""

from typing import Any

from django.conf import settings
from django.core.files.uploadhandler import FileUploadHandler, SkipFile, StopUpload
from django.http import HttpRequest

MEGABYTE = 1_000_000
BESIDE = 100_000  # bytes of a request that are not its file's
READ_TO_ITS_END = 4  # limits: a browser shows the answer to what it has sent in full


class LimitedUpload(FileUploadHandler):
    """Before Django's own: hands on what they may keep. What is beyond the limit is read and forgotten."""

    def __init__(self, request: HttpRequest | None = None) -> None:
        super().__init__(request)
        self.limit = settings.UPLOAD_LIMIT_MB * MEGABYTE
        self.announced = self.byte_count = 0

    def handle_raw_input(self, input_data: Any, meta: Any, content_length: int, *more: Any) -> None:
        self.announced = content_length

    def new_file(self, *args: Any, **named: Any) -> None:
        super().new_file(*args, **named)
        if self.announced > self.limit + BESIDE:
            self.refuse()

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        self.byte_count += len(raw_data)
        if self.byte_count > self.limit:
            self.refuse()
        return raw_data

    def file_complete(self, file_size: int) -> None:
        """The others make the file."""

    def refuse(self) -> None:
        if self.request is not None:
            self.request.is_upload_too_large = True  # type: ignore[attr-defined]
        if self.announced > READ_TO_ITS_END * self.limit:
            raise StopUpload(connection_reset=True)
        raise SkipFile


def is_too_large(request: HttpRequest) -> bool:
    """Ask after the request's files have been read."""
    return getattr(request, "is_upload_too_large", False)
