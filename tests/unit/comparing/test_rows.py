"""The rows on which two versions answer differently: which they are, in which order, and page by page."""

from __future__ import annotations

import math

import numpy as np
import pytest

from releases.comparing import rows as comparing
from releases.comparing.rows import Cursor, Only, Order, Pair, each, matched, page
from tests.unit.comparing import tables


def pair(folder, truth, base, head, **about):
    judged = truth if about.pop("judged", True) else None
    return Pair(
        tables.rows(folder / "rows", truth),
        tables.answers(folder / "head", head, judged, **about),
        tables.answers(folder / "base", base, judged, **about),
    )


def numbers(found):
    return [row.row for row in found.rows]


def test_labels_differ_where_they_are_not_equal(tmp_path):
    found = page(pair(tmp_path, [1, 1, 0, 0, 2], base=[1, 0, 0, 1, 1], head=[1, 1, 1, 0, 0]))
    assert numbers(found) == [1, 2, 3, 4]
    assert (found.compared, dict(found.counts)) == (
        5,
        {Only.CHANGED: 4, Only.HEAD_RIGHT: 2, Only.BASE_RIGHT: 1},
    )
    row = found.rows[0]
    assert (row.base, row.head, row.truth, row.base_right, row.head_right) == ([0], [1], [1], False, True)
    assert (row.inputs, row.change) == ({"x": [1.0]}, 1.0)


@pytest.mark.parametrize(("only", "wanted"), [(Only.HEAD_RIGHT, [1, 3]), (Only.BASE_RIGHT, [2])])
def test_rows_that_one_alone_gets_right_are_exactly_those(tmp_path, only, wanted):
    both = pair(tmp_path, [1, 1, 0, 0, 2], base=[1, 0, 0, 1, 1], head=[1, 1, 1, 0, 0])
    assert numbers(page(both, only)) == wanted == [row.row for row in each(both, only)]


def test_amounts_are_ordered_by_how_far_they_are_apart(tmp_path):
    base, head = [1.0, 2.0, 3.0, 4.0, math.nan, 6.0], [1.0, 2.5, 1.0, 4.0000001, math.nan, math.nan]
    both = pair(tmp_path, np.zeros(6), base, head, judged=False, graded=True)
    assert numbers(page(both)) == [5, 2, 1]
    assert [row.change for row in page(both).rows] == [math.inf, 2.0, 0.5]
    assert numbers(page(both, order=Order.SMALLEST)) == [1, 2, 5]
    assert numbers(page(both, order=Order.ROW)) == [1, 2, 5]
    assert not page(both).judged


def test_whole_numbers_that_are_amounts_are_measured_too(tmp_path):
    both = pair(tmp_path, [0, 0], [10, 10], [17, 11], judged=False, graded=True)
    assert [row.change for row in page(both).rows] == [7.0, 1.0]


def test_a_row_of_several_values_differs_by_its_largest_and_several_labels_by_their_share(tmp_path):
    amounts = pair(tmp_path, [0], [[0.1, 0.9]], [[0.4, 0.6]], judged=False, graded=True)
    assert page(amounts).rows[0].change == pytest.approx(0.3)
    labels = pair(tmp_path, [0], [[1, 2, 3, 4]], [[1, 2, 3, 5]], judged=False)
    assert page(labels).rows[0].change == 0.25


def test_texts_are_compared_as_wholes(tmp_path):
    found = page(pair(tmp_path, ["a", "b"], base=["a", "c"], head=["a", "b"]))
    assert [(row.row, row.base, row.head, row.truth) for row in found.rows] == [(1, ["c"], ["b"], ["b"])]


def test_answers_of_another_kind_or_shape_differ_in_every_row(tmp_path):
    kinds = pair(tmp_path, [0, 0], base=["0", "0"], head=[0, 0], judged=False)
    shapes = pair(tmp_path, [0, 0], base=[[0], [0]], head=[[0, 0], [0, 0]], judged=False)
    for both in (kinds, shapes):
        assert [row.change for row in page(both).rows] == [math.inf, math.inf]


