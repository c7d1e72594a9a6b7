"""Large requests take turns with all others: one holds the loop for as long as a thousand small ones."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from time import perf_counter

from scoring.worker.exchange import Exchange

_REST = 2.0
"""Twice as long: two of three small requests meet a loop that is free."""


class Turns:
    """One large request at a time.

    Where small ones are asked as well, the loop is theirs after each of these for twice as long as it took:
    so most of them meet a loop that is free.
    """

    def __init__(self, handle: Callable[[Exchange], None], others: Callable[[], bool]) -> None:
        """`others` says whether anybody has lately been answered who sends small requests."""
        self._handle, self._others = handle, others
        self._waiting: deque[tuple[Exchange, Callable[[], bool]]] = deque()
        self._is_due = False
        self.held_bytes = 0

    def wait(self, exchange: Exchange, is_wanted: Callable[[], bool]) -> None:
        """Handle it when its turn has come, if anybody still wants the answer then."""
        self._waiting.append((exchange, is_wanted))
        self.held_bytes += len(exchange.body)
        if not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_soon(self._next)

    def _next(self) -> None:
        if not self._waiting:
            self._is_due = False
            return
        exchange, is_wanted = self._waiting.popleft()
        self.held_bytes -= len(exchange.body)
        began = perf_counter()
        if is_wanted():
            self._handle(exchange)
        rest = _REST * (perf_counter() - began) if self._others() else 0.0
        asyncio.get_running_loop().call_later(rest, self._next)
