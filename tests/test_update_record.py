"""Who changed prices and stock stands beside what they changed."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from integration.models import Outlet, OutletProduct, ProductUpdate, PushHistory, make_token
from integration.platforms.memory import Memory
from integration.product_update import apply_product_update
from integration.product_upload import apply_upload, receive_upload
from integration.push_queue import cancel_push, start_push
from integration.push_service import PushService
from integration.update_record import updates_before
from integration.upload_steps import process_upload
from tasks.maintenance import prune
from tests.conftest import make_outlet, stock
from tests.people import make_person, signed_in

pytestmark = pytest.mark.django_db
FILE = b"sku,selling_price,stock_status\n0012,13.99,1\n0013,2.50,0\n"


def rows(*values: tuple[str, str, int]) -> list[dict[str, object]]:
    return [{"sku": sku, "selling_price": price, "stock_status": stock} for sku, price, stock in values]


def written() -> list[tuple[Any, ...]]:
    """Source, person, and how many were new, changed and went out of stock; oldest first."""
    names = ("source", "user__username", "created_count", "changed_count", "sold_out_count")
    return list(ProductUpdate.objects.order_by("pk").values_list(*names))


def test_an_update_is_written_down_with_what_it_changed(outlet: Outlet) -> None:
    apply_product_update(outlet, rows(("a", "1", 1), ("b", "2", 1), ("c", "3", 1)))
    ProductUpdate.objects.all().delete()
    apply_product_update(outlet, rows(("a", "1.5", 1), ("b", "2", 0), ("c", "3", 1), ("d", "4", 0)))
    (row,) = ProductUpdate.objects.all()
    assert (row.outlet, row.source, row.created_count, row.changed_count, row.sold_out_count) == (
        outlet,
        "code",
        1,
        2,
        1,
    )
    assert sorted(row.changes) == [
        ["a", "1.00", 1, "1.50", 1],
        ["b", "2.00", 1, "2.00", 0],
        ["d", None, None, "4.00", 0],
    ]


def test_a_long_update_is_one_row_that_keeps_its_first_changes(outlet: Outlet) -> None:
    apply_product_update(outlet, rows(*((f"x{number:04}", "1", 1) for number in range(4100))))
    (row,) = ProductUpdate.objects.all()
    assert (row.created_count, row.changed_count, len(row.changes)) == (4100, 0, 20)


def test_what_changes_nothing_is_not_written_down(outlet: Outlet) -> None:
    apply_product_update(outlet, rows(("a", "1", 1)))
    apply_product_update(outlet, rows(("a", "1", 1)))
    apply_product_update(outlet, rows(("a", "2", 1)), dry_run=True)
    assert len(written()) == 1


def test_a_batch_that_fails_leaves_no_row(outlet: Outlet, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr("integration.update_record.UpdateRecord.add", fail)
    with pytest.raises(RuntimeError):
        apply_product_update(outlet, rows(("a", "1", 1)))
    assert (OutletProduct.objects.count(), ProductUpdate.objects.count()) == (0, 0)


def test_a_program_is_written_down_with_its_token(client: Client, outlet: Outlet) -> None:
    name = make_person("Operator", "erp")
    user = get_user_model().objects.get(username=name)
    token, secret = make_token("Till 3", user.pk, None, timezone.now())
    data = {"outlet": outlet.pk, "rows": rows(("a", "1", 1))}
    headers = {"Authorization": f"Bearer {secret}"}
    answer = client.post("/api/product-update/", data, content_type="application/json", headers=headers)
    assert answer.status_code == 200
    assert written() == [("api", "erp", 1, 0, 0)]
    assert ProductUpdate.objects.get().token == token


def test_a_file_is_written_down_with_who_applied_it(outlet: Outlet) -> None:
    user = get_user_model().objects.get(username=make_person("Operator", "asha"))
    upload = receive_upload(outlet, "monday.csv", [FILE], timezone.now(), None)
    process_upload(upload.pk)
    assert written() == []
    apply_upload(upload.pk, timezone.now(), user.pk)
    process_upload(upload.pk)
    assert written() == [("file", "asha", 2, 0, 0)]
    assert ProductUpdate.objects.get().upload_id == upload.pk


def test_a_file_that_is_imported_by_command_is_written_down(outlet: Outlet, tmp_path: Any) -> None:
    path = tmp_path / "feed.csv"
    path.write_bytes(FILE)
    call_command("import_products", str(path), outlet="007")
    assert written() == [("command", None, 2, 0, 0)]


@pytest.mark.parametrize("way", ["page", "admin"])
def test_a_value_that_a_person_changes_is_written_down(outlet: Outlet, way: str) -> None:
    stock(outlet, 1)
    item = OutletProduct.objects.get()
    ProductUpdate.objects.all().delete()
    page = f"/products/{item.product_id}/{outlet.pk}/change/"
    address = page if way == "page" else f"/admin/integration/outletproduct/{item.pk}/change/"
    client = signed_in("Operator" if way == "page" else "administrator")
    assert client.post(address, {"selling_price": "12", "stock_status": 0}).status_code == 302
    (row,) = ProductUpdate.objects.all()
    assert (row.source, row.sold_out_count, row.user_id is None) == ("page", 1, False)
    assert row.changes == [["s00000", "10.00", 1, "12.00", 0]]


def test_a_push_knows_which_updates_it_came_after(outlet: Outlet) -> None:
    def update(*prices: str) -> None:
        for price in prices:
            apply_product_update(outlet, rows(("a", price, 1)))

    apply_product_update(make_outlet("008"), rows(("a", "99", 1)))
    update("10")
    PushService(outlet).push()
    update("11", "12")
    PushService(outlet).push()
    update("13")
    first, second = PushHistory.objects.order_by("pk")
    assert [row.changes[0][3] for row in updates_before(first)] == ["10.00"]
    assert [row.changes[0][3] for row in updates_before(second)] == ["12.00", "11.00"]


def test_a_push_of_another_outlet_in_between_hides_nothing(outlet: Outlet) -> None:
    other = make_outlet("008")
    apply_product_update(outlet, rows(("a", "10", 1)))
    apply_product_update(other, rows(("a", "99", 1)))
    PushService(other).push()
    PushService(outlet).push()
    assert prices_before(PushHistory.objects.get(outlet=outlet)) == ["10.00"]


def test_a_long_update_has_the_time_of_its_last_batch(outlet: Outlet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("integration.product_update.BATCH", 1)
    old = timezone.now() - timedelta(days=1)

    def age(count: int) -> None:
        if ProductUpdate.objects.filter(created_count=1).update(written_at=old):
            assert ProductUpdate.objects.get().written_at == old

    apply_product_update(outlet, rows(("a", "1", 1), ("b", "1", 1)), progress=age)
    assert ProductUpdate.objects.get().written_at > old


def prices_before(push: PushHistory | None) -> list[str]:
    assert push is not None
    return [row.changes[0][3] for row in updates_before(push)]


def test_what_comes_while_a_push_runs_stands_beside_its_follow_up(
    outlet: Outlet, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = Memory.send

    def update_meanwhile(self: Memory, *args: Any) -> Any:
        result = send(self, *args)
        apply_product_update(outlet, rows(("a", "11", 1)))
        return result

    apply_product_update(outlet, rows(("a", "10", 1)))
    monkeypatch.setattr(Memory, "send", update_meanwhile)
    PushService(outlet).push()
    assert prices_before(start_push(outlet, "partial", "schedule", timezone.now()).push) == ["11.00"]


def test_what_a_cancelled_push_has_not_brought_stands_beside_the_next(outlet: Outlet) -> None:
    apply_product_update(outlet, rows(("a", "10", 1)))
    first = start_push(outlet, "partial", "schedule", timezone.now()).push
    assert first is not None
    cancel_push(first.pk, "asha", timezone.now())
    assert prices_before(start_push(outlet, "partial", "schedule", timezone.now()).push) == ["10.00"]


def test_old_rows_go(outlet: Outlet) -> None:
    now = timezone.now()
    for number in range(3):
        apply_product_update(outlet, rows(("a", f"{number + 1}", 1)))
    ProductUpdate.objects.filter(changes__0__3="1.00").update(written_at=now - timedelta(days=91))
    ProductUpdate.objects.filter(changes__0__3="2.00").update(written_at=now - timedelta(days=89))
    prune()
    assert {row.changes[0][3] for row in ProductUpdate.objects.all()} == {"2.00", "3.00"}
