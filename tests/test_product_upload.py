"""Uploaded product files: checked, applied once, taken back, and brought to their end whatever dies meanwhile."""

import gzip
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from integration import upload_steps
from integration.models import Outlet, OutletProduct, ProductUpload, PushHistory, UploadBatch
from integration.product_update import apply_product_update
from integration.product_upload import (
    CannotUndo,
    apply_upload,
    discard_upload,
    find_push,
    find_undo,
    receive_upload,
    shown_name,
    undo_upload,
)
from integration.pruning import prune_uploads
from integration.signals import product_updated
from integration.upload_findings import Findings
from integration.upload_steps import ClaimLost, claim_upload, process_upload, sweep_uploads
from tasks import maintenance, uploads
from tests.conftest import dashboard_state, make_outlet, set_price, stock

pytestmark = pytest.mark.django_db
FEEDS = Path(__file__).resolve().parents[2] / "shared" / "data"
FULL = FEEDS / "Pasons-14-Sm-2025-12-17-124851.csv"
NOW = timezone.now()
HEADER = "sku,selling_price,stock_status\n"


@pytest.fixture
def announced() -> Iterator[list[int]]:
    counts: list[int] = []

    def listen(sender: object, changed_count: int, **kwargs: Any) -> None:
        counts.append(changed_count)

    product_updated.connect(listen)
    yield counts
    product_updated.disconnect(listen)


def upload(outlet: Outlet, content: str | bytes, name: str = "prices.csv") -> ProductUpload:
    data = content.encode() if isinstance(content, str) else content
    pieces = [data[start : start + 1000] for start in range(0, len(data), 1000)]
    return receive_upload(outlet, name, pieces, timezone.now(), None)


def checked(outlet: Outlet, content: str | bytes, name: str = "prices.csv") -> ProductUpload:
    one = upload(outlet, content, name)
    process_upload(one.pk)
    one.refresh_from_db()
    return one


def applied(outlet: Outlet, content: str | bytes) -> ProductUpload:
    one = checked(outlet, content)
    assert apply_upload(one.pk, timezone.now(), None)
    process_upload(one.pk)
    one.refresh_from_db()
    return one


def counts(one: ProductUpload) -> tuple[int, ...]:
    return one.row_count, one.created_count, one.changed_count, one.unchanged_count, one.bad_count, one.duplicate_count


# --- the check ------------------------------------------------------------------------------------------


def test_a_file_is_kept_packed_in_pieces_and_read_back(outlet: Outlet) -> None:
    text = HEADER + "a,1,1\n" * 3000
    one = upload(outlet, text)
    assert (gzip.decompress(one.content).decode(), one.byte_count, one.status) == (text, len(text), "waiting")


def test_a_check_counts_and_writes_nothing(outlet: Outlet) -> None:
    stock(outlet, 3)
    before = dashboard_state(outlet)
    one = checked(outlet, HEADER + "s00000,10.00,1\ns00001,11,1\nnew,5,1\nbad,x,1\nnew,6,1\n")
    assert (one.status, counts(one), one.done_count) == ("checked", (5, 1, 1, 1, 1, 1), 5)
    assert one.findings["bad_rows"] == [
        {"row": 5, "sku": "bad", "field": "selling_price", "reason": "'x' is not a price"}
    ]
    assert [(row["sku"], row["old_price"], row["new_price"]) for row in one.findings["sample"]] == [
        ("new", None, "6.00"),
        ("s00001", "10.00", "11.00"),
    ]
    assert dashboard_state(outlet) == before
    assert not UploadBatch.objects.exists()
    assert (one.claim_token, one.attempt_count, one.finished_at is not None) == (None, 1, True)


