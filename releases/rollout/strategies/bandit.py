"""Shares that follow what each arm brings: to earn on the way, or to find out soonest which arm is best.

`earn` plays an arm as often as it is likely to be the best, for as long as it is left to; `decide` keeps
the runner-up playing until it is certain, and promotes. A guardrail takes an arm out, whatever it earns.

Shares move when a tenth more units are known than when they moved last: so rarely, for the more units there
are the less does each of them say, that a rollout of weeks has some hundred moves and not one a minute.
Kalkanli and Özgür, NeurIPS 2021: batches that grow so cost Thompson sampling nothing in its order of regret.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from math import ceil

import numpy as np
from numpy.typing import NDArray

from formats.plan import PARTS, WHOLE
from registry.charts.numbers import percent
from releases.rollout.counts import Counts, Weights
from releases.rollout.designs.design import Asked, Design, Ends, Goal, Kind, Stage, StageKind
from releases.rollout.designs.metrics import Direction, Metric, MetricKind
from releases.rollout.evidence import adjusted, linear, playing, winner
from releases.rollout.evidence.adjusted import Interval, Moments
from releases.rollout.evidence.cohorts import Cohorts, recent
from releases.rollout.evidence.linear import Linear
from releases.rollout.evidence.posteriors import FIRST_PULLS, Pulls
from releases.rollout.strategies import rules, steps
from releases.rollout.strategies.base import Aim, Decision, Finding, Standing, Verdict
from releases.statistics.arrays import Floats

_HOUR_SECONDS = 3600.0
"""Cohorts are by the hour, clocks in seconds."""
GROWTH = 0.1
"""Of the units that are looked at: so many more must be known before shares move again."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the arms that play have brought, as rewards in [0, 1]; the baseline comes last.

    pulls   of the hours that are looked at
    ready   which arms have burnt in
    units   of how many units the reward is known, of all hours
    linear  what they brought by what they asked, and `asked` how many asked what, where that is looked at
    """

    arms: tuple[str, ...]
    pulls: Pulls
    ready: NDArray[np.bool_]
    metric: Metric
    of_changed: bool
    units: int
    linear: Linear | None = None
    asked: Floats | None = None

    @property
    def leader(self) -> str:
        if self.linear is not None and self.asked is not None:
            return self.arms[int(self.linear.mixed(self.asked).middle.argmax())]
        return self.arms[int(winner.leaders(self.pulls))]


def preset(asked: Asked) -> tuple[Stage, ...]:
    """Equal shares to begin with, where none are given."""
    equal = 1 / (len(asked.challengers) + 1)
    shares = asked.shares or tuple((arm, equal) for arm in asked.challengers)
    ends = Ends.WINNER if asked.goal is Goal.DECIDE else Ends.PERSON
    pair = 0.0 if asked.looks else asked.pair
    return (*steps.first(asked), Stage(StageKind.BANDIT, shares, pair, ends=ends))


def decide(design: Design, counts: Counts, standing: Standing, now: float) -> Decision:
    chain, certificate = (*BEFORE, rules.overdue), tuple[Finding, ...]()
    if _plays(design, standing):
        found = known(design, counts, standing, now)
        chain = (*BEFORE, partial(_won, found), partial(_followed, found), partial(_overdue, found))
        certificate = _certificate(design, found)
    made = steps.decide(chain, design, counts, standing, now)
    return replace(
        made,
        evidence=(*made.evidence, *certificate),
        even=even(design) if _plays(design, made.standing) else 0.0,
    )


def known(design: Design, counts: Counts, standing: Standing, now: float) -> Known:
    """Where pairs are asked, of answers that differed alone: the others earn no arm any credit."""
    if design.play.features:
        return _known_by_context(design, counts, standing, now)
    paired = design.stages[standing.stage].pair > 0
    arms, metric = _playing(design, standing), reward(design)
    hours = _resolved(design, counts.changed if paired else counts.cohorts, arms, now)
    pulls, ever = recent(hours, len(arms), design.play.last_spans), recent(hours, len(arms))
    ready = ever.units >= design.play.burn_in
    if fractional(metric):
        ready &= pulls.units >= FIRST_PULLS
    return Known(arms, _scaled(pulls, metric), ready, metric, paired, int(ever.units.sum()))


def _known_by_context(design: Design, counts: Counts, standing: Standing, now: float) -> Known:
    """Of all units: what one asks is known whatever the others would have answered."""
    steps_of = [feature.steps for feature in design.play.features]
    arms, metric, x = _playing(design, standing), reward(design), linear.rows(steps_of)
    hours = design.play.resolution.by_context(counts.contexts, len(x), arms, now / _HOUR_SECONDS)
    pulls, ever = recent(hours, len(arms), design.play.last_spans), recent(hours, len(arms)).units
    scaled = _scaled(pulls, metric)
    whole = Pulls(*(each.sum(axis=0) for each in (scaled.units, scaled.total, scaled.squares)))
    ready = ever.sum(axis=0) >= design.play.burn_in
    asked = pulls.units.sum(axis=1)
    return Known(arms, whole, ready, metric, False, int(ever.sum()), Linear.of(scaled, x), asked)


def _playing(design: Design, standing: Standing) -> tuple[str, ...]:
    return tuple(arm for arm in design.arms if arm not in standing.removed)


def reward(design: Design) -> Metric:
    """What is maximised: a metric of the rollout, else a yes or no of which more is better."""
    named = (metric for metric in design.metrics if metric.name == design.play.reward)
    return next(named, Metric(design.play.reward, direction=Direction.HIGHER))


def followable(design: Design) -> bool:
    """Whether there is what shares can follow: something that is known of each unit, within bounds."""
    kinds = (MetricKind.BAD_EVENT, MetricKind.BOUNDED)
    return any(m.name == design.play.reward and not m.guardrail and m.kind in kinds for m in design.metrics)


def even(design: Design) -> float:
    """Where a winner is sought every arm keeps playing anyhow."""
    return design.play.even if design.kind is Kind.BANDIT and design.goal is Goal.EARN else 0.0


def given(design: Design, counts: Counts, standing: Standing, weighted: Weights) -> dict[str, float]:
    """The share of units that each arm gets: by the weights, or by what units have asked so far."""
    if not standing.contexts or standing.ended:
        return {arm: weight / WHOLE for arm, weight in weighted}
    parts = {arm: np.array(each) / PARTS for arm, each in standing.contexts}
    asked = np.ones(len(next(iter(parts.values()))))
    for (context, _, _), cohort in counts.contexts.items():
        asked[context] += cohort.assigned
    shares = {arm: float(asked @ each / asked.sum()) for arm, each in parts.items()}
    alike = even(design) / len(_playing(design, standing))
    mixed = {arm: (1 - even(design)) * shares.get(arm, 0.0) + alike for arm in _playing(design, standing)}
    mixed[design.baseline] += 1 - sum(mixed.values())
    return {arm: mixed.get(arm, 0.0) for arm, _ in weighted}


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


def unscaled(metric: Metric, scaled: float) -> float:
    """Back from [0, 1], of which more is better, to what was measured."""
    return (metric.low if metric.direction is Direction.HIGHER else metric.high) + scaled * width(metric)


def width(metric: Metric) -> float:
    """What a difference of one in [0, 1], of which more is better, is of what was measured."""
    return (metric.high - metric.low) * (1 if metric.direction is Direction.HIGHER else -1)


def fractional(metric: Metric) -> bool:
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
    brought = unscaled(found.metric, float(found.pulls.means[best]))
    unit = "unit whose answers differ" if found.of_changed else "unit"
    reason = f"Version {arm} is the best in {found.metric.name}: {brought:.4g} a {unit}."
    if arm == look.design.baseline:
        return steps.end(look, Verdict.END_TRIAL, reason, look.playing[0])
    return steps.end(look, Verdict.PROMOTE, reason, arm) if look.shown(arm, Aim.SAFE) else None


def _followed(found: Known, look: steps.Look) -> Decision | None:
    """New shares, once a tick and once every arm has burnt in; one that joins later has an equal share."""
    design, standing = look.design, look.standing
    begun = bool(standing.shares or standing.contexts) or bool(found.ready.all())
    if not begun or look.now - standing.shared_at < design.play.tick_seconds or not _news(found, standing):
        return None
    floors = np.array([_floor(design, arm) for arm in found.arms])
    caps = np.full(len(found.arms), max(design.play.cap, ceil(PARTS / len(found.arms)) / PARTS))
    if found.linear is not None:
        return _by_context(found, found.linear, look, floors, caps)
    deciding = look.stage.ends is Ends.WINNER
    parts = playing.parts(found.pulls, found.ready, floors, caps, deciding, fractional(found.metric))
    whole = dict(zip(found.arms, parts.tolist(), strict=True))
    shares = tuple((arm, whole.get(arm, 0) / PARTS) for arm in design.challengers)
    if shares == standing.shares:
        return None
    told = ", ".join(f"version {arm} {percent(part / PARTS)}" for arm, part in whole.items())
    units = "units whose answers differ" if found.of_changed else "all units"
    following = replace(standing, shares=shares, shared_at=look.now, shared_of=found.units)
    return steps.move(look, following, f"Shares follow what {units} brought: {told}.")


def _by_context(
    found: Known, model: Linear, look: steps.Look, floors: Floats, caps: Floats
) -> Decision | None:
    """Shares of each context; those of whom it is not known what they ask stay alike."""
    parts = playing.parts_by_context(model.payoffs(), found.ready, floors, caps)
    shared = tuple((arm, tuple(each)) for arm, each in zip(found.arms, parts.T.tolist(), strict=True))
    if shared == look.standing.contexts:
        return None
    told = ", ".join(f"{arm} {min(each)} to {max(each)}" for arm, each in shared)
    following = replace(look.standing, contexts=shared, shared_at=look.now, shared_of=found.units)
    return steps.move(
        look, following, f"Shares follow what units brought by what they asked, of {PARTS} parts: {told}."
    )


def _news(found: Known, standing: Standing) -> bool:
    """Enough more is known than when shares moved last, or other arms play."""
    parts = {arm: max(each) for arm, each in standing.contexts}
    shared = parts if found.linear is not None else dict(standing.shares)
    others = {arm for arm, share in shared.items() if share} - set(found.arms)
    joined = set(found.arms[:-1]) - shared.keys()
    more = found.units - standing.shared_of
    return bool(others or joined) or more >= GROWTH * float(found.pulls.units.sum())


def _overdue(found: Known, look: steps.Look) -> Decision | None:
    """Without a certificate a person is asked about the arm that leads."""
    asked = rules.overdue(look)
    leads = found.leader != look.design.baseline
    return asked and replace(asked, arm=found.leader if leads else look.playing[0])


def _held(look: steps.Look) -> Decision | None:
    """A metric that holds keeps shares where they are; what they follow speaks through them."""
    others = tuple(each for each in look.found if each.metric != look.design.play.reward)
    return rules.held(replace(look, found=others))


def _floor(design: Design, arm: str) -> float:
    """Units that play evenly keep every arm playing: a floor beside them would cost twice."""
    if even(design):
        return 0.0
    return design.play.baseline_floor if arm == design.baseline else design.play.floor


def _certificate(design: Design, found: Known) -> tuple[Finding, ...]:
    """How sure it is that the leader is the best, beside what it takes to say so."""
    if design.goal is not Goal.DECIDE or len(found.arms) < 2:
        return ()
    sure = float(winner.sureness(found.pulls))
    bar = float(winner.threshold(found.pulls.units.sum(), len(found.arms), design.delta))
    return (Finding(found.leader, found.metric.name, Aim.BEST, sure, sure, bar),)


BEFORE: tuple[steps.Rule, ...] = (
    rules.not_started,
    rules.ended,
    rules.returned,
    rules.expired,
    rules.unbalanced,
    rules.unknown,
    rules.dwelling,
    rules.moved,
    _held,
)
"""What comes before shares: what takes an arm out, and what keeps everything as it is."""
