"""How committed work wakes a worker. `config` installs the broker; without one, the tick finds the work.

A wake-up has no name: it says that a queue has something, and whoever hears it takes the job whose turn
it is. So ten thousand jobs need no more wake-ups than there are workers.
"""

from __future__ import annotations

from collections.abc import Callable

_ring: Callable[[str | None], None] | None = None


def install(ring: Callable[[str | None], None]) -> None:
    """Set what carries a wake-up: called with the queue that has a job, or None for the dispatcher."""
    global _ring  # noqa: PLW0603 - one wiring point, set once at start
    _ring = ring


def ring_queue(queue: str) -> None:
    """Say that a job waits in this queue. Losing the call costs at most one tick."""
    if _ring is not None:
        _ring(queue)


def ring_dispatcher() -> None:
    """Say that the outbox has something."""
    if _ring is not None:
        _ring(None)
