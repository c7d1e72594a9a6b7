"""A rollout's rows read together: the overview of this moment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from formats.heartbeat import Heartbeat
from formats.plan import WHOLE
from releases import dataplane, plans, selectors
from releases.rollout import gathering, publishing, written
from releases.rollout.counts import Counts
from releases.rollout.designs.design import Design
from releases.rollout.overview import Overview, overview
from releases.rollout.strategies.base import Finding, Standing

if TYPE_CHECKING:
    from releases.models import Rollout


def seen(rollout: Rollout) -> Overview | None:
    """As its strategy would see it now; None for one that goes at once and has not arrived."""
    if not rollout.design or not (rollout.by_stages or rollout.closed_at):
        return None
    design, counts = counted(rollout)
    standing = written.from_json(Standing, rollout.standing)
    now = (rollout.closed_at if rollout.is_over else None) or timezone.now()
    return overview(design, counts, standing, now.timestamp(), _shares(rollout))


def counted(rollout: Rollout) -> tuple[Design, Counts]:
    """Of a rollout by stages: how it goes, and everything that was counted of it."""
    now = (rollout.closed_at if rollout.is_over else None) or timezone.now()
    counts = gathering.counts_of(rollout, () if rollout.is_over else _beats(rollout), now)
    return written.from_json(Design, rollout.design), counts


def _beats(rollout: Rollout) -> list[Heartbeat]:
    """What nodes last said; nothing where nobody can be asked, which decides nothing here."""
    try:
        return publishing.heartbeats(rollout.environment)
    except dataplane.Unreachable:
        return []


def findings(told: Sequence[Any]) -> tuple[Finding, ...]:
    """Evidence that was frozen with a proposal."""
    return tuple(written.from_json(Finding, each) for each in told)


def _shares(rollout: Rollout) -> dict[str, float] | None:
    """What nodes follow while it lasts."""
    route = None if rollout.closed_at else selectors.route(rollout.model, rollout.environment)
    if route is None:
        return None
    return {
        str(number): weight / WHOLE for number, weight in plans.weights(route.entry.get("arms", ())).items()
    }