def test_the_largest_price_moves_come_first(outlet: Outlet) -> None:
    stock(outlet, 50)
    rows = "".join(f"s{number:05d},{10 + number / 100:.2f},1\n" for number in range(49))
    one = checked(outlet, HEADER + rows + "s00049,1.00,1\n")
    moves = [(move["sku"], move["old_price"], move["new_price"], move["percent"]) for move in one.findings["moves"]]
    assert (len(moves), moves[:2]) == (20, [("s00049", "10.00", "1.00", -90.0), ("s00048", "10.00", "10.48", 4.8)])
    assert one.findings["warnings"] == []


def test_stock_that_goes_and_comes_is_counted(outlet: Outlet) -> None:
    stock(outlet, 10)
    OutletProduct.objects.filter(product__sku="s00009").update(stock_status=0)
    one = checked(outlet, HEADER + "s00009,10,1\n" + "".join(f"s0000{n},10,0\n" for n in range(3)))
    assert (one.findings["out_count"], one.findings["in_count"], one.findings["warnings"]) == (3, 1, [])
    one = checked(outlet, HEADER + "".join(f"s0000{n},10,0\n" for n in range(4)))
    assert (one.findings["out_count"], one.findings["warnings"]) == (4, ["out_of_stock"])


def test_many_large_price_moves_are_warned_of(outlet: Outlet) -> None:
    stock(outlet, 40)
    others = "".join(f"s{n:05d},11,1\n" for n in range(10, 40))
    nine = HEADER + others + "".join(f"s0000{n},16.01,1\n" for n in range(9))
    assert checked(outlet, nine).findings["warnings"] == []
    assert checked(outlet, nine + "s00009,16.01,1\n").findings["warnings"] == ["price_moves"]


def test_findings_do_not_grow_with_the_file(outlet: Outlet) -> None:
    stock(outlet, 5000)
    one = checked(outlet, HEADER + "".join(f"s{n:05d},{11 + n % 7},1\n" for n in range(5000)))
    assert (len(one.findings["moves"]), len(one.findings["sample"]), one.changed_count) == (20, 20, 5000)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_files_of_spreadsheets_come_in(outlet: Outlet, encoding: str) -> None:
    text = "SKU;Price;Active;Name\r\n0012;12,50;1;Crème\r\n0013;12.50;1;<script>alert(1)</script>\r\n"
    one = checked(outlet, text.encode(encoding))
    assert counts(one) == (2, 1, 0, 0, 1, 0)
    assert "12,50" in one.findings["bad_rows"][0]["reason"]


def test_a_nul_in_a_sku_stops_nothing(outlet: Outlet) -> None:
    one = checked(outlet, (HEADER + "a\x00b,1,1\nc,1,1\n").encode("utf-16"))
    assert (one.status, one.bad_count, one.findings["bad_rows"][0]["sku"]) == ("checked", 1, "ab")


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", "prices.csv is empty"),
        (b"PK\x03\x04\x00\x00", "prices.csv is not a text file: save it as CSV"),
        (b"sku,amount\n1,2\n", "missing column selling_price, stock_status"),
        (HEADER.encode() + b'a,1,1\nb,"1,1\n', "a quote is opened and never closed"),
    ],
)
def test_a_file_that_cannot_be_read_fails_with_the_person_s_name_for_it(
    outlet: Outlet, content: bytes, error: str
) -> None:
    one = checked(outlet, content)
    assert one.status == "failed"
    assert error in one.error
    assert "/tmp" not in one.error
    process_upload(one.pk)
    assert ProductUpload.objects.get().attempt_count == 1


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\feeds\\a.csv", "a.csv"),
        ("a\u202etxt.exe\n.csv", "atxt.exe.csv"),
        ("\x00", "products.csv"),
        ("x" * 300 + ".csv", "x" * 196 + ".csv"),
    ],
)
def test_a_file_name_is_for_people_alone(name: str, shown: str) -> None:
    assert shown_name(name) == shown


# --- apply ----------------------------------------------------------------------------------------------


