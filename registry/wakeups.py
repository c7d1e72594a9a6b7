"""How committed work wakes a worker. `config` installs the broker; without one, the tick finds the work."""

from __future__ import annotations

from collections.abc import Callable

_ring: Callable[[str, int | None], None] | None = None


def install(ring: Callable[[str, int | None], None]) -> None:
    """Set what carries a wake-up: called with the queue and a job's id, or None for the dispatcher."""
    global _ring  # noqa: PLW0603 - one wiring point, set once at start
    _ring = ring


def ring_job(queue: str, job_id: int) -> None:
    """Say that a job row waits. Losing the call costs at most one tick."""
    if _ring is not None:
        _ring(queue, job_id)


def ring_dispatcher() -> None:
    """Say that the outbox has something."""
    if _ring is not None:
        _ring("control", None)
