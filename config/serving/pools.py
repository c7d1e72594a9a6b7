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


class ShareTaken(Full):
    """There is room, but not for more of the same one."""


class Pool:
    """Some threads, and how many calls may wait for them; of one person or address no more than `each`."""

    def __init__(self, name: str, threads: int, waiting: int, each: int = 0) -> None:
        self._threads = ThreadPoolExecutor(threads, name)
        self._room = threads + waiting
        self.shares = Shares(threads + waiting, each or threads + waiting)

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
    """Places that are for all, of which one person or one address may have only so many."""

    def __init__(self, places: int, each: int) -> None:
        self._places, self._each = places, each
        self._taken: Counter[str] = Counter()

    @contextmanager
    def taken(self, who: str) -> Iterator[None]:
        """Hold a place meanwhile. Raises Full, or ShareTaken where the same one holds too many."""
        if self._taken[who] >= self._each:
            raise ShareTaken
        if self._taken.total() >= self._places:
            raise Full
        self._taken[who] += 1
        try:
            yield
        finally:
            self._taken[who] -= 1
            if not self._taken[who]:
                del self._taken[who]


@dataclass(frozen=True, slots=True)
class Pools:
    """The pools of one process of the web server.

    pages        people and machines that are known
    uploads      bodies that are read as they come
    inspections  uploads that are there in whole: most of their time is the sandbox's
    strangers    who has not been recognised
    probes       whoever asks whether we are ready
    door         recognising

    A body that is read as it comes holds a thread for as long as its sender likes: one person has half of
    them at the most. What waits for a sandbox goes on by itself: one person may fill most of that queue.
    """

    pages: Pool
    uploads: Pool
    inspections: Pool
    strangers: Pool
    probes: Pool
    door: Pool

    @classmethod
    def usual(cls) -> Pools:
        return cls(
            pages=Pool("pages", 4, 200),
            uploads=Pool("uploads", 8, 32, each=4),
            inspections=Pool("inspections", 2, 64, each=48),
            strangers=Pool("strangers", 2, 64, each=24),
            probes=Pool("probes", 1, 64, each=24),
            door=Pool("door", 1, 200),
        )
