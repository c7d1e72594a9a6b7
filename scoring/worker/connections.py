"""What all client connections of a worker share: its limits, its handler, and the heads that it knows."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Protocol

from scoring import addresses
from scoring.crowd import Crowd, Guest
from scoring.errors import ScoringError
from scoring.limits import Limits
from scoring.worker.exchange import Exchange, Route
from scoring.worker.http import Head
from scoring.worker.turns import Turns

_REMEMBERED = 512
"""Heads that clients repeat: each differs by client, and has some 500 bytes."""
_LATELY_SECONDS = 1.0
"""Who asked within the last second is taken to be asking now."""


class Client(Guest, Protocol):
    """One connection, as far as all of them together know it."""

    @property
    def head(self) -> Head[Route] | None: ...

    def answered_since(self, when: float) -> bool:
        """Whether small requests of it were answered later than that."""
        ...

    def sweep(self, now: float) -> None:
        """Enforce the deadlines of a client that sends or reads too slowly."""
        ...

    def close_if_idle(self) -> None: ...


class Connections:
    """All client connections of a worker, and what they share."""

    def __init__(
        self,
        handle: Callable[[Exchange], None],
        refused: Callable[[ScoringError], None],
        worker: bytes,
        limits: Limits,
        admit: Callable[[Head[Route]], object],
    ) -> None:
        """`admit` raises the error with which a caller is refused before its body is taken in."""
        self.handle = handle
        self.turns = Turns(handle, self._others)
        self.admit = admit
        self.refused = refused
        self.worker = worker
        self.limits = limits
        self.draining = False
        self.held_bytes = 0
        self.proxies = addresses.networks(limits.trusted)
        self.open: Crowd[Client] = Crowd(limits.connections, limits.connections_per_address)
        self.heads: dict[bytes, Head[Route]] = {}

    def remember(self, raw: bytes, head: Head[Route]) -> None:
        """Know this head again when its very bytes come again."""
        if len(self.heads) >= _REMEMBERED:
            self.heads.clear()
        self.heads[raw] = head

    def forget_routes(self) -> None:
        """Another plan is served: what heads led to under the old one must not keep its versions alive."""
        for head in [*self.heads.values(), *(connection.head for connection in self.open)]:
            if head is not None:
                head.route = None

    def _others(self) -> bool:
        latest = perf_counter() - _LATELY_SECONDS
        return any(each.answered_since(latest) for each in self.open)

    def sweep(self, now: float) -> None:
        """Close what is idle, unfinished or unread for too long. `now` in `perf_counter` seconds."""
        for connection in self.open:
            connection.sweep(now)
