"""Where a metric or its interval means little, and what is said then."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array

from releases.statistics import arrays, bootstrap
from releases.statistics.arrays import Ragged, entry
from releases.statistics.bootstrap import Bca, Jackknife, bca, regrouped
from releases.statistics.coding import distinct
from releases.statistics.comparison import compare
from releases.statistics.estimates import Worth, estimate
from releases.statistics.judging import judged
from releases.statistics.resampling import Additive
from releases.statistics.rows import Unmeasurable
from tests.unit.statistics.examples import question

RNG = np.random.default_rng(1)


def test_rows_of_different_ranks_are_no_rows_of_one_tensor():
    with pytest.raises(ValueError, match="differ in rank"):
        Ragged.of([np.zeros(3), np.zeros((3, 1))])


def test_a_metric_that_means_nothing_on_any_resample_has_its_value_for_an_interval():
    nowhere = Additive(csr_array(np.ones((5, 1))), lambda sums: np.full(len(sums), np.nan))
    found = bca(nowhere, 0.25, RNG)

    assert isinstance(found, Bca)
    assert found.bounds(0.95) == (0.25, 0.25)
    assert found.is_degenerate


def test_the_jackknife_gives_the_variance_of_its_error():
    assert Jackknife(0.5, 0.2, 100).variance == pytest.approx(0.04)


def test_only_metrics_over_units_are_put_into_blocks():
    class Foreign:
        units = 3

        def values(self, counts):
            return counts.sum(axis=1)

        def without_each(self):
            return np.zeros(3)

    with pytest.raises(TypeError, match="Foreign"):
        regrouped(Foreign(), np.zeros(3, np.int64), 1)


@pytest.mark.parametrize("low", [0, 2**63 + 5], ids=["far apart", "beyond 63 bits"])
def test_many_labels_that_are_far_apart_or_large_are_sorted(low):
    kind = np.uint64 if low else np.int64
    labels = np.array([low, low + 1], kind).repeat(60_000)
    labels[-1] += np.array(100_000 if not low else 1, kind)

    assert distinct(labels).tolist() == sorted(set(labels.tolist()))


def test_versions_are_not_compared_on_rows_of_one_person():
    asked = question("accuracy")
    target = np.arange(12) % 2
    one, other = judged(asked, target, [target, 1 - target])
    with pytest.raises(Unmeasurable, match="all rows are one unit"):
        compare(asked, one, other, Worth.of(12, None, np.zeros(12)), RNG)


def test_no_error_in_a_loss_of_labels_is_no_proof_of_none():
    asked = question("hamming")
    target = np.arange(24) % 2
    (rows,) = judged(asked, target, [target])
    found = estimate(asked, rows, Worth.of(24, group=np.arange(24) // 2), RNG)

    low, high = found.bounds(0.95)
    assert (found.value, low) == (0, 0)
    assert 0 < high < 0.5


def test_places_that_are_all_alike_and_neither_right_nor_wrong_have_their_value_alone():
    asked = question("hamming")
    target = np.tile([0, 1], (9, 1))
    (rows,) = judged(asked, target, [np.zeros((9, 2), np.int64)])
    found = estimate(asked, rows, Worth.of(9), RNG)

    assert found.bounds(0.95) == (0.5, 0.5)


def test_a_block_of_rows_without_elements_adds_nothing_to_the_mean():
    asked = question("r2")
    rows = [np.array([]), np.array([1.0, 3.0])]
    (made,) = judged(asked, Ragged.of(rows), [Ragged.of(rows)])

    assert estimate(asked, made, Worth.of(2), RNG).value == 1


def test_a_positive_label_is_needed_where_there_are_several():
    asked = question("f1")
    with pytest.raises(Unmeasurable, match=r"needs metric\.positive: there are 3 labels"):
        judged(asked, np.array([0, 1, 2]), [np.array([0, 1, 2])])


def test_what_is_resampled_over_one_unit_has_no_acceleration():
    once = Additive(csr_array(np.ones((1, 1))), lambda sums: sums[:, 0])
    assert bootstrap.bca(once, 1.0, RNG).acceleration == 0.0


def test_a_class_without_a_prediction_has_found_nothing():
    target = np.array([[[0.0, 0, 10, 10, 1], [20, 20, 30, 30, 2]]] * 3)
    told = np.insert(target[:, :1], 4, 0.9, axis=2)
    (rows,) = judged(question("mean_average_precision"), target, [told])

    assert estimate(question("mean_average_precision"), rows, Worth.of(3), RNG).value == 0.5


def test_one_row_of_many_shapes_is_found_again():
    rows = [np.arange(6).reshape(2, 3), np.zeros((0, 3), np.int64), np.array([[7, 8, 9]])]
    together = Ragged.of(rows)

    assert entry(np.arange(4).reshape(2, 2), 1).tolist() == [2, 3]
    assert [entry(together, row).tolist() for row in range(3)] == [row.tolist() for row in rows]


def test_of_labels_that_are_all_nought_none_counts():
    asked = question("recall")
    (rows,) = judged(asked, np.zeros(4, np.int64), [np.zeros(4, np.int64)])

    assert rows.positive not in rows.target
    assert estimate(asked, rows, Worth.of(4), RNG).value == 0


def test_the_brier_score_of_one_class_is_its_own_error_squared():
    asked = question("brier", positive=1)
    (rows,) = judged(asked, np.array([0, 1]), [np.array([0.25, 0.5])])

    assert estimate(asked, rows, Worth.of(2), RNG).value == pytest.approx((0.25**2 + 0.5**2) / 2)


def test_an_own_metric_is_the_mean_of_what_it_says_of_each_row():
    asked = question("own")
    (rows,) = judged(asked, np.zeros(3), [np.array([1.0, 2.0, 6.0])])

    assert estimate(asked, rows, Worth.of(3), RNG).value == 3


def test_a_stretch_of_rows_whose_places_are_all_ignored_adds_nothing(monkeypatch):
    monkeypatch.setattr(arrays, "_AT_ONCE", 2)
    asked = question("mae", ignore=-1.0)
    target = np.array([[-1.0, -1.0], [1.0, 3.0], [5.0, -1.0]])
    (rows,) = judged(asked, target, [target + 1])

    assert estimate(asked, rows, Worth.of(3), RNG).value == 1


def test_two_versions_over_many_rows_are_compared_in_blocks():
    asked = question("f1_macro")
    target = np.arange(10_400) % 2
    wrong = np.where(np.arange(10_400) % 10 == 0, 1 - target, target)
    one, other = judged(asked, target, [target, wrong])

    assert compare(asked, one, other, Worth.of(10_400), RNG).method.endswith("blocks of rows")


def test_places_that_are_all_right_are_as_many_right_answers_as_there_are_rows():
    asked = question("hamming")
    target = np.tile([0, 1], (20, 1))
    (rows,) = judged(asked, target, [target])

    low, high = estimate(asked, rows, Worth.of(20), RNG).bounds(0.95)
    assert {low, high} & {0, 1}
    assert high - low == pytest.approx(1 - 0.05 ** (1 / 20))
