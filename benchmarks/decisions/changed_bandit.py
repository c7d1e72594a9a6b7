"""Row 26: a bandit that knows both answers, through its strategy, tick by tick."""

from __future__ import annotations

import numpy as np

from benchmarks.decisions.rows import Dice, Found, Row
from formats.plan import WHOLE
from releases.rollout.counts import GRAIN, Cohort, Counts, Sums
from releases.rollout.designs.design import Asked, Design, Kind, Play
from releases.rollout.evidence.cohorts import Resolution
from releases.rollout.strategies import bandit
from releases.rollout.strategies.base import Standing

NEW, OLD = "8", "7"
ARMS = (NEW, OLD)
TICKS, A_TICK = 200, 500
CHANGED = 0.1
RATES = {NEW: 0.15, OLD: 0.05}
"""Where the answers differ; elsewhere both bring 5 %, and so .06 and .05 in all."""
EVEN = 0.05


def played(rng: Dice, quick: bool) -> Found:
    runs = 20 if quick else 200
    both, none_even = (_mean(rng, runs, True, even) for even in (EVEN, 0.0))
    blind = _mean(rng, runs, False, 0.0)
    outside, evens = both
    figures = {
        "outside": outside,
        "even": evens,
        "no_even_units": sum(none_even),
        "all_requests": sum(blind),
        "runs": runs,
    }
    return Found(
        f"{outside:.1f}, and {evens:.1f} by the {EVEN:.0%} that play evenly".replace("%", " %"),
        outside + evens <= 15,
        figures,
    )


def _mean(rng: Dice, runs: int, paired: bool, even: float) -> tuple[float, float]:
    lost = np.array([_run(rng, paired, even) for _ in range(runs)])
    outside, evens = lost.mean(axis=0)
    return float(outside), float(evens)


def _run(rng: Dice, paired: bool, even: float) -> tuple[float, float]:
    """Regret of those who follow the shares, and of those who play evenly."""
    design = _design(paired, even)
    counts, standing, lost = Counts(), Standing(), np.zeros(2)
    for tick in range(TICKS):
        made = bandit.decide(design, counts, standing, (tick + 1) * 60.0)
        standing = made.standing
        share = dict(made.weights)[NEW] / WHOLE
        changed = int(rng.binomial(A_TICK, CHANGED))
        evens = int(rng.binomial(changed, even))
        losing = rng.binomial([changed - evens, evens], [1 - share, 0.5])
        lost += losing * (RATES[NEW] - RATES[OLD])
        both = {NEW: changed - int(losing.sum()), OLD: int(losing.sum())}
        counts += _counted(rng, both, share, A_TICK - changed)
    return float(lost[0]), float(lost[1])


def _counted(rng: Dice, changed: dict[str, int], share: float, same: int) -> Counts:
    fresh = {(0, arm): _cohort(rng, units, RATES[arm]) for arm, units in changed.items()}
    new = int(rng.binomial(same, share))
    alike = {(0, NEW): _cohort(rng, new, 0.05), (0, OLD): _cohort(rng, same - new, 0.05)}
    return Counts(cohorts=alike, changed=fresh) + Counts(cohorts=fresh)


def _cohort(rng: Dice, units: int, rate: float) -> Cohort:
    good = int(rng.binomial(units, rate)) * GRAIN
    return Cohort(units, Sums(units, good, good))


def _design(paired: bool, even: float) -> Design:
    stages = bandit.preset(Asked((NEW,), OLD, shadow=False, pair=1.0 if paired else 0.0))
    play = Play(resolution=Resolution(0.0, explicit=True), even=even, floor=0.0, baseline_floor=0.0)
    return Design(Kind.BANDIT, OLD, (NEW,), stages, play=play)


ROWS = (
    Row(
        26,
        "Regret of a bandit .05/.06 over 100,000 requests where only a tenth of the answers differ",
        "≤ 15 with units that play evenly",
        "-",
        "all requests earn credit: 40",
        played,
    ),
)