def test_an_upload_is_applied_once_whoever_clicks_how_often(outlet: Outlet, announced: list[int]) -> None:
    stock(outlet, 2)
    one = checked(outlet, HEADER + "s00000,12,1\nnew,5,0\n")
    assert [apply_upload(one.pk, NOW, None) for _ in range(2)] == [True, False]
    process_upload(one.pk)
    process_upload(one.pk)
    one.refresh_from_db()
    assert (one.status, counts(one), one.applied_at) == ("done", (2, 1, 1, 0, 0, 0), NOW)
    assert dashboard_state(outlet) == {"s00000": ("12.00", 1), "s00001": ("10.00", 1), "new": ("5.00", 0)}
    assert not apply_upload(one.pk, NOW, None)
    assert UploadBatch.objects.count() == 1


def test_what_came_in_between_is_compared_anew(outlet: Outlet) -> None:
    stock(outlet, 2)
    one = checked(outlet, HEADER + "s00000,12,1\ns00001,12,1\n")
    set_price(outlet, "s00001", "12.00")
    apply_upload(one.pk, NOW, None)
    process_upload(one.pk)
    one.refresh_from_db()
    assert (one.changed_count, one.unchanged_count, one.findings["changed"]) == (1, 1, 2)


def test_a_file_without_a_good_row_is_not_applied(outlet: Outlet) -> None:
    one = checked(outlet, HEADER + "a,x,1\n")
    assert not apply_upload(one.pk, NOW, None)


def test_a_discarded_upload_is_not_applied_and_its_file_is_gone(outlet: Outlet) -> None:
    one = checked(outlet, HEADER + "a,1,1\n")
    assert discard_upload(one.pk, NOW)
    assert not apply_upload(one.pk, NOW, None)
    one.refresh_from_db()
    assert (one.status, bytes(one.content)) == ("discarded", b"")
    assert not discard_upload(one.pk, NOW)


def test_an_applied_upload_is_not_discarded(outlet: Outlet) -> None:
    assert not discard_upload(applied(outlet, HEADER + "a,1,1\n").pk, NOW)


def test_the_push_that_follows_is_found(outlet: Outlet, monkeypatch: pytest.MonkeyPatch) -> None:
    one = applied(outlet, HEADER + "a,1,1\n")
    assert find_push(one) is None
    values: dict[str, Any] = {"outlet": outlet, "platform": "memory", "push_type": "partial"}
    before = PushHistory.objects.create(**values, trigger="manual", push_timestamp=NOW - timedelta(hours=1))
    assert find_push(one) == before  # it is open: the next one starts when it ends
    PushHistory.objects.update(status="success", finished_at=timezone.now())
    assert find_push(one) == before  # it was joined, and took the changes along
    PushHistory.objects.update(finished_at=NOW - timedelta(minutes=59))
    assert find_push(one) is None
    after = PushHistory.objects.create(**values, trigger="product_update", push_timestamp=timezone.now())
    assert find_push(one) == after


# --- workers that die, and messages that come twice -----------------------------------------------------


class KilledError(BaseException):
    """A worker that is killed writes nothing more."""


def process_and_be_killed(one: ProductUpload, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the upload's step, with a worker that dies after the first batch."""
    keep, done = upload_steps.keep_batch, []

    def die(*args: Any) -> None:
        if done:
            raise KilledError
        keep(*args)
        done.append(1)

    with monkeypatch.context() as patch:
        patch.setattr(upload_steps, "keep_batch", die)
        with pytest.raises(KilledError):
            process_upload(one.pk)


def abandon() -> None:
    ProductUpload.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))


