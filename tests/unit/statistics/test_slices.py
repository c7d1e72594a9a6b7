from __future__ import annotations

import numpy as np

from releases.statistics.estimates import Worth
from releases.statistics.judging import judged
from releases.statistics.slices import sliced
from tests.unit.statistics.examples import question


def parts(name, target, predictions, columns, **changes):
    asked = question(name, **changes)
    (rows,) = judged(asked, target, [predictions])
    return sliced(asked, rows, Worth.of(len(target)), columns, np.random.default_rng(0))


def test_a_part_that_is_far_below_the_range_is_found():
    rng = np.random.default_rng(1)
    target = rng.integers(0, 2, 1000)
    region = np.array(list("abcde"))[np.arange(1000) % 5]
    right = rng.random(1000) < np.where(region == "c", 0.5, 0.95)

    found = parts(
        "accuracy", target, np.where(right, target, 1 - target), {"region": region}, range=(0.9, 1.0)
    )

    assert [(part.name, part.label, part.rows) for part in found][:2] == [
        ("region", "a", 200),
        ("region", "b", 200),
    ]
    assert [part.label for part in found if part.outside] == ["c"]


def test_many_parts_are_not_held_against_a_version_one_by_one():
    """Fifty parts, each at the bar: alone, 5 of 100 would be found outside it."""
    rng = np.random.default_rng(2)
    alarms = 0
    for _ in range(12):
        right = rng.random(2000) < 0.9
        part = np.arange(2000) % 50
        found = parts("accuracy", np.ones(2000, int), right.astype(int), {"p": part}, range=(0.9, 1.0))
        alarms += any(each.outside for each in found)

    assert alarms <= 2


def test_losses_are_outside_above_the_range():
    target = np.zeros(400)
    errors = np.where(np.arange(400) < 200, 1.0, 3.0) + np.linspace(0, 0.1, 400)

    found = parts("mae", target, errors, {"half": np.arange(400) < 200}, range=(0.0, 2.0))

    assert [(part.label, part.outside) for part in found] == [("False", True), ("True", False)]


def test_where_the_metric_means_nothing_there_is_no_figure():
    target = np.arange(40) % 2
    region = np.where(np.arange(40) < 20, "both", np.where(target == 1, "ones", "few"))
    region[25:] = "ones"

    found = parts("roc_auc", np.where(region == "ones", 1, target), np.linspace(0, 1, 40), {"region": region})

    by_label = {part.label: part.estimate for part in found}
    assert by_label["both"] is not None
    assert by_label["ones"] is None


def test_only_the_largest_parts_are_looked_at():
    column = np.concatenate([np.zeros(50, int), np.arange(1, 300)])

    found = parts("accuracy", np.ones(349, int), np.ones(349, int), {"id": column})

    assert len(found) == 100
    assert max(part.rows for part in found) == 50
