"""Which addresses a request may go to: public ones, and others only where somebody allowed it.

A shop's endpoint is configuration, and its name's addresses are whatever its owner says today. Without a guard a
request could be sent to the metadata service, a neighbour's database or this machine.
"""

import ipaddress
from ipaddress import IPv4Address, IPv6Address, IPv6Network

TRANSLATED = IPv6Network("64:ff9b::/96")  # NAT64, RFC 6052
TRANSLATED_LOCALLY = IPv6Network("64:ff9b:1::/48")  # RFC 8215: where the other address stands is not known
COMPATIBLE = IPv6Network("::/96")


class AddressRefusedError(Exception):
    """The name's addresses are none that a request may go to."""


def is_public(text: str) -> bool:
    """Whether the address is one of the public internet, with no other address hidden in it."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    if address in TRANSLATED_LOCALLY:
        return False
    if isinstance(address, IPv6Address) and (hidden := hidden_address(address)):
        return is_public(str(hidden))
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def hidden_address(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 address stands for."""
    if address.ipv4_mapped or address.sixtofour:
        return address.ipv4_mapped or address.sixtofour
    if address.teredo:
        return address.teredo[1]
    if address in COMPATIBLE or address in TRANSLATED:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def is_usable(text: str) -> bool:
    """Whether a shop may be there at all, in one's own network too: no metadata service, no group of machines."""
    address = ipaddress.ip_address(text.partition("%")[0])
    hidden = hidden_address(address) if isinstance(address, IPv6Address) and not address.is_loopback else None
    real = hidden or address
    return not (real.is_link_local or real.is_multicast or real.is_unspecified)


def choose_addresses(host: str, addresses: list[str], allow_private: bool) -> list[str]:
    """Those of the addresses that may be connected to."""
    allowed = [address for address in addresses if is_public(address) or (allow_private and is_usable(address))]
    if not allowed:
        raise AddressRefusedError(
            f"{host} is {', '.join(addresses[:3])}: not a public address; allow private addresses for this outlet "
            "if that is meant"
        )
    return allowed
