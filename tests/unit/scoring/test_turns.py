"""Large requests wait for each other, and let small ones go between them."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

from scoring.worker.turns import Turns


def large(size=10):
    return SimpleNamespace(body=b"x" * size)


def played(others: bool):
    """What a loop does with three large requests while something small comes up all the time."""
    seen: list[str] = []

    async def play():
        loop = asyncio.get_running_loop()

        def handle(exchange):
            seen.append("large")
            until = loop.time() + 0.01
            while loop.time() < until:
                pass

        turns = Turns(handle, lambda: others)
        for _ in range(3):
            turns.wait(large(), lambda: True)
        assert turns.held_bytes == 30
        while turns.held_bytes:
            seen.append("small")
            await asyncio.sleep(0)
        await asyncio.sleep(0)

    asyncio.run(play())
    return seen


def test_between_large_requests_the_loop_is_everybodys():
    beside = played(True)
    assert beside.count("large") == 3
    gaps = "".join(word[0] for word in beside).strip("s").split("l")[1:-1]
    assert all(len(gap) > 3 for gap in gaps), "the loop went round many times between two of them"


def test_where_nobody_else_asks_the_next_turn_comes_at_once():
    alone = played(False)
    gaps = "".join(word[0] for word in alone).strip("s").split("l")[1:-1]
    assert all(1 <= len(gap) <= 3 for gap in gaps)


def test_what_nobody_waits_for_any_more_is_not_read():
    handled = []

    async def play():
        turns = Turns(handled.append, lambda: False)
        gone, there = large(), large(20)
        turns.wait(gone, lambda: False)
        turns.wait(there, lambda: True)
        while turns.held_bytes:
            await asyncio.sleep(0)
        assert handled == [there]

    asyncio.run(play())
