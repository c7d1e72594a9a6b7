"""The metric over versions: every mark inside the drawing, every version told in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from registry.charts.trend import Step, trend_chart

ONE = Step("1", 0.957, 0.944, 0.968, 0.93, 1.0, claimed=0.966, note="superseded")


def chart(*steps):
    return trend_chart("accuracy", steps)


def test_a_version_says_its_value_its_interval_its_claim_and_what_became_of_it():
    drawn = chart(ONE, replace(ONE, label="2", live=True, note="live in production"))
    assert [dot.words for dot in drawn.dots] == [
        "version 1: accuracy 0.957, 95 % sure between 0.944 and 0.968, claimed 0.966; superseded",
        "version 2: accuracy 0.957, 95 % sure between 0.944 and 0.968, claimed 0.966; live in production",
    ]
    assert drawn.told == drawn.dots[1].words
    assert drawn.dots[0].whisker[0] > drawn.dots[0].y > drawn.dots[0].whisker[1]


def test_the_range_is_a_band_that_changes_where_it_does():
    tighter = replace(ONE, low=0.95)
    (wide, narrow) = chart(ONE, ONE, tighter, tighter).bands
    assert (wide.x, wide.width, narrow.x, narrow.width) == (0, 50, 50, 50)
    assert wide.height > narrow.height
    assert wide.top == narrow.top


def test_an_end_of_the_range_that_is_far_away_does_not_flatten_the_line():
    steps = [
        replace(ONE, low=0.0, high=1e9, value=v, lower=None, upper=None, claimed=None) for v in (2.0, 2.1)
    ]
    drawn = chart(*steps)
    assert drawn.axis.scale.high < 5
    assert (drawn.bands[0].top, drawn.bands[0].height) == (0, 100)


@pytest.mark.parametrize(
    "steps",
    [
        [],
        [Step("1")],
        [ONE],
        [Step("1"), Step("2", claimed=0.9)],
        [replace(ONE, value=0.0, lower=0.0, upper=0.0, low=0.0, high=0.0, claimed=None)] * 3,
        [Step("1", 1e-12, 1e-13, 1e-11), Step("2", 1e12)],
        [Step("1", -1e308, low=-1e308, high=1e308), Step("2", 1e308)],
    ],
)
def test_none_one_all_zero_and_extremes_stay_inside(steps):
    drawn = chart(*steps)
    for dot in drawn.dots:
        ends = [v for v in (dot.y, dot.claimed, *(dot.whisker or ())) if v is not None]
        assert all(0 <= v <= 100 for v in ends)
    assert all(band.top >= 0 and band.top + band.height <= 100.001 for band in drawn.bands)
    assert drawn.summary
    assert drawn.told


def test_what_was_not_measured_breaks_the_line():
    drawn = chart(ONE, replace(ONE, value=None), ONE, ONE)
    assert [len(line.split()) for line in drawn.lines] == [2]


@pytest.mark.parametrize("many", [1, 2, 7, 8, 60])
def test_a_few_versions_are_named_and_the_newest_is_one_of_them(many):
    drawn = chart(*(replace(ONE, label=str(n)) for n in range(1, many + 1)))
    assert len(drawn.names) <= 7
    assert drawn.names[-1].label == str(many)