def test_rows_of_their_own_shapes_are_compared_one_by_one(tmp_path):
    base = [np.zeros((n, 2)) for n in (1, 2, 3)]
    head = [np.zeros((1, 2)), np.zeros((1, 2)), np.full((3, 2), 0.5)]
    found = page(pair(tmp_path, [0, 0, 0], base, head, judged=False, graded=True))
    assert [(row.row, row.change) for row in found.rows] == [(1, math.inf), (2, 0.5)]


def test_right_and_wrong_within_the_tolerance_are_a_difference_too(tmp_path):
    both = pair(tmp_path, [0.5, 0.5], base=[0.5, 0.5], head=[0.5000001, 0.5])
    found = page(both)
    assert [(row.row, row.change) for row in found.rows] == [(0, 0.0)]
    assert found.counts[Only.BASE_RIGHT] == 1


@pytest.mark.parametrize("order", Order)
@pytest.mark.parametrize("block", [3, 7, 1 << 16])
def test_pages_one_after_the_other_are_all_rows_in_their_order(tmp_path, monkeypatch, order, block):
    monkeypatch.setattr(comparing, "BLOCK", block)
    rng = np.random.default_rng(5)
    base = rng.integers(0, 4, 200).astype(float)
    head = rng.integers(0, 4, 200).astype(float)
    both = pair(tmp_path, np.zeros(200), base, head, judged=False, graded=True)
    far = np.abs(head - base)
    sign = {Order.LARGEST: -1, Order.SMALLEST: 1, Order.ROW: 0}[order]
    wanted = sorted(np.flatnonzero(far).tolist(), key=lambda row: (sign * far[row], row))
    pages, at = [], None
    while True:
        found = page(both, order=order, at=at, most=17)
        pages.append(numbers(found))
        if found.next is None:
            break
        at = Cursor.parse(str(found.next))
    assert [row for part in pages for row in part] == wanted
    back = [numbers(found)]
    while found.previous is not None:
        found = page(both, order=order, at=Cursor.parse(str(found.previous)), most=17)
        back.append(numbers(found))
    assert back == pages[::-1]
    assert numbers(page(both, order=order, at=found.next, most=17)) == pages[1]
    monkeypatch.setattr(comparing, "BATCH", 7)
    assert [row.row for row in each(both, order=order)] == wanted


def test_a_cursor_that_is_none_is_not_taken():
    assert all(Cursor.parse(text) is None for text in ("", "x", "0x1p+0", "_", "0x1p+0_x", "1_2_3"))
    assert Cursor.parse(str(Cursor(-0.1, 7))) == Cursor(-0.1, 7)
    assert Cursor.parse(str(Cursor(0.5, 7, back=True))) == Cursor(0.5, 7, back=True)
    assert Cursor.parse(str(Cursor(-math.inf, 0))) == Cursor(-math.inf, 0)


def test_rows_of_two_sets_are_matched_by_what_they_hold(tmp_path):
    head_rows = tables.rows(tmp_path / "a", [0, 1, 0, 1], digest=[40, 10, 30, 20])
    base_rows = tables.rows(tmp_path / "b", [1, 0, 1], digest=[10, 40, 99])
    head = tables.answers(tmp_path / "c", [0, 1, 0, 1], [0, 1, 0, 1])
    base = tables.answers(tmp_path / "d", [0, 0, 1], [1, 0, 1])
    both = matched(head_rows, base_rows, head, base)
    found = page(both)
    assert both.at_head is not None
    assert found.compared == 2
    assert [(row.row, row.base_row) for row in found.rows] == [(1, 0)]


def test_a_page_of_a_million_rows_holds_no_more_than_a_block_and_a_page(tmp_path):
    rows = 1_000_000
    truth = np.zeros(rows, np.int8)
    head = np.zeros(rows, np.int8)
    head[::1000] = 1
    both = pair(tmp_path, truth, truth, head)
    found = page(both, most=50)
    assert found.counts[Only.CHANGED] == 1000
    assert numbers(found) == list(range(0, 50_000, 1000))
