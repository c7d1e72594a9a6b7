"""Row 33: a bandit that looks at what is asked beside one that does not, through its strategy."""

from __future__ import annotations

from itertools import product

import numpy as np

from benchmarks.decisions.rows import Dice, Found, Row
from formats.features import Feature
from formats.plan import PARTS, WHOLE
from releases.rollout.counts import GRAIN, Cohort, Counts, Sums
from releases.rollout.designs.design import Asked, Design, Kind, Play
from releases.rollout.evidence.cohorts import Resolution
from releases.rollout.strategies import bandit
from releases.rollout.strategies.base import Standing
from releases.statistics.arrays import Codes, Floats

NEW, OLD = "8", "7"
TICKS, A_TICK = 200, 500
FEATURES = (Feature("age", cuts=(30.0, 50.0)), Feature("night", cuts=(0.5,)))
ADDS = {NEW: ((0.04, 0.0, -0.02), (0.0, 0.01)), OLD: ((0.0, 0.0, 0.02), (0.0, 0.01))}
"""To a rate of 5 %: of the first third of requests the new version brings .04 more, of the last .04 less."""
EVEN = 0.1


def played(rng: Dice, quick: bool) -> Found:
    runs = 10 if quick else 100
    looking, blind = (_mean(rng, runs, features, EVEN) for features in (FEATURES, ()))
    outside, evens = looking
    figures = {
        "outside": outside,
        "even": evens,
        "blind_outside": blind[0],
        "blind_even": blind[1],
        "halves": _halves(),
        "runs": runs,
    }
    told = (
        f"{outside:.0f}, and {evens:.0f} by the {EVEN:.0%} that play evenly; without looking {blind[0]:.0f}"
    )
    told = told.replace("%", " %")
    return Found(told, 3 * outside <= blind[0], figures)


def _rates() -> dict[str, Floats]:
    """By context."""
    return {arm: np.array([0.05 + sum(steps) for steps in product(*adds)]) for arm, adds in ADDS.items()}


def _halves() -> float:
    """Regret of halves for ever."""
    rates = _rates()
    return float(TICKS * A_TICK * np.abs(rates[NEW] - rates[OLD]).mean() / 2)


def _mean(rng: Dice, runs: int, features: tuple[Feature, ...], even: float) -> tuple[float, float]:
    lost = np.array([_run(rng, features, even) for _ in range(runs)]).mean(axis=0)
    return float(lost[0]), float(lost[1])


def _run(rng: Dice, features: tuple[Feature, ...], even: float) -> tuple[float, float]:
    """Regret of those who follow shares and of those who play evenly, beside the best of each context."""
    design, rates = _design(features, even), _rates()
    counts, standing, lost = Counts(), Standing(), np.zeros(2)
    missing = {arm: np.maximum(rates[NEW], rates[OLD]) - each for arm, each in rates.items()}
    for tick in range(TICKS):
        made = bandit.decide(design, counts, standing, (tick + 1) * 60.0)
        standing = made.standing
        asked = rng.multinomial(A_TICK, [1 / len(rates[NEW])] * len(rates[NEW]))
        evens = rng.binomial(asked, even)
        share = dict(made.weights)[NEW] / WHOLE
        parts = np.array(dict(standing.contexts).get(NEW, [share * PARTS] * len(asked))) / PARTS
        new = rng.binomial(asked - evens, parts), rng.binomial(evens, 0.5)
        for at, (mine, all_of) in enumerate(zip(new, (asked - evens, evens), strict=True)):
            lost[at] += float(mine @ missing[NEW] + (all_of - mine) @ missing[OLD])
        counts += _counted(rng, {NEW: new[0] + new[1], OLD: asked - new[0] - new[1]}, rates)
    return float(lost[0]), float(lost[1])


def _counted(rng: Dice, units: dict[str, Codes], rates: dict[str, Floats]) -> Counts:
    asked = {
        (context, 0, arm): _cohort(rng, int(each[context]), float(rates[arm][context]))
        for arm, each in units.items()
        for context in range(len(each))
    }
    whole = Counts()
    for (_, hour, arm), cohort in asked.items():
        whole += Counts(cohorts={(hour, arm): cohort})
    return whole + Counts(contexts=asked)


def _cohort(rng: Dice, units: int, rate: float) -> Cohort:
    good = int(rng.binomial(units, rate)) * GRAIN
    return Cohort(units, Sums(units, good, good))


def _design(features: tuple[Feature, ...], even: float) -> Design:
    stages = bandit.preset(Asked((NEW,), OLD, shadow=False, pair=0.0, looks=bool(features)))
    play = Play(resolution=Resolution(0.0, explicit=True), even=even, features=features)
    return Design(Kind.BANDIT, OLD, (NEW,), stages, metrics=(), play=play)


ROWS = (
    Row(
        33,
        "Regret of a bandit over 100,000 requests where which version brings more depends on what is asked",
        "≤ a third of the one that does not look, beside units that play evenly",
        "-",
        "halves for ever: 1,333",
        played,
    ),
)
