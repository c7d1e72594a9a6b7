"""The client's address: what trusted proxies say, from the nearest to the first that is none of them."""

from __future__ import annotations

import asyncio

import pytest

from config.env import BadEnvironment
from config.serving.proxies import BehindProxies, client_address, networks

TRUSTED = networks(["172.30.87.2", "10.0.0.0/8", "2001:db8::/32"])


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("203.0.113.9", ["198.51.100.1"], "203.0.113.9"),
        ("172.30.87.2", ["198.51.100.1"], "198.51.100.1"),
        ("172.30.87.2", ["1.1.1.1", "198.51.100.1"], "198.51.100.1"),
        ("172.30.87.2", ["1.1.1.1", "198.51.100.1", "10.1.2.3"], "198.51.100.1"),
        ("172.30.87.2", ["10.1.2.3"], "10.1.2.3"),
        ("172.30.87.2", [], "172.30.87.2"),
        ("172.30.87.2", ["198.51.100.1", "unknown"], "172.30.87.2"),
        ("::ffff:172.30.87.2", ["198.51.100.1"], "198.51.100.1"),
        ("2001:db8::7", ["2001:4860::1"], "2001:4860::1"),
        ("", ["198.51.100.1"], ""),
    ],
)
def test_the_nearest_address_that_is_no_proxy_is_the_client(peer, forwarded, address):
    assert client_address(peer, forwarded, TRUSTED) == address


def test_what_is_no_address_stops_the_process_with_a_sentence():
    with pytest.raises(BadEnvironment, match="ASSAY_TRUSTED_PROXIES has 'proxy'"):
        networks(["10.0.0.1", "proxy"])


def seen(peer: str, headers: list[tuple[bytes, bytes]], trusted=TRUSTED) -> dict:
    scopes = []

    async def application(scope, receive, send):
        scopes.append(scope)

    scope = {"type": "http", "client": (peer, 4711), "headers": headers}
    asyncio.run(BehindProxies(application, trusted)(scope, None, None))
    return scopes[0]


def test_a_stranger_speaks_for_nobody():
    claims = [(b"X-Forwarded-For", b"127.0.0.1"), (b"x-forwarded-proto", b"https"), (b"accept", b"*/*")]
    assert seen("203.0.113.9", claims) == {
        "type": "http",
        "client": ("203.0.113.9", 4711),
        "headers": [(b"accept", b"*/*")],
    }


def test_a_trusted_proxy_names_the_client_in_one_header_or_in_several():
    several = [(b"x-forwarded-for", b"1.1.1.1, 198.51.100.1"), (b"x-forwarded-for", b"10.1.2.3")]
    assert seen("172.30.87.2", several)["client"] == ("198.51.100.1", 0)


def test_without_trusted_proxies_the_peer_is_the_client():
    assert seen("172.30.87.2", [(b"x-forwarded-for", b"1.1.1.1")], ())["client"] == ("172.30.87.2", 4711)
