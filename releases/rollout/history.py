"""Evidence and shares over time, as curves show them: a point for a look that found something else.

However long a rollout lasts it has so many points: they come ever less often, and older ones are thinned out
as evenly. Those that something was decided by stay longest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from releases.models import EvidencePoint, Rollout
from releases.rollout.counts import Counts
from releases.rollout.designs.design import Design
from releases.rollout.effects import effects, known
from releases.rollout.evidence.adjusted import Interval
from releases.rollout.strategies.base import Decision

LEAST_APART = timedelta(seconds=10)
PARTS = 250
"""Of the time that a rollout has lasted: points are about one of them apart."""
MOST = 2 * PARTS
_DIGITS, _FAR = 4, 1e6
"""What a curve can show: more digits are bytes in every point, and JSON has no infinity."""


def found(design: Design, counts: Counts, decision: Decision, shares: Mapping[str, float]) -> dict[str, Any]:
    """What is kept of a look: figures that a drawing can tell apart, and no more."""
    return {
        "evidence": {
            each.key: [_rounded(each.log_e), _rounded(each.threshold)] for each in decision.evidence
        },
        "shares": {arm: round(share, _DIGITS) for arm, share in shares.items()},
        "effects": {
            each.key: {name: _ends(interval) for name, interval in each.intervals.items()}
            for each in effects(design, counts)
        },
    }


def _ends(interval: Interval) -> list[float] | None:
    ends = known(interval)
    return [float(f"{end:.6g}") for end in ends] if ends else None


def _rounded(value: float) -> float:
    return round(min(max(value, -_FAR), _FAR), _DIGITS)


def newest(rollout: Rollout) -> EvidencePoint | None:
    return rollout.points.order_by("-at", "-pk").first()


def news(
    rollout: Rollout, newest: EvidencePoint | None, found: Callable[[], dict[str, Any]], now: datetime
) -> dict[str, Any] | None:
    """What is found, where it is time for another point than the newest and this would be another one."""
    if newest is not None and now - newest.at < _apart(rollout, now):
        return None
    told = found()
    return told if newest is None or told != {name: getattr(newest, name) for name in told} else None


def _apart(rollout: Rollout, now: datetime) -> timedelta:
    return max(LEAST_APART, (now - rollout.opened_at) / PARTS)


def keep(rollout: Rollout, told: dict[str, Any], *, stage: int, now: datetime, decided: bool) -> None:
    """One more point, inside the surrounding transaction."""
    EvidencePoint.objects.create(rollout=rollout, at=now, stage=stage, decided=decided, **told)
    if rollout.points.count() >= MOST:
        _thin(rollout, now)


def _thin(rollout: Rollout, now: datetime) -> None:
    """What is nearer to the one before than points come now goes; then of decisions the oldest."""
    apart, before = _apart(rollout, now), None
    near, decided = list[int](), list[int]()
    for pk, at, is_decided in rollout.points.order_by("at", "pk").values_list("pk", "at", "decided"):
        if is_decided:
            decided.append(pk)
        elif before is not None and at - before < apart:
            near.append(pk)
        else:
            before = at
    EvidencePoint.objects.filter(pk__in=[*near, *decided[:-PARTS]]).delete()
