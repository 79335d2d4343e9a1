"""Outlets full of products, written by the database itself; and the states that they are put into."""

from django.db import connection
from django.utils import timezone

from integration.models import Outlet, OutletProduct, PushHistory

FEED = 18_390  # rows of a branch's real feed
SERIES = {
    "postgresql": "SELECT generate_series(1, {count}) AS n",
    "sqlite": "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {count}) SELECT n FROM s",
}
SKU = {"postgresql": "'934095' || lpad(n::text, 7, '0')", "sqlite": "'934095' || substr('0000000' || n, -7)"}


def execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def series(count: int) -> str:
    return SERIES[connection.vendor].format(count=count)


def add_products(count: int) -> None:
    execute(f"INSERT INTO integration_product (sku, name, barcode) SELECT {SKU[connection.vendor]}, '', '' "
            f"FROM ({series(count)}) AS s WHERE true ON CONFLICT DO NOTHING")  # fmt: skip


def add_outlet(number: int, endpoint: str, count: int, **more: object) -> Outlet:
    """An outlet with the first `count` products; its shop knows none of them."""
    outlet = Outlet.objects.create(
        platform="pasons",
        store_id=str(number),
        name=f"Branch {number}",
        api_endpoint=endpoint,
        api_key="a-key-of-the-shop",
        push_enabled=True,
        **more,  # type: ignore[arg-type]
    )
    execute(f"INSERT INTO integration_outletproduct (outlet_id, product_id, selling_price, stock_status) "
            f"SELECT {outlet.pk}, id, 1 + (id % 9000) / 100.0, id % 2 "
            f"FROM integration_product WHERE id <= {count}")  # fmt: skip
    return outlet


def forget_pushes() -> None:
    """As if the shops had never been sent anything."""
    OutletProduct.objects.update(pushed_price=None, pushed_stock_status=None, pushed_at=None)
    settle()


def acknowledge_all() -> None:
    """As if everything had just been pushed."""
    execute("UPDATE integration_outletproduct SET pushed_price = selling_price, pushed_stock_status = stock_status")
    OutletProduct.objects.update(pushed_at=timezone.now())
    settle()


def settle() -> None:
    """Forget the history, and have the database tidy up now and not in the middle of a measurement."""
    PushHistory.objects.all().delete()
    execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")


def change(outlet: Outlet, count: int) -> None:
    """Raise the prices of `count` products that lie far from each other, by so little that nobody holds the push."""
    step = max(OutletProduct.objects.filter(outlet=outlet).count() // count, 1)
    execute(f"UPDATE integration_outletproduct SET selling_price = selling_price + 0.01 "
            f"WHERE outlet_id = {outlet.pk} AND product_id % {step} = 0 AND product_id <= {count * step}")  # fmt: skip


def clear() -> None:
    """Without asking what hangs on each of a million rows."""
    execute(
        "TRUNCATE integration_pushhistory, integration_outletproduct, integration_outlet, integration_product CASCADE"
    )
