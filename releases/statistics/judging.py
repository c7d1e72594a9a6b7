"""From a target and predictions of any rank to rows that a metric can judge."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from formats.dtypes import Array
from registry.manifest import METRICS, Kind, MetricRange
from registry.manifest.fitting import Misfit
from releases.statistics import arrays, detections, labels, numbers, scores
from releases.statistics.arrays import Entries, Ragged
from releases.statistics.rows import Judged, Judgement, Unmeasurable


def judged(metric: MetricRange, target: Entries, predictions: Sequence[Entries]) -> list[Judged]:
    """The rows once per predictor; several share one coding of the labels, so that they can be compared.

    target       one entry per row, of any rank.
    predictions  each with entries of the target's shape; for probabilities with one axis more, the classes'.
                 Axes of length 1 count for nothing.

    Raises Unmeasurable with a sentence.
    """
    return judgement(metric, target, predictions).rows


def judgement(metric: MetricRange, target: Entries, predictions: Sequence[Entries]) -> Judgement:
    """The same, with what was taken for granted because the manifest does not say it."""
    for prediction in predictions:
        if len(prediction) != len(target):
            raise Unmeasurable(f"there are {len(prediction)} predictions for {len(target)} targets")
        _finite(prediction, "the output")
    _finite(target, "the target")
    try:
        return _WAYS[METRICS[metric.name].kind](metric, target, predictions)
    except Misfit as reason:
        raise Unmeasurable(str(reason)) from reason


_WAYS: Mapping[Kind, Callable[[MetricRange, Entries, Sequence[Entries]], Judgement]] = {
    Kind.LABEL: labels.judgement,
    Kind.PROBABILITY: scores.judgement,
    Kind.REGRESSION: numbers.judgement,
    Kind.DETECTION: detections.judgement,
    Kind.OWN: numbers.as_they_are,
}


def _finite(entries: Entries, words: str) -> None:
    if arrays.dtype(entries).kind != "f":
        return
    rows, first = 0, 0
    for start, stop in arrays.blocks(arrays.sizes(entries)):
        bad = ~np.isfinite(arrays.flat(entries, start, stop))
        if bad.any():
            found = np.unique(_rows(entries, start, stop)[bad])
            first = first if rows else int(found[0])
            rows += len(found)
    if rows:
        raise Unmeasurable(f"{words} is not a finite number in {rows} rows; the first is row {first}")


def _rows(entries: Ragged | Array, start: int, stop: int) -> arrays.Codes:
    """The row of each element."""
    return np.repeat(np.arange(start, stop), arrays.sizes(entries)[start:stop])
