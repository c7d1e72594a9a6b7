"""Shares that follow what each arm brings: to earn on the way, or to find out soonest which arm is best.

`earn` plays an arm as often as it is likely to be the best, for as long as it is left to; `decide` keeps
the runner-up playing until it is certain, and promotes. A guardrail takes an arm out, whatever it earns.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from releases.rollout.counts import Counts
from releases.rollout.design import Asked, Design, Ends, Goal, Stage, StageKind
from releases.rollout.evidence import adjusted, playing, winner
from releases.rollout.evidence.adjusted import Interval, Moments
from releases.rollout.evidence.cohorts import Cohorts, recent
from releases.rollout.evidence.posteriors import FIRST_PULLS, Pulls
from releases.rollout.evidence.shares import PARTS
from releases.rollout.metrics import Direction, Metric, MetricKind
from releases.rollout.strategies import rules, steps
from releases.rollout.strategies.base import Aim, Decision, Finding, Standing, Verdict

_HOUR_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Known:
    """What the arms that play have brought, as rewards in [0, 1]; the baseline comes last.

    pulls   of the hours that are looked at
    ready   which arms have burnt in
    """

    arms: tuple[str, ...]
    pulls: Pulls
    ready: NDArray[np.bool_]
    metric: Metric
    of_changed: bool


def preset(asked: Asked) -> tuple[Stage, ...]:
    """Equal shares to begin with, where none are given."""
    equal = 1 / (len(asked.challengers) + 1)
    shares = asked.shares or tuple((arm, equal) for arm in asked.challengers)
    ends = Ends.WINNER if asked.goal is Goal.DECIDE else Ends.PERSON
    return (*steps.first(asked), Stage(StageKind.BANDIT, shares, asked.pair, ends=ends))


def decide(design: Design, counts: Counts, standing: Standing, now: float) -> Decision:
    chain, certificate = BEFORE, tuple[Finding, ...]()
    if _plays(design, standing):
        found = known(design, counts, standing, now)
        chain = (*BEFORE, partial(_won, found), partial(_followed, found))
        certificate = _certificate(design, found)
    made = steps.decide(chain, design, counts, standing, now)
    return replace(
        made,
        evidence=(*made.evidence, *certificate),
        even=even(design) if _plays(design, made.standing) else 0.0,
    )


def known(design: Design, counts: Counts, standing: Standing, now: float) -> Known:
    """Where pairs are asked, of answers that differed alone: the others earn no arm any credit."""
    paired = design.stages[standing.stage].pair > 0
    arms = tuple(arm for arm in design.arms if arm not in standing.removed)
    metric = reward(design)
    hours = _resolved(design, counts.changed if paired else counts.cohorts, arms, now)
    pulls, ever = recent(hours, len(arms), design.play.last_hours), recent(hours, len(arms))
    ready = ever.units >= design.play.burn_in
    if _fractional(metric):
        ready &= pulls.units >= FIRST_PULLS
    return Known(arms, _scaled(pulls, metric), ready, metric, paired)


def reward(design: Design) -> Metric:
    """What is maximised: a metric of the rollout, else a yes or no of which more is better."""
    named = (metric for metric in design.metrics if metric.name == design.play.reward)
    return next(named, Metric(design.play.reward, direction=Direction.HIGHER))


def even(design: Design) -> float:
    """Where a winner is sought every arm keeps playing anyhow."""
    return design.play.even if design.goal is Goal.EARN else 0.0


def lift(design: Design, counts: Counts, arm: str, now: float, alpha: float) -> Interval:
    """How much more a unit brings under the arm than under the baseline, from those that play evenly.

    Shares that follow rewards make the plain means of all units wrong; those of the even ones stay right.
    """
    pulls = recent(_resolved(design, counts.even, (arm, design.baseline), now), 2)
    new, old = (_moments(pulls, place) for place in (0, 1))
    return adjusted.plain(new, old, alpha)


def _resolved(design: Design, cohorts: Cohorts, arms: tuple[str, ...], now: float) -> dict[int, Pulls]:
    return design.play.resolution.resolved(cohorts, arms, now / _HOUR_SECONDS)


def _moments(pulls: Pulls, place: int) -> Moments:
    nothing = np.zeros(())
    units, total, squares = (np.asarray(each[place]) for each in (pulls.units, pulls.total, pulls.squares))
    return Moments(units, total, squares, nothing, nothing, nothing)


def _scaled(pulls: Pulls, metric: Metric) -> Pulls:
    """To [0, 1], of which more is better."""
    if metric.direction is Direction.HIGHER:
        return pulls.scaled(metric.low, metric.high)
    return pulls.scaled(metric.high, metric.low)


def _fractional(metric: Metric) -> bool:
    return metric.kind is not MetricKind.BAD_EVENT


def _plays(design: Design, standing: Standing) -> bool:
    return design.stages[standing.stage].kind is StageKind.BANDIT and standing.ended is None


def _won(found: Known, look: steps.Look) -> Decision | None:
    """The best for certain, and no worse than allowed in everything else; until then it goes on playing."""
    if look.stage.ends is not Ends.WINNER or not found.ready.all():
        return None
    best = int(winner.winners(found.pulls, look.design.delta)) if len(found.arms) > 1 else winner.NOBODY
    if best == winner.NOBODY:
        return None
    arm = found.arms[best]
    reason = f"Version {arm} brings more than every other one: {found.pulls.means[best]:.4g} a unit."
    if arm == look.design.baseline:
        return steps.end(look, Verdict.END_TRIAL, reason, look.playing[0])
    return steps.end(look, Verdict.PROMOTE, reason, arm) if look.shown(arm, Aim.SAFE) else None


def _followed(found: Known, look: steps.Look) -> Decision | None:
    """New shares, once a tick and once every arm has burnt in; one that joins later has an equal share."""
    design, standing = look.design, look.standing
    begun = bool(standing.shares) or bool(found.ready.all())
    if not begun or look.now - standing.shared_at < design.play.tick_seconds:
        return None
    floors = np.array([_floor(design, arm) for arm in found.arms])
    caps = np.full(len(found.arms), max(design.play.cap, 1 / len(found.arms)))
    deciding = look.stage.ends is Ends.WINNER
    parts = playing.parts(found.pulls, found.ready, floors, caps, deciding, _fractional(found.metric))
    whole = dict(zip(found.arms, parts.tolist(), strict=True))
    shares = tuple((arm, whole.get(arm, 0) / PARTS) for arm in design.challengers)
    if shares == standing.shares:
        return None
    told = ", ".join(f"{arm} {part}/{PARTS}" for arm, part in whole.items())
    units = "units whose answers differ" if found.of_changed else "all units"
    following = replace(standing, shares=shares, shared_at=look.now)
    return steps.move(look, following, f"Shares follow what {units} brought: {told}.")


def _floor(design: Design, arm: str) -> float:
    """Units that play evenly keep every arm playing: a floor beside them would cost twice."""
    if even(design):
        return 0.0
    return design.play.baseline_floor if arm == design.baseline else design.play.floor


def _certificate(design: Design, found: Known) -> tuple[Finding, ...]:
    """How sure it is that the leader is the best, beside what it takes to say so."""
    if design.goal is not Goal.DECIDE or len(found.arms) < 2:
        return ()
    leader = found.arms[int(winner.leaders(found.pulls))]
    sure = float(winner.sureness(found.pulls))
    bar = float(winner.threshold(found.pulls.units.sum(), len(found.arms), design.delta))
    return (Finding(leader, found.metric.name, Aim.BETTER, sure, sure, bar),)


BEFORE: tuple[steps.Rule, ...] = (
    rules.not_started,
    rules.ended,
    rules.returned,
    rules.expired,
    rules.unbalanced,
    rules.unknown,
    rules.dwelling,
    rules.moved,
    rules.held,
)
"""What comes before shares: what takes an arm out, and what keeps everything as it is."""
