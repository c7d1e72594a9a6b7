"""Both fully loaded: all units switch at once, but for a holdback that keeps the comparison fair.

Without a holdback what is seen is only held against the rate before the switch, as with `single`.
"""

from __future__ import annotations

from releases.rollout.counts import Counts
from releases.rollout.designs.design import Asked, Design, Ends, Stage, StageKind
from releases.rollout.strategies import rules, steps
from releases.rollout.strategies.base import Decision, Standing

MIN_SECONDS = 600.0
"""Chosen, not measured: what breaks at once has broken by then."""
MAX_SECONDS = 24 * 3600.0
"""Chosen, not measured: each hour of a day has passed."""


def preset(asked: Asked) -> tuple[Stage, ...]:
    new = asked.challengers[0]
    switched = Stage(
        StageKind.SPLIT,
        ((new, 1 - asked.holdback),),
        asked.pair if asked.holdback else 0.0,
        MIN_SECONDS,
        MAX_SECONDS,
        Ends.PROMOTABLE,
    )
    return (*steps.first(asked), switched)


def decide(design: Design, counts: Counts, standing: Standing, now: float) -> Decision:
    return steps.decide(rules.STAGED, design, counts, standing, now)
