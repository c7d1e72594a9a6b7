"""A growing share of units, each step only while nothing speaks against it, the last one only on evidence."""

from __future__ import annotations

from releases.rollout.counts import Counts
from releases.rollout.designs.design import Asked, Design, Ends, Stage, StageKind
from releases.rollout.strategies import rules, steps
from releases.rollout.strategies.base import Decision, Standing

RAMP = (0.01, 0.05, 0.25, 0.5)
"""Then 100 %, which is what being promoted means: the baseline is compared with up to the end."""
MIN_SECONDS = 600.0
"""Of each step; chosen, not measured: what breaks at once has broken by then."""
MAX_SECONDS = 6 * 3600.0
"""Of each step; chosen, not measured: four of them are a day."""


def preset(asked: Asked) -> tuple[Stage, ...]:
    """One version: of several that grow beside each other one would take the other's units."""
    new, last = asked.challengers[0], RAMP[-1]
    ramp = (
        Stage(
            StageKind.SPLIT,
            ((new, share),),
            asked.pair,
            MIN_SECONDS,
            MAX_SECONDS,
            Ends.PROMOTABLE if share == last else Ends.CLEAN,
        )
        for share in RAMP
    )
    return (*steps.first(asked), *ramp)


def decide(design: Design, counts: Counts, standing: Standing, now: float) -> Decision:
    return steps.decide(rules.STAGED, design, counts, standing, now)
