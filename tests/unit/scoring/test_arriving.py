"""Calls over gRPC whose message is still on its way: of whom there are too many, and who may have many."""

from __future__ import annotations

import asyncio

import pytest

from scoring.addresses import networks
from scoring.errors import Overloaded
from scoring.grpc.arriving import Arrivals


class Context:
    def __init__(self, peer: str) -> None:
        self._peer = peer

    def peer(self) -> str:
        return self._peer


async def _never():
    await asyncio.Event().wait()
    yield b""


async def _begun(arrivals: Arrivals, peer: str, calls: int) -> list[object]:
    """What becomes of so many calls of one address that say nothing, before any deadline."""
    tasks = [asyncio.create_task(arrivals.message(_never(), Context(peer))) for _ in range(calls)]
    for _ in range(20):
        await asyncio.sleep(0)
    for task in tasks:
        if not task.done():
            task.cancel()
    return list(await asyncio.gather(*tasks, return_exceptions=True))


@pytest.mark.parametrize(
    ("peer", "sent_away"),
    [
        ("ipv4:192.0.2.7:5000", 2),
        ("ipv4:10.1.2.3:5000", 0),
        ("ipv6:%5B::ffff:10.1.2.3%5D:5000", 0),
        ("ipv6:[2001:db8::1]:5000", 2),
    ],
)
def test_a_trusted_proxy_may_begin_more_calls_than_one_address_may(peer, sent_away):
    arrivals = Arrivals(8, 60.0, networks("10.1.0.0/16, 192.0.2.9"))
    found = asyncio.run(_begun(arrivals, peer, 6))
    assert sum(isinstance(error, Overloaded) for error in found) == sent_away
