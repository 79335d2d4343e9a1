"""Product update: upload a file, look at what it would do, apply it, take it back."""

import gzip
from decimal import Decimal
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from gunicorn.config import Config

from dashboard import webserver
from integration.models import Outlet, OutletProduct, ProductUpload, PushHistory
from integration.product_upload import apply_upload, receive_upload, undo_upload
from integration.upload_steps import claim_upload, process_upload
from tasks import uploads
from tests.conftest import dashboard_state, make_outlet, set_price, stock
from tests.people import restore_migrated_rows, signed_in

pytestmark = pytest.mark.django_db
LIST = "/shop-integration/product-update/"
HEADER = "sku,selling_price,stock_status\n"


@pytest.fixture(autouse=True)
def roles(db: None) -> None:
    restore_migrated_rows()


@pytest.fixture(autouse=True)
def rung(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What workers would be woken for."""
    ids: list[int] = []
    monkeypatch.setattr(uploads, "ring", ids.extend)
    return ids


@pytest.fixture
def operator() -> Client:
    return signed_in("Operator")


def send(client: Client, outlet: Outlet, content: str | bytes, name: str = "prices.csv") -> Any:
    data = content.encode() if isinstance(content, str) else content
    return client.post(LIST, {"outlet": outlet.pk, "file": SimpleUploadedFile(name, data)})


def keep(outlet: Outlet, text: str, name: str = "prices.csv") -> ProductUpload:
    return receive_upload(outlet, name, [text.encode()], timezone.now(), None)


def checked(outlet: Outlet, text: str, name: str = "prices.csv") -> ProductUpload:
    upload = keep(outlet, text, name)
    process_upload(upload.pk)
    return ProductUpload.objects.get(pk=upload.pk)


def applied(outlet: Outlet, text: str) -> ProductUpload:
    upload = checked(outlet, text)
    assert apply_upload(upload.pk, timezone.now(), None)
    process_upload(upload.pk)
    return ProductUpload.objects.get(pk=upload.pk)


def address(upload: ProductUpload, action: str = "") -> str:
    return f"{LIST}{upload.pk}/{action and action + '/'}"


def text_of(response: Any) -> str:
    return " ".join(response.content.decode().split())


def poll(client: Client, upload: ProductUpload) -> Any:
    return client.get(address(upload), headers={"HX-Request": "true"})


# --- upload ---------------------------------------------------------------------------------------------


def test_a_file_is_kept_and_a_worker_is_woken(
    operator: Client, outlet: Outlet, rung: list[int], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        response = send(operator, outlet, HEADER + "a,1,1\n")
    upload = ProductUpload.objects.get()
    assert response["Location"] == address(upload)
    assert (upload.outlet, upload.file_name, upload.status) == (outlet, "prices.csv", "waiting")
    assert upload.created_by is not None
    assert upload.created_by.get_username() == "operator"
    assert gzip.decompress(upload.content).decode() == HEADER + "a,1,1\n"
    assert rung == [upload.pk]


def test_a_file_that_is_too_large_gets_one_error_that_says_what_to_do(
    operator: Client, outlet: Outlet, settings: Any
) -> None:
    settings.UPLOAD_LIMIT_MB = 1
    response = send(operator, outlet, b"x" * 1_000_001)
    page = text_of(response)
    assert "The file is larger than 1 MB." in page
    assert "manage.py import_products" in page
    assert page.count("text-danger") == 1
    assert not ProductUpload.objects.exists()


def test_an_upload_without_file_or_outlet_says_what_is_missing(operator: Client, outlet: Outlet) -> None:
    page = text_of(operator.post(LIST, {"outlet": ""}))
    assert page.count("This field is required.") == 2
    assert "The submitted file is empty." in text_of(send(operator, outlet, b""))


def test_a_hostile_file_name_is_shown_and_nothing_else(operator: Client, outlet: Outlet) -> None:
    send(operator, outlet, HEADER + "a,1,1\n", '../../<script>alert(1)</script>=cmd|"/c calc".csv')
    upload = ProductUpload.objects.get()
    assert "/" not in upload.file_name
    for page in (operator.get(LIST), operator.get(address(upload))):
        assert "<script>alert" not in text_of(page)


def test_a_broker_that_is_down_does_not_break_the_page(
    operator: Client, outlet: Outlet, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    def fail(upload_ids: list[int]) -> None:
        raise RuntimeError("nobody there")

    monkeypatch.setattr(uploads, "ring", fail)
    with django_capture_on_commit_callbacks(execute=False) as callbacks:
        assert send(operator, outlet, HEADER + "a,1,1\n").status_code == 302
    assert len(callbacks) == 1
    assert [robust for _, _, robust in connection.run_on_commit][-1] is True


def test_a_slow_upload_is_not_taken_for_a_hang() -> None:
    config = Config()
    config.set("threads", webserver.threads)
    assert config.worker_class_str == "gthread"


# --- who may what ---------------------------------------------------------------------------------------


def test_a_viewer_sees_uploads_and_may_change_nothing(outlet: Outlet) -> None:
    viewer = signed_in("Viewer")
    stock(outlet, 1)
    upload = checked(outlet, HEADER + "s00000,2,1\n")
    done = applied(outlet, HEADER + "s00000,3,1\n")
    pages = [text_of(viewer.get(url)) for url in (LIST, address(upload), address(done))]
    for page in pages:
        assert "prices.csv" in page
        assert not any(word in page for word in (">Apply<", "Discard<", "Undo<", "Upload and check", 'type="file"'))
    answers = [viewer.post(address(upload, action)).status_code for action in ("apply", "discard")]
    assert [*answers, viewer.post(address(done, "undo")).status_code] == [403, 403, 403]
    assert send(viewer, outlet, HEADER + "a,1,1\n").status_code == 403
    assert viewer.get(address(upload, "bad-rows")).status_code == 200
    assert ProductUpload.objects.count() == 2
    assert dashboard_state(outlet) == {"s00000": ("3.00", 1)}


def test_who_has_no_role_sees_nothing(outlet: Outlet) -> None:
    nobody = signed_in("nobody")
    upload = keep(outlet, HEADER + "a,1,1\n")
    for url in (LIST, address(upload), address(upload, "bad-rows")):
        assert nobody.get(url).status_code == 403


@pytest.mark.parametrize("action", ["apply", "discard", "undo"])
def test_what_changes_something_is_posted(operator: Client, outlet: Outlet, action: str) -> None:
    assert operator.get(address(keep(outlet, HEADER), action)).status_code == 405


@pytest.mark.parametrize("action", ["", "apply", "discard", "undo", "bad-rows"])
def test_an_upload_that_is_not_there_is_not_found(operator: Client, action: str) -> None:
    method = operator.post if action in ("apply", "discard", "undo") else operator.get
    for number in (99, 10**30):
        assert method(f"{LIST}{number}/{action and action + '/'}").status_code == 404


# --- the check, live and without script -----------------------------------------------------------------


def test_progress_is_shown_and_asked_for_again(operator: Client, outlet: Outlet) -> None:
    upload = keep(outlet, HEADER + "a,1,1\n")
    claim = claim_upload(upload.pk)
    assert claim is not None
    claim.write(row_count=18390, done_count=9000)
    page = text_of(operator.get(address(upload)))
    assert '<progress max="18390" value="9000"' in page
    assert "9,000 of 18,390 rows" in page
    assert f'hx-get="{address(upload)}" hx-trigger="every 1s"' in page
    assert "Refresh" in page
    answer = poll(operator, upload)
    assert (answer.status_code, "<html" in text_of(answer)) == (200, False)


def test_the_page_stops_asking_when_the_check_is_over(operator: Client, outlet: Outlet) -> None:
    upload = checked(outlet, HEADER + "a,1,1\n")
    answer = poll(operator, upload)
    assert (answer.status_code, ">Apply<" in text_of(answer)) == (286, True)
    assert "hx-trigger" not in text_of(operator.get(address(upload)))


def test_the_preview_shows_counts_bad_rows_and_moves(operator: Client, outlet: Outlet) -> None:
    stock(outlet, 3)
    upload = checked(
        outlet,
        HEADER.replace("\n", ",name\n")
        + "s00000,15,1,<script>alert(1)</script>\ns00001,10,0,B\nnew,5,1,C\n=cmd|calc,x,1,D\ns00001,10,0,B\n",
    )
    page = text_of(operator.get(address(upload)))
    for label, count in (("Rows", 5), ("New", 1), ("Changed", 2), ("Unchanged", 0), ("Repeated", 1)):
        assert f"<dt>{label}</dt><dd>{count}</dd>" in page
    assert '<dt>Bad</dt><dd class="text-danger">1</dd>' in page
    assert "<dt>Go out of stock</dt><dd>1</dd>" in page
    assert "<code>=cmd|calc</code></td><td>selling_price</td>" in page
    assert "&#x27;x&#x27; is not a price</td>" in page
    assert "+50.0 %" in page
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page
    assert "Row 6: s00001" in page
    assert "Bad rows are left out." in page
    assert "Look twice: 1 of the outlet's 3 products would go out of stock" in page
    assert dashboard_state(outlet)["s00000"] == ("10.00", 1)


def test_a_harmless_file_warns_of_nothing(operator: Client, outlet: Outlet) -> None:
    stock(outlet, 10)
    page = text_of(operator.get(address(checked(outlet, HEADER + "s00000,10.50,0\n"))))
    assert "Look twice" not in page


def test_prices_that_move_far_are_warned_of(operator: Client, outlet: Outlet) -> None:
    stock(outlet, 20)
    upload = checked(outlet, HEADER + "".join(f"s{n:05d},1000,1\n" for n in range(20)))
    assert "Look twice: 20 prices would move by more than 60 %." in text_of(operator.get(address(upload)))


def test_a_file_without_a_good_row_cannot_be_applied(operator: Client, outlet: Outlet, rung: list[int]) -> None:
    upload = checked(outlet, HEADER + "a,x,1\n")
    page = text_of(operator.get(address(upload)))
    assert "No row of the file can be used." in page
    assert "upload_apply" not in page
    assert address(upload, "apply") not in page
    page = text_of(operator.post(address(upload, "apply"), follow=True))
    assert "cannot be applied any more" in page
    assert rung == []


def test_a_file_that_cannot_be_read_says_what_to_do(operator: Client, outlet: Outlet) -> None:
    page = text_of(operator.get(address(checked(outlet, "sku,amount\n1,2\n", "week 48.csv"))))
    assert "missing column selling_price, stock_status" in page
    assert "Save it as CSV (UTF-8)" in page
    page = text_of(operator.get(address(checked(outlet, "", "week 48.csv"))))
    assert "week 48.csv is empty" in page
    assert "/tmp" not in page


def test_bad_rows_are_downloaded_without_formulas(operator: Client, outlet: Outlet) -> None:
    rows = "".join(f"=cmd{n},x,1\n" for n in range(60))
    upload = checked(outlet, HEADER + rows)
    page = text_of(operator.get(address(upload)))
    assert page.count("<code>=cmd") == 50
    assert "The first 50 of 60." in page
    response = operator.get(address(upload, "bad-rows"))
    lines = body_of(response).splitlines()
    assert response["Content-Disposition"] == f'attachment; filename="bad-rows-{upload.pk}.csv"'
    assert (len(lines), lines[0], lines[1]) == (
        61,
        "row,field,reason,sku,selling_price,stock_status",
        "2,selling_price,'x' is not a price,'=cmd0,x,1",
    )


def body_of(response: Any) -> str:
    return b"".join(response.streaming_content).decode()


def test_bad_rows_are_mended_and_uploaded_again(operator: Client, outlet: Outlet) -> None:
    """With every column of the file, in its own order; and again, where one is still wrong."""
    header, bad, good = "name;sku;Shelf;price;stock_status;note", '-18V drill;=1;"a;b";12,50;1;=x', "Good;2;;3;1;"
    text = f'{header}\n{bad}\n{good}\nfilé;0003;c;0;1;"two\nlines"\n'
    upload = checked(outlet, text)
    found = body_of(operator.get(address(upload, "bad-rows")))
    hint = "'12,50' is not a price: write decimals with a point, and thousands as 1234 or 1,234.00"
    assert found == (
        "row,field,reason,name,sku,Shelf,price,stock_status,note\n"
        f'2,selling_price,"{hint}",\'-18V drill,\'=1,a;b,"12,50",1,\'=x\n'
        '5,selling_price,must be above 0,filé,0003,c,0,1,"two\nlines"\n'
    )
    mended = found.replace('"12,50"', "12.50")
    again = checked(outlet, mended)
    assert (again.bad_count, again.created_count) == (1, 1)
    still = body_of(operator.get(address(again, "bad-rows")))
    assert still.splitlines()[0] == "row,field,reason,name,sku,Shelf,price,stock_status,note"
    last = applied(outlet, still.replace(",c,0,1,", ",c,4.00,1,"))
    assert (last.bad_count, last.created_count) == (0, 1)
    applied(outlet, mended)
    values = outlet.products.values_list("product__sku", "product__name", "selling_price").order_by("product__sku")
    assert list(values) == [("0003", "filé", Decimal("4.00")), ("=1", "-18V drill", Decimal("12.50"))]


def test_of_a_discarded_file_the_skus_are_left(operator: Client, outlet: Outlet) -> None:
    upload = checked(outlet, HEADER + "a,x,1\n")
    operator.post(address(upload, "discard"))
    assert body_of(operator.get(address(upload, "bad-rows"))) == (
        "row,field,reason,sku\n2,selling_price,'x' is not a price,a\n"
    )


def test_a_row_with_too_many_or_too_few_cells_is_there_as_it_stood(operator: Client, outlet: Outlet) -> None:
    upload = checked(outlet, HEADER + "a,1\nb,1,1,9\nc,1,1\n")
    lines = body_of(operator.get(address(upload, "bad-rows"))).splitlines()
    assert lines[1:] == ['2,row,"has 2 cells, the header has 3",a,1', '3,row,"has 4 cells, the header has 3",b,1,1,9']


# --- apply, discard, undo -------------------------------------------------------------------------------


def test_a_double_click_applies_once(
    operator: Client, outlet: Outlet, rung: list[int], django_capture_on_commit_callbacks: Any
) -> None:
    upload = checked(outlet, HEADER + "a,1,1\n")
    with django_capture_on_commit_callbacks(execute=True):
        answers = [operator.post(address(upload, "apply")) for _ in range(2)]
    assert [answer["Location"] for answer in answers] == [address(upload)] * 2
    assert rung == [upload.pk]
    upload.refresh_from_db()
    assert (upload.status, upload.applied_by) == ("queued", upload.applied_by)
    assert upload.applied_by is not None
    assert dashboard_state(outlet) == {}


def test_the_result_says_what_was_changed_and_which_push_follows(operator: Client, outlet: Outlet) -> None:
    stock(outlet, 2)
    Outlet.objects.update(push_after_update=True)
    upload = applied(outlet, HEADER + "s00000,12,1\nnew,1,1\nbad,x,1\n")
    push = PushHistory.objects.create(
        outlet=outlet,
        platform="memory",
        push_type="partial",
        trigger="product_update",
        push_timestamp=timezone.now(),
        status="success",
    )
    page = text_of(operator.get(address(upload)))
    assert "2 changes were made" in page
    assert f'href="/pushes/{push.pk}/"' in page
    assert "brings the changes to the shop" in page
    assert "New products stay: they cannot be taken back." in page
    assert "differ from the preview" not in page
    assert "Download bad rows" in page


def test_without_a_push_after_the_update_the_page_says_when_the_shop_hears(operator: Client, outlet: Outlet) -> None:
    upload = applied(outlet, HEADER + "new,1,1\n")
    page = text_of(operator.get(address(upload)))
    assert "The next scheduled push brings the changes to the shop." in page
    assert f'href="/outlets/{outlet.pk}/push/"' in page
    Outlet.objects.update(push_enabled=False)
    assert "Pushing is switched off for this outlet" in text_of(operator.get(address(upload)))


def test_a_stale_preview_is_said_to_have_been_one(operator: Client, outlet: Outlet) -> None:
    stock(outlet, 2)
    upload = checked(outlet, HEADER + "s00000,12,1\ns00001,12,1\n")
    set_price(outlet, "s00001", "12.00")
    apply_upload(upload.pk, timezone.now(), None)
    process_upload(upload.pk)
    page = text_of(operator.get(address(upload)))
    assert "1 change was made" in page
    assert "The numbers differ from the preview" in page


def test_a_discarded_file_changes_nothing(operator: Client, outlet: Outlet) -> None:
    upload = checked(outlet, HEADER + "a,1,1\n")
    page = text_of(operator.post(address(upload, "discard"), follow=True))
    assert "prices.csv is discarded. Nothing was changed." in page
    assert "This file was discarded." in text_of(operator.get(address(upload)))
    assert "cannot be discarded any more" in text_of(operator.post(address(upload, "discard"), follow=True))
    assert not OutletProduct.objects.exists()


def test_an_undo_is_a_file_with_a_preview_of_its_own(operator: Client, outlet: Outlet) -> None:
    stock(outlet, 1)
    upload = applied(outlet, HEADER + "s00000,12,1\nnew,1,1\n")
    response = operator.post(address(upload, "undo"))
    undo = ProductUpload.objects.get(undoes=upload)
    assert response["Location"] == address(undo)
    assert "This update is being taken back." in text_of(operator.get(address(upload)))
    process_upload(undo.pk)
    page = text_of(operator.get(address(undo)))
    assert "Undo of prices.csv" in page
    assert "1 product that the update has added stays" in page
    operator.post(address(undo, "apply"))
    process_upload(undo.pk)
    assert dashboard_state(outlet) == {"s00000": ("10.00", 1), "new": ("1.00", 1)}
    page = text_of(operator.get(address(upload)))
    assert "This update was taken back." in page
    assert address(upload, "undo") not in page
    assert "nothing that can be taken back" in text_of(operator.post(address(upload, "undo"), follow=True))
    assert ProductUpload.objects.count() == 2


def test_an_update_that_only_adds_offers_no_undo(operator: Client, outlet: Outlet) -> None:
    upload = applied(outlet, HEADER + "new,1,1\n")
    assert address(upload, "undo") not in text_of(operator.get(address(upload)))


# --- the list -------------------------------------------------------------------------------------------


def test_an_empty_list_says_what_to_do(operator: Client) -> None:
    assert "Choose an outlet and a CSV file above." in text_of(operator.get(LIST))


def test_the_list_shows_one_outlet_s_files_where_it_is_asked_for(operator: Client, outlet: Outlet) -> None:
    keep(outlet, HEADER, "here.csv")
    keep(make_outlet("8"), HEADER, "there.csv")
    page = text_of(operator.get(LIST, {"outlet": outlet.pk}))
    assert ("here.csv" in page, "there.csv" in page) == (True, False)
    assert f'<option value="{outlet.pk}" selected>' in page
    assert "there.csv" in text_of(operator.get(LIST, {"outlet": "²"}))


def test_the_list_costs_the_same_queries_for_3_and_30_uploads_and_reads_no_file(
    operator: Client, outlet: Outlet
) -> None:
    counts = []
    for _ in range(2):
        for number in range(3 if not counts else 27):
            upload = keep(make_outlet(f"{len(counts)}-{number}"), HEADER + "a,1,1\n")
            ProductUpload.objects.filter(pk=upload.pk).update(undoes=upload)
        with CaptureQueriesContext(connection) as queries:
            operator.get(LIST)
        counts.append(len(queries))
        assert not any('."content"' in query["sql"] or '."findings"' in query["sql"] for query in queries)
        assert not any('"api_key"' in query["sql"] for query in queries)
    assert counts[0] == counts[1]


def test_a_page_that_waits_reads_neither_file_nor_findings(operator: Client, outlet: Outlet) -> None:
    upload = keep(outlet, HEADER + "a,1,1\n")
    with CaptureQueriesContext(connection) as queries:
        poll(operator, upload)
    assert not any('"integration_productupload"."content"' in query["sql"] for query in queries)


def test_the_pages_need_no_secret(operator: Client, outlet: Outlet, settings: Any) -> None:
    stock(outlet, 1)
    upload = applied(outlet, HEADER + "s00000,2,1\n")
    undo = undo_upload(upload.pk, timezone.now(), None)
    Outlet.objects.update(api_key="correct-key")
    settings.ENCRYPTION_KEYS = ["x" * 43 + "="]
    for url in (LIST, address(upload), address(undo)):
        assert operator.get(url).status_code == 200
