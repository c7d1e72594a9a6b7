"""Rows to be judged, in the form that a metric needs: label codes, probabilities, numbers, or sums."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from formats.dtypes import Array
from releases.statistics.arrays import Codes, Floats
from releases.statistics.resampling import Additive

Truths = NDArray[np.bool_]


class Unmeasurable(ValueError):
    """Why a metric cannot be computed from these rows, as one sentence about them."""


@dataclass(frozen=True, slots=True)
class Labels:
    """True and predicted labels as codes 0..classes-1. `positive` is the code that counts, or None."""

    target: Codes
    predicted: Codes
    classes: int
    positive: int | None = None

    def take(self, index: Array) -> Labels:
        return Labels(self.target[index], self.predicted[index], self.classes, self.positive)


@dataclass(frozen=True, slots=True)
class Scores:
    """True classes as codes, and one column of scores per class. `positive` as in Labels."""

    target: Codes
    scores: Floats
    positive: int | None = None

    def take(self, index: Array) -> Scores:
        return Scores(self.target[index], self.scores[index], self.positive)

    @property
    def classes(self) -> int:
        return int(self.scores.shape[1])


@dataclass(frozen=True, slots=True)
class Numbers:
    """True and predicted numbers, both of shape (N, outputs).

    centre  near which the targets lie, shape (outputs,): sums of squares are taken around it.
    """

    target: Floats
    predicted: Floats
    centre: Floats

    def take(self, index: Array) -> Numbers:
        return Numbers(self.target[index], self.predicted[index], self.centre)


@dataclass(frozen=True, slots=True)
class SeveralScores:
    """Several yes-or-no labels per row, and a score for each; both of shape (N, labels)."""

    target: Truths
    scores: Floats

    def take(self, index: Array) -> SeveralScores:
        return SeveralScores(self.target[index], self.scores[index])


@dataclass(frozen=True, slots=True)
class Places:
    """Rows of many places, for a metric that needs all of them at once.

    each   the places one after the other, as if they were rows.
    codes  the row of each place.
    """

    each: Scores | Numbers
    codes: Codes
    rows: int

    def take(self, index: Array) -> Places:
        """index  rows in their order, none twice."""
        now = np.full(self.rows, -1, np.int64)
        now[index] = np.arange(len(index))
        codes = now[self.codes]
        kept = np.flatnonzero(codes >= 0)
        return Places(self.each.take(kept), codes[kept], len(index))


@dataclass(frozen=True, slots=True)
class Detections:
    """What was detected, one after the other.

    scores, right, classes, rows   of each detection: right where it found a true box; the row that it is of.
    truths                         how many true boxes each row has of each class, shape (N, classes).
    """

    scores: Floats
    right: Truths
    classes: Codes
    rows: Codes
    truths: Floats

    def take(self, index: Array) -> Detections:
        """index  rows in their order, none twice."""
        now = np.full(len(self.truths), -1, np.int64)
        now[index] = np.arange(len(index))
        rows = now[self.rows]
        kept = np.flatnonzero(rows >= 0)
        columns = (self.scores[kept], self.right[kept], self.classes[kept], rows[kept])
        return Detections(*columns, self.truths[index])


Plain = Labels | Scores | Numbers
"""One value per row: what scikit-learn computes and exact methods bound."""
Judged = Plain | SeveralScores | Places | Detections | Additive


class Judgement(NamedTuple):
    """The rows once per predictor, and in sentences what was taken for granted about them."""

    rows: list[Judged]
    assumed: tuple[str, ...]


def count(rows: Judged) -> int:
    match rows:
        case Additive():
            return rows.units
        case Places():
            return rows.rows
        case Detections():
            return len(rows.truths)
        case _:
            return len(rows.target)
