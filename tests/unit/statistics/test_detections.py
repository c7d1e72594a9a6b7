"""Boxes: mean average precision beside a slow computation that says each step in plain words."""

from __future__ import annotations

import numpy as np
import pytest

from releases.statistics.arrays import Ragged
from releases.statistics.comparison import compare
from releases.statistics.estimates import Worth, estimate, measured, statistic
from releases.statistics.judging import judged
from releases.statistics.rows import Unmeasurable
from releases.statistics.slices import sliced
from tests.unit.statistics.examples import question

NAME = "mean_average_precision"


def scene(rng, images=25, classes=3, noise=1.5):
    """(target, predictions): boxes of some classes; predictions are moved, doubled, missed and made up."""
    truths, told = [], []
    for _ in range(images):
        count = int(rng.integers(0, 6))
        corner, size = rng.uniform(0, 80, (count, 2)), rng.uniform(5, 20, (count, 2))
        labels = rng.integers(0, classes, count)
        truths.append(np.column_stack([corner, corner + size, labels]))
        seen = np.flatnonzero(rng.random(count) < 0.8)
        seen = np.concatenate([seen, seen[rng.random(len(seen)) < 0.3]])
        boxes = truths[-1][seen, :4] + rng.normal(0, noise, (len(seen), 4))
        wrong = np.column_stack([rng.uniform(0, 80, (2, 2))] * 2) + np.array([0, 0, 10, 10])
        scores = np.round(rng.random(len(seen) + 2), 2)
        kinds = np.concatenate([labels[seen], rng.integers(0, classes + 1, 2)])
        told.append(np.column_stack([np.concatenate([boxes, wrong]), scores, kinds]).astype(np.float32))
    return Ragged.of(truths), Ragged.of(told)


def iou(one, other):
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return width * height / (sum(areas) - width * height)


def slowly(truths, told, weights, least):
    """Mean over classes; for each threshold anew: who is right, and the best precision from there."""
    found = []
    for label in sorted({box[4] for image in truths for box in image}):
        marked, total = [], 0.0
        for image, boxes, weight in zip(truths, told, weights, strict=True):
            free = [box for box in image if box[4] == label]
            total += weight * len(free)
            for box in sorted((box for box in boxes if box[5] == label), key=lambda box: -box[4]):
                best = max(free, key=lambda true: iou(box, true), default=None)
                hit = best is not None and iou(box, best) >= least
                if hit:
                    free = [true for true in free if true is not best]
                marked.append((box[4], hit, weight))
        points = [
            (
                sum(w for score, hit, w in marked if hit and score >= cut) / total,
                sum(w for score, hit, w in marked if hit and score >= cut)
                / (sum(w for score, _, w in marked if score >= cut) or 1),
            )
            for cut in sorted({score for score, _, _ in marked}, reverse=True)
        ]
        area, before = 0.0, 0.0
        for place, (recall, _) in enumerate(points):
            area += (recall - before) * max(precision for _, precision in points[place:])
            before = recall
        found.append(area)
    return float(np.mean(found))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("least", [0.3, 0.5, 0.75])
def test_mean_average_precision_is_what_it_says(seed, least):
    rng = np.random.default_rng(seed)
    target, told = scene(rng)
    weight = rng.integers(1, 4, 25).astype(float)
    asked = question(NAME, iou=least)
    (rows,) = judged(asked, target, [told])

    found = measured(asked, rows, Worth.of(25, weight))

    assert found == pytest.approx(slowly(list(target.rows()), list(told.rows()), weight, least))
    assert 0 < found < 1


def test_images_are_the_units_that_are_resampled():
    rng = np.random.default_rng(7)
    target, told = scene(rng)
    asked = question(NAME)
    (rows,) = judged(asked, target, [told])
    counts = rng.integers(0, 3, size=(4, 25)).astype(float)

    found = statistic(asked, rows, Worth.of(25)).values(counts)

    expected = [slowly(list(target.rows()), list(told.rows()), each, 0.5) for each in counts]
    assert found == pytest.approx(expected)
    half = np.arange(0, 25, 2)
    alone = slowly(
        [list(target.rows())[i] for i in half], [list(told.rows())[i] for i in half], half * 0 + 1, 0.5
    )
    assert measured(asked, rows.take(half), Worth.of(13)) == pytest.approx(alone)


def test_detections_have_bounds_groups_slices_and_a_rival():
    rng = np.random.default_rng(8)
    target, told = scene(rng, images=60, noise=1.0)
    worse = Ragged(
        told.values + rng.normal(0, 6, told.values.shape) * (np.arange(told.values.size) % 6 < 4), told.shapes
    )
    asked = question(NAME, range=(0.95, 1.0))
    ours, theirs = judged(asked, target, [told, worse])
    worth = Worth.of(60, group=np.arange(60) // 3)

    found = estimate(asked, ours, worth, rng)

    low, high = found.bounds(0.95)
    assert (found.units, found.method) == (20, "BCa bootstrap, 200 resamples of groups")
    assert low < found.value < high
    assert compare(asked, ours, theirs, worth, rng).decision(0.0) == "better"
    parts = sliced(asked, ours, Worth.of(60), {"half": np.arange(60) % 2}, rng)
    assert [part.rows for part in parts] == [30, 30]
    assert any(part.outside for part in parts)


def test_nothing_missed_is_no_proof_that_nothing_ever_is():
    target = np.tile([[0.0, 0, 10, 10, 1], [20, 20, 30, 30, 2]], (20, 1, 1))
    told = np.insert(target, 4, 0.9, axis=2)
    (rows,) = judged(question(NAME), target, [told])

    low, high = estimate(question(NAME), rows, Worth.of(20), np.random.default_rng(0)).bounds(0.95)

    assert (high, low) == (1, pytest.approx(0.05 ** (1 / 20)))


def test_boxes_are_written_in_three_ways_and_rows_may_be_filled_up():
    corners = np.array([[[10.0, 20, 30, 60, 1], [0, 0, 0, 0, -1]]] * 3)
    sizes, centres = corners.copy(), corners.copy()
    sizes[..., 2:4] -= corners[..., :2]
    centres[..., :2] = (corners[..., :2] + corners[..., 2:4]) / 2
    centres[..., 2:4] = sizes[..., 2:4]

    for boxes, target in (("xyxy", corners), ("xywh", sizes), ("cxcywh", centres)):
        told = np.insert(target[:, :1], 4, 0.5, axis=2)
        (rows,) = judged(question(NAME, boxes=boxes), target, [told])
        assert measured(question(NAME), rows, Worth.of(3)) == 1


def test_one_class_needs_no_class():
    target, told = (np.tile(box, (2, 1, 1)) for box in ([0.0, 0, 10, 10], [0, 0, 10, 10, 0.7]))
    (rows,) = judged(question(NAME), target, [told])
    assert measured(question(NAME), rows, Worth.of(2)) == 1


def test_what_is_no_detection_is_told_in_a_sentence():
    with pytest.raises(Unmeasurable, match="boxes with a score"):
        judged(question(NAME), np.zeros((2, 1, 5)), [np.zeros((2, 1, 4))])
    with pytest.raises(Unmeasurable, match="no row of the target has a box"):
        judged(question(NAME), np.zeros((2, 0, 5)), [np.zeros((2, 1, 6))])
