"""What a bandit knows of its arms: what each may bring, how likely it is the best, what was gained. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.special import ndtri

from formats.features import Feature
from formats.plan import PARTS
from releases.rollout.counts import Cohort, Counts
from releases.rollout.designs.design import Design, StageKind
from releases.rollout.designs.metrics import Metric
from releases.rollout.evidence import playing, propensity
from releases.rollout.evidence.adjusted import Interval
from releases.rollout.evidence.posteriors import FIRST_PULLS, Posterior
from releases.rollout.strategies import bandit
from releases.rollout.strategies.bandit import Known
from releases.rollout.strategies.base import Standing
from releases.statistics.arrays import Floats

SURE = 0.95
"""The usual interval, as everywhere on these pages."""
_PLACES, _FAR = 120, 4.5
"""How finely a density is drawn, and out to how many deviations."""


@dataclass(frozen=True, slots=True)
class Earner:
    """One arm. `density` is drawn at the places of `Earning`; None while too little is known of any.

    mean, low, high  of a unit's reward: it lies between the two for SURE
    best             how likely no other arm brings more
    """

    arm: str
    units: int
    ready: bool
    mean: float | None = None
    low: float | None = None
    high: float | None = None
    best: float | None = None
    density: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Term:
    """What a version brings more in one step of a feature than in its first one, for SURE."""

    arm: str
    step: str
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Asking:
    """One context: its steps in words, how many units asked it, what each version brings there, and its part
    of 64 of those who are given a version by what they ask; none before shares have moved."""

    steps: tuple[str, ...]
    units: int
    brings: Mapping[str, float]
    parts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Looked:
    """What a bandit that looks at what is asked has learnt. `least`, `most`: the chances with which units are
    given a version."""

    features: tuple[str, ...]
    contexts: tuple[Asking, ...]
    terms: tuple[Term, ...]
    least: float
    most: float


@dataclass(frozen=True, slots=True)
class Lift:
    """How much more a unit brings under an arm than under the live version, from units that play evenly."""

    arm: str
    units: int
    interval: Interval


@dataclass(frozen=True, slots=True)
class Earning:
    """All arms that play, the live one last. `places` are rewards in ascending order. `looked` is there where
    what is asked decides: what arms bring is then told of the same requests for all of them."""

    metric: Metric
    of_changed: bool
    burn_in: int
    even: float
    arms: tuple[Earner, ...]
    places: tuple[float, ...]
    lifts: tuple[Lift, ...]
    looked: Looked | None = None


def earning(design: Design, counts: Counts, standing: Standing, now: float) -> Earning | None:
    """None while no stage has shares that follow what arms bring."""
    stages = design.stages[: standing.stage + 1]
    if not design.baseline or not any(stage.kind is StageKind.BANDIT for stage in stages):
        return None
    found = bandit.known(design, counts, standing, now)
    earners, places = _earners(found)
    return Earning(
        found.metric, found.of_changed, design.play.burn_in, bandit.even(design), earners, places,
        _lifts(design, counts, found, now), _looked(design, found, standing),
    )  # fmt: skip


def _earners(found: Known) -> tuple[tuple[Earner, ...], tuple[float, ...]]:
    """Each arm, and the rewards at which their densities are drawn."""
    units, fractional = found.pulls.units, bandit.fractional(found.metric)
    if units.min() < (FIRST_PULLS if fractional else 1):
        plain = zip(found.arms, units.tolist(), found.ready.tolist(), strict=True)
        return tuple(Earner(arm, int(of), ready) for arm, of, ready in plain), ()
    posterior, means = _posterior(found, fractional)
    points, best = _points(posterior), propensity.best(posterior)
    below = posterior.below(points)
    drawn = tuple(bandit.unscaled(found.metric, each) for each in ((points[1:] + points[:-1]) / 2).tolist())
    arms = (
        Earner(
            arm,
            int(units[place]),
            bool(found.ready[place]),
            bandit.unscaled(found.metric, float(means[place])),
            *_ends(found.metric, points, below[:, place]),
            float(best[place]),
            tuple(np.diff(below[:, place]).tolist()),
        )
        for place, arm in enumerate(found.arms)
    )
    return tuple(arms), drawn


def _posterior(found: Known, fractional: bool) -> tuple[Posterior, Floats]:
    """What arms bring, and their means: of all contexts as often as they were asked, where these are told."""
    if found.linear is None or found.asked is None:
        return playing.posterior(found.pulls, fractional), found.pulls.means
    mixed = found.linear.mixed(found.asked)
    return mixed, mixed.middle


def _points(posterior: Posterior) -> Floats:
    """From where the lowest arm may lie to where the highest may."""
    ends = posterior.places(np.array([-_FAR, _FAR]))
    return np.linspace(ends.min(), ends.max(), _PLACES)


def _ends(metric: Metric, points: Floats, below: Floats) -> tuple[float, float]:
    """Between which rewards it lies, as surely as is told."""
    parts = np.array([(1 - SURE) / 2, (1 + SURE) / 2])
    low, high = sorted(bandit.unscaled(metric, each) for each in np.interp(parts, below, points).tolist())
    return low, high


def _lifts(design: Design, counts: Counts, found: Known, now: float) -> tuple[Lift, ...]:
    """Of the challengers that play, where any units play evenly."""
    if not counts.even:
        return ()
    units = _assigned(counts.even)
    return tuple(
        Lift(arm, units.get(arm, 0), bandit.lift(design, counts, arm, now, design.delta))
        for arm in found.arms
        if arm != design.baseline
    )


# --- by what is asked -------------------------------------------------------------------------------


def _looked(design: Design, found: Known, standing: Standing) -> Looked | None:
    if found.linear is None or found.asked is None:
        return None
    features, even = design.play.features, bandit.even(design)
    parts = dict(standing.contexts)
    steps, brings = list(product(*(feature.told() for feature in features))), found.linear.payoffs().middle
    contexts = tuple(
        Asking(
            steps[at],
            int(found.asked[at]),
            {arm: bandit.unscaled(found.metric, float(brings[at, n])) for n, arm in enumerate(found.arms)},
            {arm: parts[arm][at] for arm in found.arms if arm in parts},
        )
        for at in range(len(steps))
    )
    given = [part / PARTS for arm in found.arms for part in parts.get(arm, ())] or [1 / len(found.arms)]
    least, most = ((1 - even) * end + even / len(found.arms) for end in (min(given), max(given)))
    return Looked(tuple(each.name for each in features), contexts, _terms(features, found), least, most)


def _terms(features: Sequence[Feature], found: Known) -> tuple[Term, ...]:
    """Each step but the first one of each feature, of each arm."""
    if found.linear is None:
        return ()
    told = [step for feature in features for step in feature.told()[1:]]
    models, width = found.linear.terms(), bandit.width(found.metric)
    far = float(ndtri((1 + SURE) / 2))
    made = []
    for place, arm in enumerate(found.arms):
        for at, step in enumerate(told, start=1):
            value, error = float(models.middle[place, at]), far * float(models.error[place, at])
            ends = sorted((width * (value - error), width * (value + error)))
            made.append(Term(arm, step, width * value, *ends))
    return tuple(made)


def _assigned(cohorts: Mapping[tuple[int, str], Cohort]) -> dict[str, int]:
    found: dict[str, int] = {}
    for (_, arm), cohort in cohorts.items():
        found[arm] = found.get(arm, 0) + cohort.assigned
    return found
