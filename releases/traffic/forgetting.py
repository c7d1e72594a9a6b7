"""What was kept of single units goes when nothing more is decided or summed by it; counts and sums stay."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.db.models import Exists, OuterRef

from registry.transactions import write
from releases.models import Rollout, UnitFact, UnitOutcome

KEPT = timedelta(days=7)
"""So long after its end, and after the longest window in which something may still come of a unit."""
FORGOTTEN_AT_ONCE = 5000
"""Rows that go in one transaction, for which whoever writes waits."""
OF_UNITS = (UnitFact, UnitOutcome)


def forget_old(now: datetime | None = None) -> int:
    """Delete rows of single units of rollouts that ended long ago, so many at most; how many went."""
    moment, gone = now or datetime.now(UTC), 0
    for kind in OF_UNITS:
        some = Exists(kind.objects.filter(rollout=OuterRef("pk")))
        for rollout in Rollout.objects.filter(some, closed_at__lt=moment - KEPT).order_by("pk"):
            if rollout.closed_at and rollout.closed_at + KEPT + _window(rollout) < moment:
                with write():
                    rows = kind.objects.filter(rollout=rollout).values_list("pk", flat=True)
                    keys = list(rows[: FORGOTTEN_AT_ONCE - gone])
                    gone += kind.objects.filter(pk__in=keys).delete()[0]
    return gone


def _window(rollout: Rollout) -> timedelta:
    """The longest that any of its metrics waits for what comes of a unit."""
    waits = (metric.get("window_hours", 0.0) for metric in rollout.design.get("metrics", ()))
    return timedelta(hours=max(waits, default=0.0))
