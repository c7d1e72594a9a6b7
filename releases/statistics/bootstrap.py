"""Intervals for any metric by resampling units: BCa, and the block jackknife where that takes too long."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtrit

from releases.statistics.arrays import Codes, Floats
from releases.statistics.resampling import Additive, Counted, Difference, Resampled

RESAMPLES = 2000
"""Efron and Tibshirani ask for 1,000 at least where bounds are wanted; BCa moves into the tails."""
MOST_UNITS = 10_000
"""Up to it every unit is drawn by itself, in a second or two."""
MOST_LOOKED_AT = 200_000
"""Beyond, each resample costs milliseconds, and there are 2,000."""
BLOCKS = 1000
"""Groups that stand for more units: intervals of thousands of rows are the same to three digits."""
COUNTED_BLOCKS = 100
"""Each block left out means counting anew; with a hundred, bounds are 1 % wider than with any number."""
_ELEMENTS = 1 << 21
"""Counts of one block of resamples: 16 MiB, whatever the number of units."""


@dataclass(frozen=True, slots=True)
class Bca:
    """Bias-corrected and accelerated bootstrap: Efron, JASA 82 (1987); Davison and Hinkley, section 5.3.

    replicates  sorted, finite. bias, acceleration  the two corrections.
    """

    value: float
    replicates: Floats
    bias: float
    acceleration: float

    def bounds(self, confidence: float) -> tuple[float, float]:
        """One-sided bounds, each at `confidence`. The value itself is never outside: a metric that is
        biased as calibration error is would be corrected past itself.
        """
        shares = [self._share(ndtri(1 - confidence)), self._share(ndtri(confidence))]
        low, high = np.quantile(self.replicates, shares)
        return min(float(low), self.value), max(float(high), self.value)

    @property
    def variance(self) -> float:
        return float(self.replicates.var())

    @property
    def is_degenerate(self) -> bool:
        """Whether every resample says the same, so that the spread says nothing."""
        return bool(self.replicates[0] == self.replicates[-1])

    def _share(self, z: float) -> float:
        moved = self.bias + z
        return float(ndtr(self.bias + moved / max(1 - self.acceleration * moved, 1e-6)))


@dataclass(frozen=True, slots=True)
class Jackknife:
    """Student's interval from the pseudo-values of blocks: Efron and Tibshirani, section 11.5."""

    value: float
    error: float
    blocks: int

    def bounds(self, confidence: float) -> tuple[float, float]:
        """One-sided bounds, each at `confidence`."""
        step = float(stdtrit(self.blocks - 1, confidence)) * self.error
        return self.value - step, self.value + step

    @property
    def variance(self) -> float:
        return self.error**2

    @property
    def is_degenerate(self) -> bool:
        return not self.error


Interval = Bca | Jackknife


def interval(statistic: Resampled, value: float, rng: np.random.Generator) -> Interval:
    """The interval of a metric over its units, whose value on all of them is `value`.

    Above 10,000 units, they are put into 1,000 blocks at random. A metric that must look at all
    rows again for each resample then gets the jackknife of 100 blocks; so does one of fewer rows
    with many places.
    """
    counted = _counted(statistic)
    if statistic.units <= MOST_UNITS and (counted is None or counted.looked_at <= MOST_LOOKED_AT):
        return bca(statistic, value, rng)
    if counted is not None:
        return jackknife(in_blocks(statistic, min(COUNTED_BLOCKS, statistic.units), rng), value)
    return bca(in_blocks(statistic, BLOCKS, rng), value, rng)


def _counted(statistic: Resampled) -> Counted | None:
    one = statistic.ours if isinstance(statistic, Difference) else statistic
    return one if isinstance(one, Counted) else None


def bca(statistic: Resampled, value: float, rng: np.random.Generator) -> Bca:
    """2,000 resamples of units. Resamples on which the metric means nothing are left out."""
    found = np.concatenate([statistic.values(counts) for counts in _resamples(statistic.units, rng)])
    found = np.sort(found[np.isfinite(found)])
    if not found.size:
        found = np.array([value])
    slack = 1e-12 * max(1.0, abs(value))
    below = float((found < value - slack).mean() + (np.abs(found - value) <= slack).mean() / 2)
    edge = 1 / (len(found) + 1)
    return Bca(value, found, float(ndtri(min(max(below, edge), 1 - edge))), _acceleration(statistic, rng))


def jackknife(statistic: Resampled, value: float) -> Jackknife:
    """Leave out one block at a time."""
    found = statistic.without_each()
    found = found[np.isfinite(found)]
    blocks = len(found)
    pseudo = blocks * value - (blocks - 1) * found
    return Jackknife(value, float(pseudo.std(ddof=1) / np.sqrt(blocks)), blocks)


def _acceleration(statistic: Resampled, rng: np.random.Generator) -> float:
    if _counted(statistic) is not None and statistic.units > BLOCKS:
        statistic = in_blocks(statistic, BLOCKS, rng)
    without = statistic.without_each()
    without = without[np.isfinite(without)]
    if len(without) < 2:
        return 0.0
    distances = without.mean() - without
    spread = float((distances**2).sum()) ** 1.5
    return float((distances**3).sum()) / (6 * spread) if spread > 0 else 0.0


def _resamples(units: int, rng: np.random.Generator) -> Iterator[Floats]:
    """How often each unit was drawn, a few resamples at a time; shape (some, units)."""
    at_once = max(1, _ELEMENTS // units)
    for start in range(0, RESAMPLES, at_once):
        some = min(at_once, RESAMPLES - start)
        drawn = rng.integers(0, units, size=(some, units)) + np.arange(some)[:, None] * units
        yield np.bincount(drawn.reshape(-1), minlength=some * units).reshape(some, units).astype(np.float64)


def in_blocks(statistic: Resampled, blocks: int, rng: np.random.Generator) -> Resampled:
    """The same metric over `blocks` random parts of equal size; rows may have come in an order."""
    codes: NDArray[np.int64] = rng.permutation(statistic.units) % blocks
    return regrouped(statistic, codes, blocks)


def regrouped(statistic: Resampled, codes: Codes, units: int) -> Resampled:
    """The same metric over coarser units; `codes` says which, shape (old units,)."""
    match statistic:
        case Additive():
            return statistic.over(codes, units)
        case Counted():
            return statistic.over(codes[statistic.codes], units)
        case Difference(ours=ours, theirs=theirs, sign=sign):
            return Difference(regrouped(ours, codes, units), regrouped(theirs, codes, units), sign)
    raise TypeError(type(statistic))
