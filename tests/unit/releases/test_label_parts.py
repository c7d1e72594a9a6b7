"""How one tensor of a case is drawn: by what the signature says of it."""

from __future__ import annotations

import numpy as np

from releases.web.labelling import part


def test_a_row_of_features_whose_sides_are_told_is_an_image():
    row = np.zeros((1, 64), np.float32)
    row[0, 9], row[0, 63] = 16, 8
    drawn = part("pixels", row, {"description": "8x8 grey image", "range": [0, 16]}, {})
    assert (drawn.width, drawn.height) == (8, 8)
    assert [(dot.x, dot.y, dot.ink) for dot in drawn.dots] == [(1, 1, "1.00"), (7, 7, "0.50")]


def test_two_axes_are_an_image_and_three_with_colours_too():
    assert part("a", np.ones((1, 28, 20), np.float32), {}, {}).width == 20
    assert part("a", np.ones((1, 3, 28, 20), np.float32), {}, {}).height == 28
    assert part("a", np.ones((1, 28, 20, 3), np.uint8), {}, {}).height == 28
    assert part("a", np.full((1, 8, 8), np.nan, np.float32), {}, {}).dots == []


def test_what_is_larger_than_can_be_drawn_or_has_other_sides_is_told_as_values():
    large = part("a", np.ones((1, 65, 65), np.float32), {}, {})
    assert (large.width, len(large.rows), large.more) == (0, 256, 65 * 65 - 256)
    table = part("a", np.ones((1, 2, 3), np.float32), {}, {})
    assert (table.width, len(table.rows)) == (0, 6)
    assert part("a", np.ones((1, 2, 3), np.float32), {"description": "image"}, {}).width == 3
    assert part("a", np.ones((1, 63)), {"description": "8x8 image"}, {}).width == 0


def test_a_text_is_a_text_and_values_have_the_names_of_their_features():
    assert part("t", np.array(["a long story"], object), {}, {}).text == "a long story"
    named = part("x", np.array([[1.5, 2]], np.float32), {}, {"features": ["age", "income"]})
    assert named.rows == [("age", "1.5"), ("income", "2")]
    assert part("y", np.array([7], np.int64), {}, {}).rows == [("", "7")]
