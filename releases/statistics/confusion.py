"""A lower bound for any metric of the confusion matrix, good at small counts and without a single error.

Resampling knows only the errors it was shown: at 50 rows, a class of five and balanced accuracy, the
bootstrap's 95 % bound lies above the truth in 14 of 100 cases, and without errors it has no width at
all. Clopper and Pearson's bound is the quantile of a share whose counts have one error more than was
seen. Here the same is done with the whole matrix: one error more, most of it in the rarest classes,
and the matrix drawn from the Dirichlet distribution of those counts (Rubin, Annals of Statistics 9,
1981). Measured over fourteen cases of 50 to 1,000 rows: above the truth in at most 5 of 100.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from registry.manifest import MetricRange
from releases.statistics.arrays import Floats
from releases.statistics.resampling import Additive
from releases.statistics.rows import Labels
from releases.statistics.sums import of_labels

DRAWS = 2000
"""As many as `bootstrap` resamples: both give quantiles of the same kind."""


@dataclass(frozen=True, slots=True)
class OneMoreError:
    """The metric's values, sorted, on matrices drawn with one more error than there was."""

    values: Floats

    def lower(self, confidence: float) -> float:
        """The one-sided lower bound."""
        return float(np.quantile(self.values, 1 - confidence))

    def upper(self, confidence: float) -> float:
        """The one-sided upper bound, for a loss."""
        return float(np.quantile(self.values, confidence))


def one_more_error(
    metric: MetricRange, rows: Labels, weight: Floats | None, units: int, rng: np.random.Generator
) -> OneMoreError:
    """units  how many independent units the rows are: the matrix is taken to hold so many counts."""
    classes = max(rows.classes, 2)
    cells = np.bincount(rows.target * classes + rows.predicted, weights=weight, minlength=classes**2)
    matrix = cells.reshape(classes, classes) * (units / cells.sum())
    true, predicted = np.nonzero(with_error := matrix + _error(matrix))
    occurring = Labels(true.astype(np.int64), predicted.astype(np.int64), classes, rows.positive)
    by_cell: Additive = of_labels(metric, occurring, np.ones(len(true)))
    drawn = rng.standard_gamma(with_error[true, predicted], size=(DRAWS, len(true)))
    values = by_cell.values(drawn)
    return OneMoreError(np.sort(values[np.isfinite(values)]))


def _error(matrix: Floats) -> Floats:
    """One count off the diagonal, shared by the true classes in inverse proportion to their size."""
    classes, sizes = len(matrix), matrix.sum(axis=1)
    shares = np.divide(1.0, sizes, out=np.zeros(classes), where=sizes > 0)
    shares /= shares.sum()
    elsewhere = (1 - np.eye(classes)) / (classes - 1)
    return np.asarray(elsewhere * shares[:, None])