def test_an_update_whose_worker_is_killed_in_the_middle_goes_on_and_ends(
    outlet: Outlet, monkeypatch: pytest.MonkeyPatch
) -> None:
    stock(outlet, 5000)
    one = checked(outlet, HEADER + "".join(f"s{n:05d},12.34,{n % 2}\n" for n in range(5000)) + "zz,1,1\n")
    apply_upload(one.pk, NOW, None)
    process_and_be_killed(one, monkeypatch)
    written = [value for value in dashboard_state(outlet).values() if value[0] == "12.34"]
    assert (len(written), UploadBatch.objects.count()) == (2000, 1)

    process_upload(one.pk)  # the message again: the claim still holds
    assert ProductUpload.objects.get().status == "applying"
    abandon()
    sweep_uploads(timezone.now())
    process_upload(one.pk)
    one.refresh_from_db()
    assert (one.status, one.attempt_count, counts(one)) == ("done", 2, (5001, 1, 5000, 0, 0, 0))
    assert dashboard_state(outlet) == {f"s{n:05d}": ("12.34", n % 2) for n in range(5000)} | {"zz": ("1.00", 1)}

    undo = undo_upload(one.pk, NOW, None)
    process_upload(undo.pk)
    apply_upload(undo.pk, NOW, None)
    process_upload(undo.pk)
    assert dashboard_state(outlet) == {f"s{n:05d}": ("10.00", 1) for n in range(5000)} | {"zz": ("1.00", 1)}


def test_a_worker_that_dies_after_its_last_batch_still_has_the_update_announced(
    outlet: Outlet, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any, announced: list[int]
) -> None:
    one = checked(outlet, HEADER + "a,1,1\n")
    apply_upload(one.pk, NOW, None)

    def die(*args: Any, **kwargs: Any) -> None:
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(upload_steps, "written_counts", die)
        with pytest.raises(KilledError):
            process_upload(one.pk)  # no callback runs after the commit: it is dead
    assert announced == []
    abandon()
    sweep_uploads(timezone.now())
    with django_capture_on_commit_callbacks(execute=True):
        process_upload(one.pk)
    assert announced == [1]
    assert ProductUpload.objects.get().created_count == 1


def test_an_upload_that_kills_its_workers_fails(outlet: Outlet) -> None:
    one = upload(outlet, HEADER + "a,1,1\n")
    for _ in range(3):
        assert claim_upload(one.pk) is not None
        abandon()
        sweep_uploads(timezone.now())
    one.refresh_from_db()
    assert (one.status, one.error, one.attempt_count) == ("failed", "", 3)
    assert claim_upload(one.pk) is None


def test_a_worker_that_has_lost_its_claim_writes_nothing(outlet: Outlet) -> None:
    one = checked(outlet, HEADER + "a,1,1\n")
    apply_upload(one.pk, NOW, None)
    late = claim_upload(one.pk)
    assert late is not None
    abandon()
    sweep_uploads(timezone.now())
    assert claim_upload(one.pk) is not None
    with upload_steps.unpacked(late.upload) as path, pytest.raises(ClaimLost):
        upload_steps.take_step(late, path)
    assert dashboard_state(outlet) == {}
    assert not UploadBatch.objects.exists()


def test_a_lost_claim_is_seen_in_the_transaction_of_each_batch(outlet: Outlet, monkeypatch: pytest.MonkeyPatch) -> None:
    one = checked(outlet, HEADER + "a,1,1\n")
    apply_upload(one.pk, NOW, None)
    monkeypatch.setattr(
        upload_steps.Progress, "add", lambda self, count: ProductUpload.objects.update(claim_token=None)
    )
    process_upload(one.pk)
    assert dashboard_state(outlet) == {}


def test_a_check_of_a_discarded_upload_stops(outlet: Outlet, monkeypatch: pytest.MonkeyPatch) -> None:
    one = upload(outlet, HEADER + "a,1,1\n")
    monkeypatch.setattr(upload_steps.Progress, "add", lambda self, count: discard_upload(one.pk, NOW))
    process_upload(one.pk)
    one.refresh_from_db()
    assert (one.status, one.findings) == ("discarded", {})


