"""Rollouts to judge: designs of each strategy, and counts as nodes would bring them."""

from __future__ import annotations

from releases.rollout.counts import Counts, Discordant, Pairs, Spell, Tally
from releases.rollout.designs.design import Asked, Design, Kind, weights
from releases.rollout.designs.metrics import GUARDRAILS, Action, Direction, Metric
from releases.rollout.strategies import STRATEGIES
from releases.rollout.strategies.base import Standing

NEW, OLD = "8", "7"
HOUR = 3600.0
LATER = 30 * 24 * HOUR
BOUGHT = Metric("bought", direction=Direction.HIGHER, action=Action.TELL)


def design(kind: Kind, *, challengers=(NEW,), metrics=GUARDRAILS, stages=None, **changes) -> Design:
    asked = {name: changes.pop(name) for name in ("shadow", "pair", "shares", "holdback") if name in changes}
    made = STRATEGIES[kind].preset(Asked(challengers, OLD, **asked))
    return Design(kind, OLD, challengers, stages or made, metrics, **changes)


def at(stage: int, **changes) -> Standing:
    return Standing(stage=stage, **changes)


def spell(plan: Design, stage: int) -> Spell:
    return Spell(stage, weights(plan.stages[stage].shares, plan.arms))


def split_counts(plan: Design, stage: int, units: int, *, new=None, old=None, arm=NEW, **more) -> Counts:
    """`units` in all, shared as the stage says; `new` and `old`: metric -> bad units."""
    key = spell(plan, stage)
    ours = round(units * key.share(arm))
    theirs = round(units * key.share(OLD))
    arms = {(key, arm): Tally(ours, bad=new or {}), (key, OLD): Tally(theirs, bad=old or {})}
    return Counts(arms=arms, **more)


def paired_counts(plan: Design, units: int, *, arm=NEW, stage=0, **bad: tuple[int, int]) -> Counts:
    """Pairs in a shadow: metric -> (only the new one bad, only the old one bad)."""
    told = {metric.name: Discordant(*bad.get(metric.name, (0, 0))) for metric in plan.metrics}
    return Counts(pairs={(spell(plan, stage), arm): Pairs(units=units, bad=told)})
