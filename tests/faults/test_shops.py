"""Whatever a shop does, in the end its state is the dashboard's."""

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.core.management import call_command
from django.utils import timezone

from dashboard.processes import free_port
from integration import health
from integration.mock_shop import MockShop
from integration.models import Outlet, OutletProduct, PushAttempt, PushHistory, RejectedItem
from tasks.push import ring_outlet
from tests.conftest import KEY, dashboard_state, make_outlet, set_price, stock
from tests.faults.local import wait_until
from tests.faults.service import Service, is_over, prove, settle, store_times

pytestmark = pytest.mark.django_db(transaction=True)


def error_kinds() -> set[str]:
    return set(PushAttempt.objects.exclude(error_kind="").values_list("error_kind", flat=True))


TROUBLES: dict[str, tuple[dict[str, Any], str]] = {
    "hangs before the headers": ({"mode": "hang", "seconds": 2, "times": 2}, "timeout"),
    "drips bytes": ({"mode": "drip", "seconds": 3, "times": 1}, "timeout"),
    "resets in mid-body": ({"mode": "reset", "times": 2}, "connection_lost"),
    "cuts before its answer": ({"mode": "cut", "times": 2}, "protocol"),
    "applies and cuts": ({"mode": "apply_and_cut", "times": 2}, "protocol"),
    "applies and hangs": ({"mode": "apply_and_hang", "seconds": 2, "times": 1}, "timeout"),
    "answers 200 with HTML": ({"mode": "html", "times": 2}, "bad_answer"),
    "answers 200 with an empty body": ({"mode": "empty", "times": 2}, "bad_answer"),
    "answers 200 with half a JSON": ({"mode": "bad_json", "times": 2}, "bad_answer"),
    "answers 10 MB": ({"mode": "large", "times": 1}, "answer_too_large"),
    "answers with a gzip bomb": ({"mode": "gzip", "times": 1}, "bad_answer"),
    "leaves half of the items unanswered": ({"mode": "half", "times": 2}, "bad_answer"),
    "redirects to an internal address": (
        {"mode": "status", "status": 301, "location": "http://169.254.169.254/latest/", "times": 1},
        "http_301",
    ),
    "answers 429 with Retry-After": ({"mode": "status", "status": 429, "retry_after": "1", "times": 1}, "http_429"),
    "answers 503 for a while": ({"mode": "status", "status": 503, "times": 8}, "http_503"),
    "answers 408": ({"mode": "status", "status": 408, "times": 1}, "http_408"),
    "refuses the credentials in the middle": ({"mode": "status", "status": 401, "times": 1}, "credentials"),
    "answers too slowly": ({"mode": "slow", "seconds": 1.5, "times": 1}, "timeout"),
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_shop_that(service: Service, branch: Outlet, shop: MockShop, trouble: str) -> None:
    how, kind = TROUBLES[trouble]
    skus = stock(branch, 1200)
    shop.misbehave(**how)
    ring_outlet(branch.pk, push_type="full")
    wait_until(lambda: PushAttempt.objects.filter(error_kind=kind).exists())
    set_price(branch, skus[3], "77")
    prove(shop, branch)
    assert kind in error_kinds()
    assert max(len(text) for text in PushAttempt.objects.values_list("response_excerpt", flat=True)) <= 16 * 1024


def test_a_shop_that_refuses_connections(service: Service, transactional_db: None) -> None:
    port = free_port()
    branch = make_outlet("14", "pasons", api_endpoint=f"http://127.0.0.1:{port}/stores/14/products", api_key=KEY)
    stock(branch, 600)
    ring_outlet(branch.pk)
    wait_until(is_over)
    assert error_kinds() == {"connect"}
    with MockShop(port, KEY) as shop:
        prove(shop, branch)


def test_a_shop_that_refuses_items(service: Service, branch: Outlet, shop: MockShop) -> None:
    skus = stock(branch, 600)
    shop.misbehave(mode="reject", skus=[skus[5], skus[555]])
    ring_outlet(branch.pk)
    wait_until(is_over)
    assert RejectedItem.objects.count() == 2
    prove(shop, branch, refused=lambda sku: sku in {skus[5], skus[555]})
    assert RejectedItem.objects.filter(quarantined_at__isnull=False).count() == 2


def test_a_shop_where_one_bad_item_fails_a_whole_request(service: Service, branch: Outlet, shop: MockShop) -> None:
    skus = stock(branch, 600)
    shop.misbehave(mode="poison", skus=[skus[42]])
    ring_outlet(branch.pk)
    wait_until(is_over)
    assert (len(shop.shelf.get("14")), RejectedItem.objects.get().reason) == (
        599,
        "the shop refused the request (HTTP 400): something is wrong with an item",
    )
    prove(shop, branch, refused=lambda sku: sku == skus[42])


def test_a_shop_that_hangs_and_applies_after_a_newer_push(service: Service, branch: Outlet, shop: MockShop) -> None:
    """The old value arrives over the new one, which was acknowledged long ago."""
    skus = stock(branch, 50)
    store_times(backoff_seconds=1, processing_seconds=8)
    shop.misbehave(mode="late", seconds=7, times=1)
    ring_outlet(branch.pk)
    wait_until(lambda: PushAttempt.objects.filter(error_kind="timeout").exists())
    for sku in skus:
        set_price(branch, sku, "99")
    wait_until(lambda: shop.shelf.get("14").get(skus[0]) == ("99.00", 1), step=0.01)
    wait_until(lambda: shop.shelf.get("14").get(skus[0]) == ("10.00", 1), step=0.01)
    prove(shop, branch)


def test_a_name_that_resolves_to_a_metadata_address(service: Service, branch: Outlet, shop: MockShop) -> None:
    stock(branch, 10)
    Outlet.objects.update(api_endpoint="http://169.254.169.254/stores/14/products", allow_private_address=False)
    ring_outlet(branch.pk)
    wait_until(is_over)
    push = PushHistory.objects.get()
    assert push.status == "failed"
    assert "not a public address" in push.error_details
    Outlet.objects.update(api_endpoint=branch.api_endpoint, allow_private_address=True)
    prove(shop, branch)


@pytest.fixture
def untrusted_server(tmp_path: Path) -> Iterator[str]:
    """A TLS server whose certificate nobody has signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=1))
    certificate = builder.sign(key, hashes.SHA256())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = tmp_path / "server.pem"
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    with MockShop() as shop:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        shop.server.socket = context.wrap_socket(shop.server.socket, server_side=True)
        yield shop.url.replace("http:", "https:")


def test_a_shop_with_a_bad_certificate(service: Service, branch: Outlet, shop: MockShop, untrusted_server: str) -> None:
    stock(branch, 10)
    Outlet.objects.update(api_endpoint=f"{untrusted_server}/stores/14/products")
    ring_outlet(branch.pk)
    wait_until(is_over)
    assert error_kinds() == {"tls"}
    Outlet.objects.update(api_endpoint=branch.api_endpoint)
    prove(shop, branch)


# --- the outlet meanwhile -------------------------------------------------------------------------------


def begin(branch: Outlet, shop: MockShop) -> list[str]:
    """A full push with a slow shop, in its middle."""
    skus = stock(branch, 4500)
    shop.misbehave(mode="slow", seconds=0.4)
    ring_outlet(branch.pk, push_type="full")
    wait_until(lambda: PushAttempt.objects.filter(outcome="done").exists())
    return skus


def test_a_price_changed_in_flight(service: Service, branch: Outlet, shop: MockShop) -> None:
    skus = begin(branch, shop)
    for sku in skus[::100]:
        set_price(branch, sku, "55")
    prove(shop, branch)


def test_an_outlet_that_is_disabled_in_mid_push(service: Service, branch: Outlet, shop: MockShop) -> None:
    begin(branch, shop)
    Outlet.objects.update(push_enabled=False)
    wait_until(is_over)
    sent = len(shop.requests)
    assert PushHistory.objects.get().status == "cancelled"
    settle()
    assert len(shop.requests) == sent
    Outlet.objects.update(push_enabled=True)
    prove(shop, branch)


def test_an_outlet_that_is_to_be_deleted_in_mid_push(service: Service, branch: Outlet, shop: MockShop) -> None:
    begin(branch, shop)
    with pytest.raises(Exception, match="protected"):
        branch.delete()
    prove(shop, branch)


def test_an_outlet_whose_key_changes_in_mid_push(service: Service, branch: Outlet, shop: MockShop) -> None:
    begin(branch, shop)
    shop.key = "another-key"
    wait_until(is_over)
    assert PushHistory.objects.latest("pk").error_details == "credentials refused (HTTP 401): invalid key"
    refused = sum(request["status"] == 401 for request in shop.requests)
    assert refused <= 4  # what was under way
    Outlet.objects.filter(pk=branch.pk).update(api_key=Outlet(api_key="another-key").api_key)
    health.reset_health(branch.pk)
    prove(shop, branch)


def test_a_push_that_is_cancelled_in_its_middle(service: Service, branch: Outlet, shop: MockShop) -> None:
    begin(branch, shop)
    call_command("cancel_push", "--outlet", "14")
    wait_until(is_over)
    push = PushHistory.objects.get()
    assert push.status == "cancelled"
    assert 0 < push.accepted_count < 4500
    assert OutletProduct.objects.filter(differs=True).count() == 4500 - push.accepted_count
    assert push.finished_at is not None
    assert push.finished_at < timezone.now()
    prove(shop, branch)
    assert shop.shelf.get("14") == dashboard_state(branch)
