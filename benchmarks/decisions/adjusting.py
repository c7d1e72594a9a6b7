"""Row 29: an interval that is narrower by what a score explains, and covers however often it is looked at."""

from __future__ import annotations

import numpy as np

from benchmarks.decisions.rows import Dice, Found, Row
from releases.rollout.evidence import adjusted
from releases.rollout.evidence.adjusted import Interval, Moments

ALPHA = 0.05
_SCORES = np.array([0.01, 0.03, 0.08, 0.2, 0.45, 0.7, 0.9, 0.97])
_SHARES = np.array([0.3, 0.25, 0.15, 0.1, 0.08, 0.06, 0.04, 0.02])
UNITS = 100
"""Of each arm between two looks."""


def watched(rng: Dice, quick: bool) -> Found:
    """The outcome is what the champion's score promises: yes with that chance, in both arms alike."""
    runs, looks = (300, 200) if quick else (2000, 1000)
    arms = [Arm.none(runs), Arm.none(runs)]
    missed = {name: np.zeros(runs, bool) for name in ("adjusted", "plain", "fixed")}
    widest = 0.0
    for look in range(looks):
        arms = [arm.more(rng) for arm in arms]
        new, old = (arm.moments() for arm in arms)
        ours, plain = (how(new, old, ALPHA) for how in (adjusted.adjusted, adjusted.plain))
        missed["adjusted"] |= _outside(ours)
        missed["plain"] |= _outside(plain)
        missed["fixed"] |= np.abs(ours.value) > 1.96 * _error(ours, 2 * UNITS * (look + 1))
        widest = max(widest, float(np.mean(ours.width / plain.width)))
    covered = {name: 1 - float(bad.mean()) for name, bad in missed.items()}
    rest = (1 - _explained()) ** 0.5
    return Found(
        f"{widest:.3f} at worst; covers {covered['adjusted']:.1%}, plain {covered['plain']:.1%}".replace(
            "%", " %"
        ),
        widest <= rest + 0.05 and min(covered["adjusted"], covered["plain"]) >= 0.95,
        {"width": widest, "rest": rest, "covered": covered, "runs": runs, "looks": looks},
    )


class Arm:
    """Sums of many runs' units, drawn as counts of each score: as exact as unit by unit."""

    def __init__(self, scored: np.ndarray, good: np.ndarray) -> None:
        self._scored, self._good = scored, good

    @classmethod
    def none(cls, runs: int) -> Arm:
        return cls(*np.zeros((2, runs, len(_SCORES))))

    def more(self, rng: Dice) -> Arm:
        scored = rng.multinomial(UNITS, _SHARES, len(self._scored))
        return Arm(self._scored + scored, self._good + rng.binomial(scored, _SCORES))

    def moments(self) -> Moments:
        good = self._good.sum(axis=1)
        x, xx = self._scored @ _SCORES, self._scored @ _SCORES**2
        return Moments(self._scored.sum(axis=1), good, good, x, xx, self._good @ _SCORES)


def _outside(found: Interval) -> np.ndarray:
    return np.asarray((found.low > 0) | (found.high < 0))


def _error(found: Interval, units: int) -> np.ndarray:
    return np.asarray(found.width / 2 / adjusted.radius(np.array(float(units)), 4, ALPHA))


def _explained() -> float:
    """rho², the part of the outcome's variance that the score explains."""
    mean = float(_SHARES @ _SCORES)
    return float(_SHARES @ (_SCORES - mean) ** 2) / (mean * (1 - mean))


ROWS = (
    Row(
        29,
        "Width of the adjusted interval beside the plain one at every look, and coverage over 1,000 looks",
        f"≤ sqrt(1 - rho²) + 0.05 = {(1 - _explained()) ** 0.5 + 0.05:.3f}; ≥ 95 %",
        f"sqrt(1 - rho²) = {(1 - _explained()) ** 0.5:.3f}",
        "CUPED for one look, looked at 1,000 times: covers 48 %",
        watched,
    ),
)
