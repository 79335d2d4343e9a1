"""Which addresses a request may go to."""

import socket
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration.mock_shop import MockShop
from integration.platforms.base import Endpoint, Outcome, SendResult
from integration.platforms.contract import Contract
from integration.platforms.egress import AddressRefusedError, choose_addresses, is_public
from integration.platforms.http import HttpPlatform
from integration.platforms.transport import check_endpoint
from tests.platforms.test_http import ITEMS


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.8.8",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "100.127.255.254",
        "192.0.2.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "fd00:ec2::254",
        "ff02::1",
        "2001:db8::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::127.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b::7f00:1",
        "64:ff9b:1::a00:1",
        "64:ff9b:1:a9fe:a9:fe00:808:808",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "2001:0:4136:e378:8000:63bf:f5ff:fffe",
        "no-address",
        "",
    ],
)
def test_not_public(address: str) -> None:
    assert not is_public(address)


@given(st.ip_addresses(v=6, network="64:ff9b::/96"))
def test_a_translated_address_is_what_it_stands_for(address: Any) -> None:
    hidden = socket.inet_ntoa(address.packed[-4:])
    assert is_public(str(address)) == is_public(hidden)


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "::ffff:169.254.169.254", "fe80::1%eth0", "0.0.0.0", "224.0.0.1"]
)
def test_no_shop_is_at_a_metadata_service_in_whatever_network(address: str) -> None:
    with pytest.raises(AddressRefusedError):
        choose_addresses("shop", [address], allow_private=True)


def test_only_allowed_addresses_are_tried() -> None:
    addresses = ["10.0.0.1", "8.8.8.8", "9.9.9.9"]
    assert choose_addresses("shop", addresses, allow_private=False) == ["8.8.8.8", "9.9.9.9"]
    assert choose_addresses("shop", addresses, allow_private=True) == addresses


def test_a_name_with_no_allowed_address_is_refused_with_the_way_out() -> None:
    with pytest.raises(
        AddressRefusedError, match=r"shop is 10\.0\.0\.1: not a public address; allow private addresses"
    ):
        choose_addresses("shop", ["10.0.0.1"], allow_private=False)


def names(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """Let every name have these addresses; the names that were looked up."""
    asked: list[str] = []

    def look_up(host: str, port: int, *args: Any, **kwargs: Any) -> list[Any]:
        if host in addresses:  # connecting asks what a number means
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port))]
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return asked


def send(url: str, allow_private: bool) -> SendResult:
    return HttpPlatform(Contract(timeout_seconds=2), Endpoint(url, "7", allow_private=allow_private)).send(ITEMS, "key")


@pytest.mark.parametrize("address", ["169.254.169.254", "127.0.0.1", "100.64.0.1"])
def test_a_name_that_resolves_to_a_forbidden_address_is_not_connected_to(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    names(monkeypatch, address)
    result = send("http://shop.example/push", allow_private=False)
    assert (result.outcome, result.error_kind, result.unknown) == (Outcome.FORBIDDEN, "address_refused", frozenset())


def test_the_address_that_was_checked_is_the_one_connected_to(monkeypatch: pytest.MonkeyPatch, shop: MockShop) -> None:
    port = shop.server.server_address[1]
    asked = names(monkeypatch, "127.0.0.1")
    result = send(f"http://shop.example:{port}/stores/7/products", allow_private=True)
    assert (result.status_code, asked) == (401, ["shop.example"])


def test_a_second_address_is_tried_where_the_first_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, shop: MockShop
) -> None:
    names(monkeypatch, "127.0.0.99", "127.0.0.1")
    port = shop.server.server_address[1]
    assert send(f"http://second.example:{port}/stores/7/products", allow_private=True).status_code == 401


def test_a_connection_of_an_allowed_outlet_is_not_used_by_another(shop: MockShop) -> None:
    url = f"{shop.url}/stores/7/products"
    assert send(url, allow_private=True).status_code == 401
    assert send(url, allow_private=False).error_kind == "address_refused"


def test_an_address_is_checked_when_it_is_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AddressRefusedError):
        check_endpoint("http://127.0.0.1:8000/x", allow_private=False)
    names(monkeypatch, "10.1.2.3")
    with pytest.raises(AddressRefusedError):
        check_endpoint("https://shop.example/x", allow_private=False)
    check_endpoint("https://shop.example/x", allow_private=True)
