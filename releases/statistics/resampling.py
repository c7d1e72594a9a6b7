"""A metric as a function of how often each row counts: what every bootstrap and jackknife needs.

scikit-learn computes one value in a millisecond or more, and an interval takes thousands. Most
metrics are functions of a few sums over rows, so thousands of resamples are one matrix product;
the others (ranks, medians) sort once and then only count.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from scipy.sparse import csr_array

from formats.dtypes import Array
from releases.statistics.arrays import Codes, Floats

Sums = Floats
Finish = Callable[[Sums], Floats]


class Resampled(Protocol):
    """A metric over units: rows, groups of rows, or blocks of either."""

    @property
    def units(self) -> int: ...

    def values(self, counts: Floats) -> Floats:
        """counts  how often each unit counts, shape (resamples, units).

        returns  shape (resamples,); NaN where the metric means nothing on a resample.
        """
        ...

    def without_each(self) -> Floats:
        """The metric without one unit, for each of them; shape (units,)."""
        ...


@dataclass(frozen=True, slots=True)
class Additive:
    """A metric of sums over rows.

    columns  what each row adds, sparse, shape (rows, sums).
    finish   sums, shape (resamples, sums) -> the metric, shape (resamples,).
    """

    columns: Any
    finish: Finish

    @property
    def units(self) -> int:
        return int(self.columns.shape[0])

    def take(self, index: Array) -> Additive:
        return Additive(self.columns[index], self.finish)

    def weighted(self, weight: Array | None) -> Additive:
        """The same where each row counts for its weight."""
        if weight is None:
            return self
        return Additive(csr_array(self.columns.multiply(weight[:, None])), self.finish)

    def over(self, codes: Codes, units: int) -> Additive:
        """The same over groups of rows: `codes` says which, shape (rows,)."""
        rows = np.arange(len(codes))
        grouping = csr_array((np.ones(len(codes)), (codes, rows)), shape=(units, len(codes)))
        return Additive(grouping @ self.columns, self.finish)

    def values(self, counts: Floats) -> Floats:
        return self._finished((self.columns.T @ counts.T).T)

    def without_each(self) -> Floats:
        total = np.asarray(self.columns.sum(axis=0)).reshape(1, -1)
        starts = range(0, self.units, _AT_ONCE)
        parts = [self._finished(total - self.columns[start : start + _AT_ONCE].toarray()) for start in starts]
        return np.concatenate(parts)

    def _finished(self, sums: Sums) -> Floats:
        with np.errstate(all="ignore"):
            return np.asarray(self.finish(sums), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Counted:
    """A metric that has to look at all rows again.

    weighted   row weights, shape (rows,) -> the metric.
    codes      the unit of each row.
    looked_at  how many elements `weighted` looks at: where rows have many, it takes its time.
    """

    weighted: Callable[[Floats], float]
    codes: Codes
    units: int
    looked_at: int = 0

    def over(self, codes: Codes, units: int) -> Counted:
        return Counted(self.weighted, codes, units, self.looked_at)

    def values(self, counts: Floats) -> Floats:
        with np.errstate(all="ignore"):
            return np.array([self.weighted(row[self.codes]) for row in counts])

    def without_each(self) -> Floats:
        counts = np.ones(self.units)
        found = np.empty(self.units)
        for unit in range(self.units):
            counts[unit] = 0
            found[unit] = self.values(counts[None])[0]
            counts[unit] = 1
        return found


@dataclass(frozen=True, slots=True)
class Difference:
    """How much better ours is than theirs on the same resamples. sign: -1 where less is better."""

    ours: Resampled
    theirs: Resampled
    sign: int

    @property
    def units(self) -> int:
        return self.ours.units

    def values(self, counts: Floats) -> Floats:
        return self.sign * (self.ours.values(counts) - self.theirs.values(counts))

    def without_each(self) -> Floats:
        return self.sign * (self.ours.without_each() - self.theirs.without_each())


def sparse(columns: Array) -> Any:
    """Dense columns, shape (rows, sums), in the form that Additive takes."""
    return csr_array(columns)


_AT_ONCE = 1000
"""Units left out in one product of matrices: some MB for each."""
