"""A product file that is too large is refused before anything of it is kept."""

import io
import tempfile
from typing import Any

import pytest
from django.test import Client, RequestFactory

from integration.models import Outlet, ProductUpload
from integration.upload_limit import BESIDE, MEGABYTE, is_too_large
from tests.conftest import make_outlet
from tests.people import restore_migrated_rows, signed_in

pytestmark = pytest.mark.django_db
URL = "/shop-integration/product-update/"
BOUNDARY = "x" * 20
TYPE = f"multipart/form-data; boundary={BOUNDARY}"
END = f"\r\n--{BOUNDARY}--\r\n".encode()


@pytest.fixture(autouse=True)
def ground(db: None, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    restore_migrated_rows()
    settings.UPLOAD_LIMIT_MB = 1
    monkeypatch.setattr("tasks.uploads.ring", lambda upload_ids: None)


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were opened on the disk."""
    opened: list[str] = []
    make = tempfile.NamedTemporaryFile

    def note(*args: Any, **named: Any) -> Any:
        opened.append("file")
        return make(*args, **named)

    monkeypatch.setattr(tempfile, "NamedTemporaryFile", note)
    monkeypatch.setattr("django.core.files.temp.NamedTemporaryFile", note)
    monkeypatch.setattr("django.core.files.uploadedfile.tempfile.NamedTemporaryFile", note)
    return opened


def field(name: str, value: str) -> bytes:
    return f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()


def file_part(content: bytes, name: str = "file") -> bytes:
    about = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="a.csv"\r\n\r\n'
    return about.encode() + content


def send(client: Client, body: bytes, **more: Any) -> str:
    return client.generic("POST", URL, body, TYPE, **more).content.decode()


def body_of(outlet: Outlet, size: int) -> bytes:
    return field("outlet", str(outlet.pk)) + file_part(b"a" * size) + END


def test_one_that_is_announced_too_large_is_not_kept_at_all(kept: list[str]) -> None:
    page = send(signed_in("Operator"), body_of(make_outlet(), 2 * MEGABYTE))
    assert "The file is larger than 1 MB." in page
    assert "This field is required" not in page
    assert (kept, ProductUpload.objects.count()) == ([], 0)


def test_what_stands_behind_the_file_is_read_all_the_same() -> None:
    outlet = make_outlet()
    body = file_part(b"a" * 2 * MEGABYTE) + b"\r\n" + field("outlet", str(outlet.pk)) + END.lstrip()
    page = send(signed_in("Operator"), body)
    assert f'<option value="{outlet.pk}" selected>' in page


def test_one_a_little_over_the_limit_ends_at_it() -> None:
    page = send(signed_in("Operator"), body_of(make_outlet(), MEGABYTE + BESIDE // 2))
    assert "The file is larger than 1 MB." in page


def test_several_files_are_counted_together() -> None:
    outlet = make_outlet()
    parts = b"\r\n".join(file_part(b"a" * (MEGABYTE // 20), f"file{number}") for number in range(19))
    body = field("outlet", str(outlet.pk)) + parts + b"\r\n" + file_part(b"a" * (MEGABYTE // 10)) + END
    assert "The file is larger than 1 MB." in send(signed_in("Operator"), body)


def test_one_of_the_limit_is_taken() -> None:
    assert send(signed_in("Operator"), body_of(make_outlet(), MEGABYTE)) == ""
    assert ProductUpload.objects.get().byte_count == MEGABYTE


class Endless(io.RawIOBase):
    """A body without an end, and how much of it was read."""

    def __init__(self, start: bytes) -> None:
        self.start, self.read_count = start, 0

    def read(self, size: int = -1) -> bytes:
        part, self.start = self.start[:size], self.start[size:]
        piece = part + b"a" * (size - len(part))
        self.read_count += len(piece)
        return piece


def test_of_one_that_is_announced_as_enormous_hardly_anything_is_read() -> None:
    stream = Endless(field("outlet", "1") + file_part(b""))
    request = RequestFactory().post(URL, b"x", content_type=TYPE)
    request.META["CONTENT_LENGTH"] = str(10**12)
    request._stream, request._read_started = stream, False  # type: ignore[attr-defined]
    assert (request.POST["outlet"], request.FILES, is_too_large(request)) == ("1", {}, True)
    assert stream.read_count < MEGABYTE


@pytest.mark.parametrize("length", ["5000", "0", ""])
def test_a_length_that_is_a_lie_or_none_ends_the_file_there(length: str) -> None:
    outlet = make_outlet()
    send(signed_in("Operator"), body_of(outlet, 3 * MEGABYTE), CONTENT_LENGTH=length)
    assert sum(ProductUpload.objects.values_list("byte_count", flat=True)) < 5000
