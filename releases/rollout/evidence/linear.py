"""What a unit brings by what it asks: a linear model of the reward for each arm, from additive sums alone.

Agrawal and Goyal, ICML 2013: Thompson sampling for contextual bandits with linear payoffs. Each feature has
its steps, so that requests are of finitely many contexts; what is kept are the sums of each context and arm,
from which A = I + sum x x' and b = sum r x follow whatever the order. The chance that an arm's payoff is the
highest in a context is then an integral (`evidence.propensity`), where others draw a model: the same law,
exact, and with no generator to be replayed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from releases.rollout.evidence.posteriors import Normal, Pulls
from releases.statistics.arrays import Floats

_LEAST = 0.25
"""Of the sum of squares: as if one unit had been half off; nothing is certain while all were alike."""


def rows(steps: Sequence[int]) -> Floats:
    """The vector x of each context, shape (contexts, terms): one, and for each feature whether it is in its
    second step, its third... The first feature's step counts most in a context's number."""
    places = np.indices(tuple(steps)).reshape(len(steps), -1)
    columns = [np.ones(places.shape[1])]
    columns += [places[at] == step for at, count in enumerate(steps) for step in range(1, count)]
    return np.stack(columns, axis=-1).astype(np.float64)


@dataclass(frozen=True, slots=True)
class Linear:
    """The posterior of each arm's model, of rewards in [0, 1].

    x        the vectors of all contexts, shape (contexts, terms)
    base     the mean reward of all units, around which the models are
    theta    middle of the models, shape (arms, terms)
    spread   their covariances, shape (arms, terms, terms)
    """

    x: Floats
    base: float
    theta: Floats
    spread: Floats

    @classmethod
    def of(cls, pulls: Pulls, x: Floats) -> Linear:
        """From what units of each context brought each arm, shape (contexts, arms)."""
        units, total, squares = (float(each.sum()) for each in (pulls.units, pulls.total, pulls.squares))
        base = total / max(units, 1.0)
        variance = max(squares - units * base**2, _LEAST) / max(units, 1.0)
        gram = np.einsum("ca,ci,cj->aij", pulls.units, x, x) + np.eye(x.shape[1])
        reward = np.einsum("ca,ci->ai", pulls.total - base * pulls.units, x)
        inverse = np.linalg.inv(gram)
        return cls(x, base, np.einsum("aij,aj->ai", inverse, reward), variance * inverse)

    def payoffs(self) -> Normal:
        """Of each context what a unit may bring each arm, shape (contexts, arms)."""
        return self._along(self.x)

    def mixed(self, units: Floats) -> Normal:
        """What a unit may bring each arm where so many ask each context: of the same requests, whoever
        answered them. Shape (arms,)."""
        share = units / units.sum() if units.sum() else np.full(len(units), 1 / len(units))
        found = self._along((share @ self.x)[None])
        return Normal(found.middle[0], found.error[0])

    def terms(self) -> Normal:
        """Each term of each arm's model, shape (arms, terms)."""
        return Normal(self.theta, np.sqrt(np.diagonal(self.spread, axis1=-2, axis2=-1)))

    def _along(self, x: Floats) -> Normal:
        middle = self.base + np.einsum("ci,ai->ca", x, self.theta)
        return Normal(middle, np.sqrt(np.einsum("ci,aij,cj->ca", x, self.spread, x)))
