"""Threads by purpose, each purpose with a bounded queue: who waits for one thing stops nobody else."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


class Full(Exception):
    """As many are waiting here as may."""


class Pool:
    """Some threads, and how many calls may wait for them."""

    def __init__(self, name: str, threads: int, waiting: int) -> None:
        self._threads = ThreadPoolExecutor(threads, name)
        self._room = threads + waiting

    async def run(self, work: Callable[[], T]) -> T:
        """What `work` makes, in one of the threads. Raises Full."""
        if self._room <= 0:
            raise Full
        return await self.finish(work)

    async def finish(self, work: Callable[[], T]) -> T:
        """The same for what has begun before: it waits however many do."""
        self._room -= 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._room += 1


class Shares:
    """Places that are for all, of which one address may have only so many."""

    def __init__(self, places: int, each: int) -> None:
        self._places, self._each = places, each
        self._taken: Counter[str] = Counter()

    @contextmanager
    def taken(self, address: str) -> Iterator[None]:
        """Hold a place meanwhile. Raises Full."""
        if self._taken[address] >= self._each or self._taken.total() >= self._places:
            raise Full
        self._taken[address] += 1
        try:
            yield
        finally:
            self._taken[address] -= 1
            if not self._taken[address]:
                del self._taken[address]


@dataclass(frozen=True, slots=True)
class Pools:
    """The pools of one process of the web server.

    pages        people and machines that are known
    uploads      bodies that are read as they come
    inspections  uploads that are there in whole: most of their time is the sandbox's
    strangers    who has not been recognised
    door         recognising
    """

    pages: Pool
    uploads: Pool
    inspections: Pool
    strangers: Pool
    door: Pool

    @classmethod
    def usual(cls) -> Pools:
        return cls(
            pages=Pool("pages", 4, 200),
            uploads=Pool("uploads", 8, 32),
            inspections=Pool("inspections", 2, 32),
            strangers=Pool("strangers", 2, 64),
            door=Pool("door", 1, 200),
        )
