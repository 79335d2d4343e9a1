"""What people have done in the sample chain: changes of settings, contracts, an upload, tokens of programs."""

import csv
import gzip
import io
from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db.models import Model, Q

from integration import audit
from integration.contracts import store_contract
from integration.models import ApiToken, ContractVersion, Outlet, OutletProduct, ProductUpload, make_token
from integration.update_record import BY_CODE, Sender, Source

PLATFORM = "pasons"
UPLOADING = "71"  # the outlet that has a file waiting
# The mock shop lists what it has; whether the real one does is open.
READ_BACK = {"read_back": {"settle_seconds": 0}}
HEADER = ("sku", "selling_price", "stock_status", "name", "barcode")


def somebody(role: str) -> int | None:
    """Who has the role; where nobody has it, an administrator."""
    users = get_user_model().objects.filter(Q(groups__name=role) | Q(is_superuser=True), is_active=True)
    return users.order_by("is_superuser", "pk").values_list("pk", flat=True).first()


def store_contracts(now: datetime, user_id: int | None) -> None:
    if not ContractVersion.objects.filter(platform=PLATFORM).exists():
        keep_contract(READ_BACK, now - timedelta(days=5), user_id, "As agreed with the shop")
        keep_contract(
            {"batch_size": 200, **READ_BACK}, now - timedelta(hours=18), user_id, "The shop asks for smaller requests"
        )


def keep_contract(changes: dict[str, Any], at: datetime, user_id: int | None, reason: str) -> None:
    """Over what the environment says, which a stored contract would put aside."""
    configured = settings.CONTRACTS.get(PLATFORM, {})
    store_contract(PLATFORM, "", {**configured, **changes}, at, user_id, reason)


def make_records(now: datetime, operator_id: int | None, manager_id: int | None) -> None:
    outlets = {outlet.store_id: outlet for outlet in Outlet.objects.filter(platform=PLATFORM)}
    note(outlets["96"], now - timedelta(hours=5), manager_id, {}, audit.outlet_state(outlets["96"].pk))
    note(
        outlets["45"], now - timedelta(hours=74), manager_id, {"push_after_update": True}, {"push_after_update": False}
    )
    note(
        outlets["007"], now - timedelta(days=3), manager_id, {"name": "Pasons Investment Park"}, {"name": "Pasons DIP"}
    )
    upload_file(outlets[UPLOADING], now - timedelta(minutes=9), operator_id)


def note(row: Model, at: datetime, user_id: int | None, before: audit.State, after: audit.State) -> None:
    """Only where there is somebody who could have done it."""
    if user_id is not None:
        audit.record(user_id, row, before, after, at)


def make_tokens(now: datetime, user_id: int | None) -> Sender:
    """Of programs: what they are is kept nowhere, so nobody can use them. The tills send the chain's changes."""
    if user_id is None:
        return BY_CODE
    tills, _ = make_token("Price feed of the tills", user_id, user_id, now - timedelta(days=4))
    ApiToken.objects.filter(pk=tills.pk).update(last_used_at=now - timedelta(minutes=32))
    trial, _ = make_token("Trial", user_id, user_id, now - timedelta(days=5))
    ApiToken.objects.filter(pk=trial.pk).update(revoked_at=now - timedelta(days=4))
    return Sender(Source.API, user_id, tills.pk)


# --- a file -----------------------------------------------------------------------------------------------


def upload_file(outlet: Outlet, at: datetime, user_id: int | None) -> None:
    """A worker checks it when the service has started; then it waits for somebody to apply it."""
    text = io.StringIO()
    csv.writer(text).writerows([HEADER, *file_rows(outlet)])
    content = text.getvalue().encode()
    ProductUpload.objects.create(
        outlet=outlet,
        file_name="weekend-offers.csv",
        content=gzip.compress(content),
        byte_count=len(content),
        created_at=at,
        created_by_id=user_id,
    )


def file_rows(outlet: Outlet) -> Iterator[tuple[Any, ...]]:
    """Offers, two new articles, a price with a slipped point, and rows that cannot be read."""
    chance = Random("weekend offers")
    products = list(OutletProduct.objects.filter(outlet=outlet).select_related("product").order_by("product__sku"))
    for place, item in enumerate(chance.sample(products, 180)):
        price, stock = item.selling_price, item.stock_status
        if place % 3:
            price, stock = price * (8 + place % 2) / 10, 1
        yield item.product.sku, f"{price * 10 if place == 40 else price:.2f}", stock, "", ""
    yield "9340000009001", "12.50", 1, "Marhaba Saffron Tea 200 g", "6291000090017"
    yield "9340000009002", "21.00", 1, "Marhaba Date Syrup 400 g", "6291000090024"
    yield products[3].product.sku, "1O.50", 1, "", ""
    yield products[8].product.sku, "-4.00", 1, "", ""
    yield products[21].product.sku, "7.25", "maybe", "", ""
    yield "9.34E+12", "5.00", 1, "", ""
