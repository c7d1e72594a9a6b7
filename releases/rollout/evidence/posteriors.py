"""What is known of each arm's mean reward, from additive sums alone.

Arrays have the arms along their last axis; axes before it are experiments that know nothing of each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.special import betainc, ndtr, stdtr

from releases.rollout.counts import Sums
from releases.statistics.arrays import Codes, Floats

FIRST_PULLS = 30
"""Of each arm before its spread is believed: rewards that are mostly zero look certain until then."""


@dataclass(frozen=True, slots=True)
class Pulls:
    """Resolved units of each arm: how many, the sum of their rewards, the sum of the squares. `+` merges.

    A unit counts once, with its reward as a fraction where it is one.
    """

    units: Floats
    total: Floats
    squares: Floats

    @classmethod
    def none(cls, *shape: int) -> Pulls:
        """Nothing yet. The last of `shape` is the number of arms."""
        return cls(np.zeros(shape), np.zeros(shape), np.zeros(shape))

    @classmethod
    def counted(cls, units: Floats, good: Floats) -> Pulls:
        """Rewards of zero or one, of which the square is the reward itself."""
        return cls(units, good, good)

    @classmethod
    def summed(cls, sums: Sequence[Sums]) -> Pulls:
        """From what was counted, one for each arm."""
        return cls(
            np.array([float(each.n) for each in sums]),
            np.array([each.total for each in sums]),
            np.array([each.squares for each in sums]),
        )

    def __add__(self, other: Pulls) -> Pulls:
        return Pulls(self.units + other.units, self.total + other.total, self.squares + other.squares)

    def of(self, arms: Codes) -> Pulls:
        """Some of the arms, by index."""
        return Pulls(self.units[..., arms], self.total[..., arms], self.squares[..., arms])

    def scaled(self, low: float, high: float) -> Pulls:
        """The same sums for rewards moved from [low, high] to [0, 1]."""
        width = high - low
        return Pulls(
            self.units,
            (self.total - low * self.units) / width,
            (self.squares - 2 * low * self.total + low * low * self.units) / width**2,
        )

    @property
    def means(self) -> Floats:
        """Zero where nothing was seen."""
        return self.total / np.maximum(self.units, 1e-300)


class Posterior(Protocol):
    """What an arm's mean may be, for all arms at once."""

    def below(self, points: Floats) -> Floats:
        """P(mean <= point), shape (..., points, arms). `points` has shape (..., points)."""
        ...

    def places(self, deviations: Floats) -> Floats:
        """Where the mean may be: points so many deviations off, shape (..., arms, deviations)."""
        ...

    def draw(self, rng: np.random.Generator) -> Floats:
        """One mean of each arm, shape (..., arms)."""
        ...


@dataclass(frozen=True, slots=True)
class Beta:
    """The mean of rewards in [0, 1] from a uniform prior, with fractional counts where rewards are fractions.

    Agrawal and Goyal, COLT 2012, without their coin: reward r adds r to the one side and 1 - r to the
    other, which overstates the spread of anything but zeros and ones, and so never locks onto an arm.
    """

    good: Floats
    bad: Floats

    @classmethod
    def of(cls, pulls: Pulls) -> Beta:
        """From rewards in [0, 1]."""
        good = np.clip(pulls.total, 0.0, pulls.units)
        return cls(good + 1, pulls.units - good + 1)

    def below(self, points: Floats) -> Floats:
        held = np.clip(points, 0.0, 1.0)[..., None]
        return np.asarray(betainc(self.good[..., None, :], self.bad[..., None, :], held))

    def places(self, deviations: Floats) -> Floats:
        """Even on the scale on which a share's spread does not depend on it: Fisher's angle."""
        count = self.good + self.bad
        angle = 2 * np.arcsin(np.sqrt(self.good / count))
        moved = angle[..., None] + deviations / np.sqrt(count)[..., None]
        return np.asarray(np.sin(np.clip(moved, 0.0, np.pi) / 2) ** 2)

    def draw(self, rng: np.random.Generator) -> Floats:
        return rng.beta(self.good, self.bad)


@dataclass(frozen=True, slots=True)
class StudentT:
    """The mean of real rewards whose spread is not known: mean + s / sqrt(n) times t with n - 1 degrees.

    Honda and Takemura, AISTATS 2014, section 3. A normal in place of t locks onto the wrong arm for ever
    in a few of a hundred runs.
    """

    degrees: Floats
    middle: Floats
    error: Floats

    @classmethod
    def of(cls, pulls: Pulls, width: float) -> StudentT:
        """From rewards of which none is further than `width` from another.

        An arm whose rewards were all alike is treated as if one of them had been half of that away. Raises
        ValueError where an arm has fewer than 30 pulls.
        """
        if np.any(pulls.units < FIRST_PULLS):
            raise ValueError(f"each arm needs {FIRST_PULLS} pulls before its spread is believed")
        spread = np.maximum(pulls.squares - pulls.total**2 / pulls.units, (width / 2) ** 2)
        return cls(pulls.units - 1, pulls.means, np.sqrt(spread / (pulls.units - 1) / pulls.units))

    def below(self, points: Floats) -> Floats:
        off = (points[..., None] - self.middle[..., None, :]) / self.error[..., None, :]
        return np.asarray(stdtr(self.degrees[..., None, :], off))

    def places(self, deviations: Floats) -> Floats:
        stretched = 2 * np.sinh(deviations / 3)
        return np.asarray(self.middle[..., None] + self.error[..., None] * stretched)

    def draw(self, rng: np.random.Generator) -> Floats:
        return np.asarray(self.middle + self.error * rng.standard_t(self.degrees))


@dataclass(frozen=True, slots=True)
class Normal:
    """A mean of which enough is known that its spread is taken for known."""

    middle: Floats
    error: Floats

    def below(self, points: Floats) -> Floats:
        off = (points[..., None] - self.middle[..., None, :]) / self.error[..., None, :]
        return np.asarray(ndtr(off))

    def places(self, deviations: Floats) -> Floats:
        return np.asarray(self.middle[..., None] + self.error[..., None] * deviations)

    def draw(self, rng: np.random.Generator) -> Floats:
        return np.asarray(rng.normal(self.middle, self.error))

    def of(self, arms: Codes) -> Normal:
        """Some of the arms, by index."""
        return Normal(self.middle[..., arms], self.error[..., arms])
