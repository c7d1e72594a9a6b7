"""Rows for the metrics of numbers: one or several outputs, or as many places as an image or a series has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from formats.dtypes import Array
from registry.manifest import MetricRange
from registry.manifest.fitting import ORDERED, squeezed
from releases.statistics import arrays, places, sums
from releases.statistics.arrays import Entries, Floats, Ragged
from releases.statistics.places import Block
from releases.statistics.resampling import Additive
from releases.statistics.rows import Judged, Judgement, Numbers, Places, Unmeasurable

OF_SPREAD = frozenset({"r2", "d2_absolute"})


def judgement(metric: MetricRange, target: Entries, predictions: Sequence[Entries]) -> Judgement:
    """Raises Unmeasurable."""
    for entries in (target, *predictions):
        if arrays.dtype(entries).kind not in "biuf":
            raise Unmeasurable("the target and the output must be numbers")
    places.same_places(metric, target, predictions)
    return Judgement([_numbers(metric, target, prediction) for prediction in predictions], ())


def _numbers(metric: MetricRange, target: Entries, prediction: Entries) -> Judged:
    """Outputs of one axis are averaged as scikit-learn does; more axes are places, all judged alike."""
    several = len(squeezed(arrays.row_shape(target))) > 1 or isinstance(target, Ragged)
    if several or metric.ignore is not None:
        return _of_places(metric, target, prediction)
    rows = len(target)
    truth, told = (arrays.flat(each, 0, rows).reshape(rows, -1) for each in (target, prediction))
    return _columns(truth, told, truth.astype(np.float64).mean(axis=0))


def _columns(target: Array, predicted: Array, centre: Floats) -> Numbers:
    return Numbers(target.astype(np.float64), predicted.astype(np.float64), centre)


def _of_places(metric: MetricRange, target: Entries, prediction: Entries) -> Places | Additive:
    centre = _centre(metric, target, prediction)

    def made() -> Iterator[tuple[Block, Numbers]]:
        for block in places.blocks(metric, target, prediction):
            yield block, _columns(block.target[:, None], block.predicted[:, None], centre)

    if metric.name in ORDERED:
        return places.together(len(target), made(), _joined)
    made_sums = sums.OF_NUMBERS[metric.name]
    return places.summed(
        (block, made_sums(metric, each, np.ones(len(each.target)))) for block, each in made()
    )


def _centre(metric: MetricRange, target: Entries, prediction: Entries) -> Floats:
    """The targets' mean. Raises Unmeasurable where a share of their spread is asked and there is none."""
    total, number, low, high = 0.0, 0, np.inf, -np.inf
    for block in places.blocks(metric, target, prediction):
        if not block.target.size:
            continue
        total, number = total + float(block.target.sum(dtype=np.float64)), number + block.target.size
        low, high = min(low, float(block.target.min())), max(high, float(block.target.max()))
    if metric.name in OF_SPREAD and low >= high:
        raise Unmeasurable(f"{metric.name} means nothing on these rows: the target has no spread")
    return np.array([total / max(number, 1)])


def _joined(parts: Sequence[Numbers]) -> Numbers:
    target = np.concatenate([part.target for part in parts])
    return Numbers(target, np.concatenate([part.predicted for part in parts]), parts[0].centre)


def as_they_are(metric: MetricRange, target: Entries, predictions: Sequence[Entries]) -> Judgement:
    """What the version's own metric says of each row; the metric is their mean. Raises Unmeasurable."""
    rows = len(target)
    values = [arrays.flat(each, 0, rows).astype(np.float64) for each in predictions]
    return Judgement([sums.mean_of(each[:, None], np.ones(rows)) for each in values], ())
