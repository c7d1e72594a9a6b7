"""Fixed shares, to measure what a business wants to know: a version wins on evidence, never on looking.

The first metric that is not a guardrail decides; guardrails return a version as they do everywhere.
"""

from __future__ import annotations

from releases.rollout.counts import Counts
from releases.rollout.designs.design import Asked, Design, Ends, Stage, StageKind
from releases.rollout.designs.metrics import Action, MetricKind
from releases.rollout.strategies import rules, steps
from releases.rollout.strategies.base import Aim, Decision, Standing, Verdict

MIN_SECONDS = 24 * 3600.0
"""People differ by the hour: each hour of a day is in what is compared."""
MAX_SECONDS = 14 * 24 * 3600.0
"""Chosen, not measured: each day of the week is in it twice."""


def preset(asked: Asked) -> tuple[Stage, ...]:
    """Equal shares where none are given, the baseline's among them."""
    equal = 1 / (len(asked.challengers) + 1)
    shares = asked.shares or tuple((arm, equal) for arm in asked.challengers)
    measured = Stage(StageKind.SPLIT, shares, asked.pair, MIN_SECONDS, MAX_SECONDS, Ends.WINNER)
    return (*steps.first(asked), measured)


def decide(design: Design, counts: Counts, standing: Standing, now: float) -> Decision:
    return steps.decide(RULES, design, counts, standing, now)


def decisive(design: Design) -> str:
    """The metric that the test is about, "" where there is none that can decide."""
    kinds = (MetricKind.BAD_EVENT, MetricKind.BOUNDED)
    return next((m.name for m in design.metrics if not m.guardrail and m.kind in kinds), "")


def _won(look: steps.Look) -> Decision | None:
    """Better in what the test is about, and no worse than allowed in everything else."""
    if look.stage.ends is not Ends.WINNER:
        return None
    name = decisive(look.design)
    better = [f for f in look.reached({Aim.BETTER}) if f.metric == name and f.arm in look.playing]
    if not better:
        return None
    best = max(better, key=lambda finding: finding.peak)
    reason = f"Version {best.arm} is better in {name}."
    if len(better) == 1 and look.shown(best.arm, Aim.SAFE):
        return steps.end(look, Verdict.PROMOTE, reason, best.arm)
    return steps.propose(
        look, Verdict.PROMOTE, f"{reason} It is not alone, or not shown to be safe.", arm=best.arm
    )


def _lost(look: steps.Look) -> Decision | None:
    """Worse in what the test is about is no fault: the version goes back to where it may be tried again."""
    name = decisive(look.design)
    worse = [f for f in look.reached({Aim.WORSE}, [Action.HOLD, Action.TELL]) if f.metric == name]
    lost = [f.arm for f in worse if f.arm in look.playing]
    if look.stage.ends is not Ends.WINNER or not lost or set(lost) < set(look.playing):
        return None
    return steps.end(look, Verdict.END_TRIAL, f"No version is better in {name} than the live one.", lost[0])


RULES = (
    rules.not_started,
    rules.ended,
    rules.returned,
    rules.expired,
    rules.unbalanced,
    rules.unknown,
    rules.dwelling,
    rules.moved,
    _won,
    _lost,
    rules.held,
    rules.overdue,
)