def test_progress_is_written_twice_a_second_at_most_and_keeps_the_claim(
    outlet: Outlet, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    clock = iter(range(0, 1000))
    write = upload_steps.Claim.write

    def note(self: upload_steps.Claim, **changes: Any) -> None:
        seen.append(changes.get("done_count", -1))
        assert "claimed_until" in changes
        write(self, **changes)

    monkeypatch.setattr(upload_steps.Claim, "write", note)
    monkeypatch.setattr(upload_steps.time, "monotonic", lambda: next(clock) / 8)  # 125 ms pass at each look
    checked(outlet, HEADER + "".join(f"s{n:05d},1,1\n" for n in range(20_000)))
    assert seen[0] == 0
    assert seen == sorted(seen)
    assert 2 < len(seen) < 10
    assert seen[-1] == 20_000


def test_the_sweep_rings_again_for_what_nobody_has_heard(outlet: Outlet, monkeypatch: pytest.MonkeyPatch) -> None:
    one = upload(outlet, HEADER + "a,1,1\n")
    assert sweep_uploads(one.created_at + timedelta(seconds=59)) == []
    assert sweep_uploads(one.created_at + timedelta(seconds=61)) == [one.pk]
    process_upload(one.pk)
    assert sweep_uploads(one.created_at + timedelta(hours=1)) == []
    rung: list[int] = []
    monkeypatch.setattr(uploads, "ring", rung.extend)
    apply_upload(one.pk, NOW - timedelta(hours=1), None)
    maintenance.sweep()
    assert rung == [one.pk]


def test_a_quiet_sweep_costs_two_queries(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(2):
        sweep_uploads(NOW)


def test_a_broker_that_is_down_leaves_the_upload_to_the_sweep(
    outlet: Outlet, django_capture_on_commit_callbacks: Any, caplog: pytest.LogCaptureFixture
) -> None:
    one = upload(outlet, HEADER + "a,1,1\n")
    with django_capture_on_commit_callbacks(execute=True):
        uploads.ring_upload(one.pk)
    assert "the sweep rings later" in caplog.text
    assert ProductUpload.objects.get().status == "waiting"


def test_a_message_holds_an_id_and_nothing_else(outlet: Outlet, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []
    monkeypatch.setattr(uploads.work_on_upload, "apply_async", lambda **message: sent.append(message))
    uploads.ring([3])
    assert sent == [{"kwargs": {"upload_id": 3}}]
    uploads.work_on_upload(upload_id=upload(outlet, HEADER + "a,1,1\n").pk)
    assert ProductUpload.objects.get().status == "checked"


# --- undo -----------------------------------------------------------------------------------------------


def test_an_undo_brings_the_earlier_values_back_after_its_own_preview(outlet: Outlet) -> None:
    stock(outlet, 3)
    apply_product_update(outlet, [{"sku": "=1+1", "selling_price": "2", "stock_status": 1}])
    before = dashboard_state(outlet)
    one = applied(outlet, HEADER + "s00000,12,0\ns00001,10,1\nnew,5,1\n'=1+1,3,1\n")
    undo = undo_upload(one.pk, NOW, None)
    assert dashboard_state(outlet) != before
    process_upload(undo.pk)
    undo.refresh_from_db()
    assert (undo.status, undo.undoes, counts(undo)) == ("checked", one, (2, 0, 2, 0, 0, 0))
    apply_upload(undo.pk, NOW, None)
    process_upload(undo.pk)
    assert dashboard_state(outlet) == before | {"new": ("5.00", 1)}


def test_an_upload_is_taken_back_once(outlet: Outlet) -> None:
    stock(outlet, 1)
    one = applied(outlet, HEADER + "s00000,12,0\n")
    undo = undo_upload(one.pk, NOW, None)
    with pytest.raises(CannotUndo):
        undo_upload(one.pk, NOW, None)
    assert find_undo(one) == undo
    discard_upload(undo.pk, NOW)
    assert undo_upload(one.pk, NOW, None).pk != undo.pk


@pytest.mark.parametrize("text", ["new,5,1\n", "s00000,10,1\n"])
def test_what_has_changed_nothing_cannot_be_taken_back(outlet: Outlet, text: str) -> None:
    stock(outlet, 1)
    one = applied(outlet, HEADER + text)
    with pytest.raises(CannotUndo):
        undo_upload(one.pk, NOW, None)


def test_what_is_not_applied_cannot_be_taken_back(outlet: Outlet) -> None:
    stock(outlet, 1)
    one = checked(outlet, HEADER + "s00000,12,0\n")
    with pytest.raises(CannotUndo):
        undo_upload(one.pk, NOW, None)


def test_what_an_update_wrote_before_it_failed_can_be_taken_back(
    outlet: Outlet, monkeypatch: pytest.MonkeyPatch, announced: list[int]
) -> None:
    stock(outlet, 3000)
    one = checked(outlet, HEADER + "".join(f"s{n:05d},12,1\n" for n in range(3000)))
    apply_upload(one.pk, NOW, None)
    process_and_be_killed(one, monkeypatch)
    ProductUpload.objects.update(attempt_count=3)
    abandon()
    sweep_uploads(timezone.now())
    one.refresh_from_db()
    assert (one.status, one.changed_count) == ("failed", 2000)
    assert announced == [2000]  # what it has written is pushed, and does not wait for the schedule
    sweep_uploads(timezone.now())
    assert announced == [2000]
    assert undo_upload(one.pk, NOW, None).status == "waiting"


# --- what goes ------------------------------------------------------------------------------------------


def test_files_go_after_30_days_and_uploads_after_90(outlet: Outlet) -> None:
    stock(outlet, 1)
    one = applied(outlet, HEADER + "s00000,12,0\n")
    unapplied = checked(outlet, HEADER + "s00000,13,0\n")
    waiting = upload(outlet, HEADER + "s00000,14,0\n")
    now = timezone.now()
    assert prune_uploads(now + timedelta(days=29)) == 0
    assert (ProductUpload.objects.exclude(content=b"").count(), UploadBatch.objects.count()) == (3, 1)
    assert prune_uploads(now + timedelta(days=31)) == 0
    states = {row.pk: (row.status, bytes(row.content) == b"") for row in ProductUpload.objects.all()}
    assert states == {one.pk: ("done", True), unapplied.pk: ("discarded", True), waiting.pk: ("waiting", False)}
    assert not UploadBatch.objects.exists()
    with pytest.raises(CannotUndo):
        undo_upload(one.pk, NOW, None)
    assert prune_uploads(now + timedelta(days=91)) == 2
    assert list(ProductUpload.objects.all()) == [waiting]


def test_an_upload_is_worked_on_without_the_outlet_s_secrets(outlet: Outlet, settings: Any) -> None:
    Outlet.objects.update(api_key="correct-key")
    settings.ENCRYPTION_KEYS = ["x" * 43 + "="]
    one = applied(Outlet.objects.defer("api_key", "api_secret").get(), HEADER + "a,1,1\n")
    assert one.status == "done"


# --- the chain's own files ------------------------------------------------------------------------------


@pytest.mark.skipif(not FULL.exists(), reason="the chain's own files are not part of the project")
def test_a_real_feed_is_checked_applied_and_taken_back() -> None:
    outlet = make_outlet("14")
    feed = FULL.read_bytes()
    one = applied(outlet, feed)
    assert (one.status, counts(one)) == ("done", (18390, 18390, 0, 0, 0, 0))
    before = dashboard_state(outlet)
    lines = feed.decode().splitlines()
    dearer = [
        lines[0],
        *(f"{sku},{float(price) + 1:.2f},1,0" for sku, price, *_ in (line.split(",") for line in lines[1:])),
    ]
    two = applied(outlet, "\n".join(dearer))
    assert (two.changed_count, two.findings["price_count"]) == (18390, 18390)
    undo = undo_upload(two.pk, NOW, None)
    process_upload(undo.pk)
    apply_upload(undo.pk, NOW, None)
    process_upload(undo.pk)
    assert dashboard_state(outlet) == before


def test_findings_of_nothing_warn_of_nothing() -> None:
    assert Findings(0).warnings == []
