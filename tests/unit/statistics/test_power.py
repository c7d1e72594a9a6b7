from __future__ import annotations

from bisect import bisect_left

import pytest
from scipy.stats import binom

from releases.statistics.power import power
from releases.statistics.proportions import clopper_pearson
from tests.unit.statistics.examples import question


@pytest.mark.parametrize("rows", [200, 400, 1000])
def test_the_chance_to_pass_is_about_what_the_binomial_says(rows):
    right = int(0.93 * rows)
    asked = question("accuracy", range=(0.9, 1.0))
    least = bisect_left(range(rows + 1), 0.9, key=lambda count: clopper_pearson(count, rows)[0])

    found = power(asked, right / rows, *clopper_pearson(right, rows), rows)

    assert found.passing == pytest.approx(binom.sf(least - 1, rows, right / rows), abs=0.12)


def test_with_that_many_rows_eight_in_ten_pass():
    found = power(question("accuracy", range=(0.9, 1.0)), 0.93, *clopper_pearson(186, 200), 200)
    least = bisect_left(
        range(found.rows_needed + 1), 0.9, key=lambda c: clopper_pearson(c, found.rows_needed)[0]
    )

    assert binom.sf(least - 1, found.rows_needed, 0.93) == pytest.approx(0.8, abs=0.1)


def test_a_loss_is_looked_at_from_above():
    asked = question("mae", range=(0.0, 2.0))

    assert power(asked, 1.0, 0.9, 1.1, 100).passing > 0.99
    assert power(asked, 1.99, 1.9, 2.1, 100).passing < 0.1
    assert power(asked, 2.5, 2.4, 2.6, 100).rows_needed is None


def test_without_width_there_is_nothing_to_say():
    assert power(question("mae", range=(0.0, 2.0)), 0.0, 0.0, 0.0, 100) is None
