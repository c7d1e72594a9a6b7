"""The live version answers, the new one is asked too, unseen: answers are compared pair by pair.

It ends in a proposal, never in a promotion: nobody has met the new version yet.
"""

from __future__ import annotations

from releases.rollout.counts import Counts
from releases.rollout.designs.design import Asked, Design, Stage
from releases.rollout.strategies import rules, steps
from releases.rollout.strategies.base import Aim, Decision, Standing, Verdict


def preset(asked: Asked) -> tuple[Stage, ...]:
    return (steps.shadow_stage(asked),)


def decide(design: Design, counts: Counts, standing: Standing, now: float) -> Decision:
    return steps.decide(RULES, design, counts, standing, now)


def _shown(look: steps.Look) -> Decision | None:
    """Pairs have shown every challenger to be no worse."""
    if not all(look.shown(arm, Aim.SAFE_IN_PAIRS) for arm in look.playing):
        return None
    reason = f"Pairs of answers show no version to be worse: {', '.join(look.playing)}."
    return steps.propose(look, Verdict.PROMOTE, reason, arm=look.playing[0])


RULES = (
    rules.not_started,
    rules.ended,
    rules.returned,
    rules.expired,
    rules.held,
    rules.unknown,
    rules.dwelling,
    rules.moved,
    _shown,
    rules.overdue,
)
