"""Detections: boxes with a class and a score, and which of them found a true box.

Mean over the classes of the area under the precision-recall curve, made monotone: PASCAL VOC 2010
onwards, at one overlap. Boxes are matched within an image as COCO does it: from the highest score down,
each with the free true box of its class that it overlaps most.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from formats.dtypes import Array
from registry.manifest import MetricRange
from registry.manifest.metrics import CENTRES, IOU, SIZES
from releases.statistics import arrays
from releases.statistics.arrays import Codes, Entries, Floats
from releases.statistics.ranks import Weighted, mean, thresholds
from releases.statistics.rows import Detections, Judgement, Truths, Unmeasurable

BOX = 4
"""Numbers of a box: two corners."""


class _Image(NamedTuple):
    """boxes as corners, shape (boxes, 4); classes and scores of each."""

    boxes: Floats
    classes: Floats
    scores: Floats


def judgement(metric: MetricRange, target: Entries, predictions: Sequence[Entries]) -> Judgement:
    """Raises Unmeasurable."""
    truths = [_true(metric, row) for row in arrays.each(target)]
    classes = np.unique(np.concatenate([image.classes for image in truths]))
    if not classes.size:
        raise Unmeasurable("no row of the target has a box")
    return Judgement([_found(metric, truths, prediction, classes) for prediction in predictions], ())


def _true(metric: MetricRange, row: Array) -> _Image:
    """Boxes of a class below 0 only fill the row up."""
    values = row.reshape(-1, row.shape[-1]).astype(np.float64)
    if values.shape[1] == BOX:
        values = np.concatenate([values, np.zeros((len(values), 1))], axis=1)
    values = values[values[:, BOX] >= 0]
    return _Image(_corners(metric, values), values[:, BOX], np.ones(len(values)))


def _told(metric: MetricRange, row: Array) -> _Image:
    if row.ndim < 2 or row.shape[-1] not in (BOX + 1, BOX + 2):
        raise Unmeasurable(
            f"a row of the output has shape {list(row.shape)}: it needs boxes with a score, and their class"
        )
    values = row.reshape(-1, row.shape[-1]).astype(np.float64)
    classes = values[:, BOX + 1] if values.shape[1] > BOX + 1 else np.zeros(len(values))
    return _Image(_corners(metric, values), classes, values[:, BOX])


def _corners(metric: MetricRange, values: Floats) -> Floats:
    boxes = values[:, :BOX]
    if metric.boxes == SIZES:
        return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)
    if metric.boxes == CENTRES:
        return np.concatenate([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2], axis=1)
    return boxes


def _found(metric: MetricRange, truths: Sequence[_Image], told: Entries, classes: Floats) -> Detections:
    counts = np.zeros((len(truths), len(classes)))
    parts: list[tuple[Floats, Truths, Codes, Codes]] = []
    least = IOU if metric.iou is None else metric.iou
    for row, (true, prediction) in enumerate(zip(truths, arrays.each(told), strict=True)):
        image = _told(metric, prediction)
        np.add.at(counts[row], np.searchsorted(classes, true.classes), 1)
        known = np.flatnonzero(np.isin(image.classes, classes))
        right = _right(_Image(*(column[known] for column in image)), true, least)
        codes = np.searchsorted(classes, image.classes[known])
        parts.append((image.scores[known], right, codes, np.full(len(known), row)))
    scores, right, codes, rows = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Detections(scores, right, codes, rows, counts)


def _right(told: _Image, true: _Image, least: float) -> Truths:
    """Which detections found a true box that none with a higher score has taken."""
    right = np.zeros(len(told.scores), np.bool_)
    if not len(told.boxes) or not len(true.boxes):
        return right
    overlaps = overlap(told.boxes, true.boxes)
    overlaps[told.classes[:, None] != true.classes] = -1
    for place in np.argsort(-told.scores, kind="stable"):
        best = int(overlaps[place].argmax())
        if overlaps[place, best] >= max(least, 1e-12):
            right[place] = True
            overlaps[:, best] = -1
    return right


def overlap(one: Floats, other: Floats) -> Floats:
    """Intersection over union of each box with each other one, corners in x, y, x, y."""
    low = np.maximum(one[:, None, :2], other[None, :, :2])
    high = np.minimum(one[:, None, 2:], other[None, :, 2:])
    both = np.maximum(high - low, 0).prod(axis=2)
    areas = [np.maximum(boxes[:, 2:] - boxes[:, :2], 0).prod(axis=1) for boxes in (one, other)]
    either = areas[0][:, None] + areas[1][None] - both
    return np.asarray(np.divide(both, either, out=np.zeros_like(both), where=either > 0))


def weighted(rows: Detections) -> Weighted:
    """The metric by the rows' weights: the mean over the classes that the resample has."""
    return mean([_of_class(rows, code) for code in range(rows.truths.shape[1])])


def _of_class(rows: Detections, code: int) -> Weighted:
    own = np.flatnonzero(rows.classes == code)
    order, ends = thresholds(rows.scores[own])
    right, images, truths = rows.right[own][order], rows.rows[own][order], rows.truths[:, code]

    def area(weight: Floats) -> float:
        total = float(truths @ weight)
        if not total or not len(own):
            return 0.0 if total else np.nan
        each = weight[images]
        found, taken = np.cumsum(each * right)[ends], np.cumsum(each)[ends]
        precision = np.divide(found, taken, out=np.zeros_like(found), where=taken > 0)
        envelope = np.maximum.accumulate(precision[::-1])[::-1]
        return float((np.diff(found, prepend=0.0) * envelope).sum() / total)

    return area
