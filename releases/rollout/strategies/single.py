"""All traffic at once, and watched: the version before stays warm for an instant return.

Nobody is left to compare with, so what is seen is held against the rate before the switch.
"""

from __future__ import annotations

from releases.rollout.counts import Counts
from releases.rollout.designs.design import Asked, Design, Ends, Stage, StageKind
from releases.rollout.strategies import rules, steps
from releases.rollout.strategies.base import Decision, Standing, Verdict

RULES = (rules.not_started, rules.observed, rules.ended)


def preset(asked: Asked) -> tuple[Stage, ...]:
    return (Stage(StageKind.SPLIT, ((asked.challengers[0], 1.0),), ends=Ends.CLEAN),)


def decide(design: Design, counts: Counts, standing: Standing, now: float) -> Decision:
    return steps.decide((*RULES, rules.dwelling, _released), design, counts, standing, now)


def _released(look: steps.Look) -> Decision | None:
    """It was to be released at once: promoting it waits for nothing but the least dwell."""
    (arm,) = look.design.challengers
    return steps.end(look, Verdict.PROMOTE, f"Version {arm} has all traffic, as was asked for.", arm)
