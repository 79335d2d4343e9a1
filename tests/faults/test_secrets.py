"""After a run with known secrets, nobody who reads what it left behind finds one of them."""

import base64
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.urls import get_resolver
from django.utils import timezone

from integration.contracts import store_contract
from integration.mock_shop import MockShop
from integration.models import Outlet, PushHistory
from integration.preview import preview_requests
from integration.push_service import PushService
from integration.strict_shops.pasons_bulk import PasonsBulk
from tasks.push import ring_outlet
from tests.conftest import make_outlet, stock
from tests.faults.local import wait_until
from tests.faults.service import Service, is_over, tick

pytestmark = pytest.mark.django_db(transaction=True)
KEY, SECRET, QUERY_KEY = "key-Zq7+/secret", "secret-Wm4?=other", "query-Xy9&=third"


@pytest.fixture
def bulk() -> Iterator[PasonsBulk]:
    with PasonsBulk(key=KEY, secret=SECRET) as shop:
        yield shop


def run(service: Service, bulk: PasonsBulk, shop: MockShop) -> list[Outlet]:
    """Pushes that work, that are refused and that fail, by workers and in this process; and whatever else they need."""
    now, job = timezone.now(), {"job": {"every_seconds": 0.1}}
    store_contract("talabat", "pasons-bulk", job, now)
    store_contract("woocommerce", "pasons", {"auth": "query", "attempts": 1}, now)
    store_contract("memory", "pasons", {}, now)
    secrets = {"api_key": KEY, "api_secret": SECRET}
    good = make_outlet("7", "talabat", api_endpoint=bulk.url, **secrets)
    wrong = make_outlet("8", "talabat", api_endpoint=bulk.url, api_key=KEY, api_secret=f"{SECRET}!")
    asked = make_outlet("9", "woocommerce", api_endpoint=f"{shop.url}/stores/9/products", api_key=QUERY_KEY)
    dead = make_outlet("10", "woocommerce", api_endpoint="http://127.0.0.1:9/x", api_key=QUERY_KEY, api_secret=SECRET)
    outlets = [good, wrong, asked, dead]
    for outlet in outlets:
        stock(outlet, 3)
        ring_outlet(outlet.pk)
    wait_until(lambda: is_over() and PushHistory.objects.count() >= 4, 30)
    tick()
    for outlet in outlets:
        PushService(outlet).test_connection()
    assert dict(bulk.items["7"]), list(
        PushHistory.objects.values("outlet__store_id", "status", "error_details", "response_message")
    )
    assert PushHistory.objects.filter(status="failed").count() >= 3
    return outlets


def forms_of(secret: str) -> set[bytes]:
    """The secret as it is, as it stands in a URL or in JSON, and in base64 wherever it begins."""
    found = {secret.encode(), quote(secret, safe="").encode(), quote(secret).encode()}
    for start in range(3):
        coded = base64.b64encode(b"x" * start + secret.encode())
        found.add(coded[(start * 8 + 5) // 6 + 1 : -4])
    return found


def all_rows() -> bytes:
    with connection.cursor() as cursor:
        rows = []
        for table in connection.introspection.table_names():
            cursor.execute(f'SELECT * FROM "{table}"')
            rows += cursor.fetchall()
    return repr(rows).encode()


def all_files(*folders: Path) -> bytes:
    """Read by another process: a process that closes a file loses its locks on it, and SQLite's would be among them."""
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    own = {"secret_key", "encryption_keys"}
    command = ["cat", *(str(path) for path in files if path.name not in own)]
    return subprocess.run(command, stdout=subprocess.PIPE).stdout  # a file may be gone by now


def all_pages() -> bytes:
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("asha"))
    lists = [f"/admin/{name}" for name in admin_lists()]
    texts = [client.get(url).content for url in lists]
    texts += [
        client.get(f"/admin/integration/outlet/{pk}/change/").content
        for pk in Outlet.objects.values_list("pk", flat=True)
    ]
    texts += [
        client.get(f"/admin/integration/pushattempt/{pk}/change/").content
        for pk in PushHistory.objects.values_list("chunks__attempts", flat=True)
        if pk
    ]
    return b"\n".join(texts)


def admin_lists() -> list[str]:
    admin = next(one for one in get_resolver().url_patterns if str(one.pattern) == "admin/")
    patterns = [str(one.pattern) for one in admin.url_patterns]
    return [name for name in patterns if name.startswith("integration/") and "<" not in name]


def test_no_secret_is_left_anywhere(service: Service, bulk: PasonsBulk, shop: MockShop) -> None:
    outlets = run(service, bulk, shop)
    service.redis.save()
    previews = repr([preview_requests(outlet, 3, timezone.now()) for outlet in outlets]).encode()
    places = {
        "rows": all_rows(),
        "files": all_files(Path(settings.DATA_DIR), service.log_dir),
        "pages": all_pages(),
        "previews": previews,
    }
    secrets = [KEY, SECRET, QUERY_KEY, f"{KEY}:{SECRET}", *bulk.tokens]
    assert bulk.tokens
    found = {
        (place, secret)
        for place, text in places.items()
        for secret in secrets
        for form in forms_of(secret)
        if form in text
    }
    assert found == set()
    assert b"s00001" in places["rows"]
    assert base64.b64encode(b'[[], {"chunk_id": ')[:-4] in places["files"]  # the broker's log of all messages
    assert b"push_chunk" in places["files"]
    assert b"Branch 10" in places["pages"]
    assert b"selling_price" in places["previews"]
