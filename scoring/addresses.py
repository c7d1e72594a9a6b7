"""Addresses of clients: which of them count as one, and which are those of proxies that stand for many."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network
_NETWORK_BITS = 64
"""One customer of a provider has a network of 2**64 addresses in IPv6 (RFC 6177)."""


def networks(words: str) -> tuple[Network, ...]:
    """Addresses and networks by comma, such as 10.0.0.7 or 172.30.0.0/24. Raises ValueError."""
    return tuple(ip_network(word.strip()) for word in words.split(",") if word.strip())


def is_in(address: str, known: Sequence[Network]) -> bool:
    """Whether an address is one of these, or in one of these networks."""
    if not known or not is_address(address):
        return False
    found = ip_address(address)
    mapped: object = getattr(found, "ipv4_mapped", None)
    return any((mapped or found) in network for network in known)


def is_address(word: str) -> bool:
    try:
        ip_address(word)
    except ValueError:
        return False
    return True


def household(address: str) -> str:
    """What counts as one address: of IPv6 the network, because whoever has one has all of its addresses."""
    if ":" not in address:
        return address
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    mapped = getattr(found, "ipv4_mapped", None)
    if mapped is not None:
        return str(mapped)
    return f"{IPv6Address(int(found) >> _NETWORK_BITS << _NETWORK_BITS)}/{_NETWORK_BITS}"
