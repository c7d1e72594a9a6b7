"""A bandit that looks at the request: Thompson sampling with a linear model of the reward for each arm.

Agrawal and Goyal, ICML 2013. The state is two sums an arm, so it merges; the weights of the model are
drawn once per refresh and a request costs one product. For at most 50 features.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from releases.rollout.counts import GRAIN
from releases.statistics.arrays import Codes, Floats

MOST_FEATURES = 50


@dataclass(frozen=True, slots=True)
class Linear:
    """Sums over resolved units, whole numbers in GRAINths: exact in any order. `+` merges.

    gram    of x x', shape (arms, features, features)
    reward  of r x, shape (arms, features)
    units   shape (arms,)
    """

    gram: Codes
    reward: Codes
    units: Codes

    @classmethod
    def none(cls, arms: int, features: int) -> Linear:
        """Raises ValueError above 50 features: their matrices would be read and drawn from at every tick."""
        if features > MOST_FEATURES:
            raise ValueError(f"a contextual bandit looks at {MOST_FEATURES} features at most, not {features}")
        return cls(
            np.zeros((arms, features, features), np.int64),
            np.zeros((arms, features), np.int64),
            np.zeros(arms, np.int64),
        )

    def seen(self, arm: int, features: Floats, rewards: Floats) -> Linear:
        """With more units of one arm. `features` (units, features) in [-1, 1], `rewards` (units,) in [0, 1].

        Raises ValueError outside of these ranges: as whole numbers, sums of anything might overflow.
        """
        if np.any(np.abs(features) > 1) or np.any((rewards < 0) | (rewards > 1)):
            raise ValueError("features are to be in [-1, 1] and rewards in [0, 1]")
        gram, reward, units = self.gram.copy(), self.reward.copy(), self.units.copy()
        products = np.floor(features[:, :, None] * features[:, None, :] * GRAIN).astype(np.int64)
        gram[arm] += products.sum(axis=0)
        reward[arm] += np.floor(features * rewards[:, None] * GRAIN).astype(np.int64).sum(axis=0)
        units[arm] += len(rewards)
        return Linear(gram, reward, units)

    def __add__(self, other: Linear) -> Linear:
        return Linear(self.gram + other.gram, self.reward + other.reward, self.units + other.units)

    def drawn(self, rng: np.random.Generator, spread: float) -> Floats:
        """A model of each arm: theta from N(A⁻¹b, spread² A⁻¹) with A = I + sum x x'. (arms, features)."""
        precision = self.gram / GRAIN + np.eye(self.gram.shape[-1])
        factor = np.linalg.cholesky(precision)
        middle = np.linalg.solve(precision, (self.reward / GRAIN)[..., None])
        noise = rng.standard_normal((*self.reward.shape, 1))
        off = np.linalg.solve(np.swapaxes(factor, -1, -2), noise)
        return np.asarray((middle + spread * off)[..., 0])


def chosen(models: Floats, features: Floats) -> Codes:
    """The arm that each request's features promise most of, the first of equal ones. Shape (units,)."""
    return np.asarray(np.argmax(features @ models.T, axis=1), np.int64)


def generator(seed: int, node: int, revision: int) -> np.random.Generator:
    """The chance of one node at one revision of the weights: nobody draws what another has drawn."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, node, revision])))
