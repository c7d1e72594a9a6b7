"""Lines over time: what is missing is a gap that is told, and nothing leaves the drawing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from registry.charts import paths, times
from registry.charts.lines import Limit, Mark, Times, line_chart

TEN = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def over(many: int, step: timedelta = MINUTE, start: datetime = TEN) -> Times:
    return Times([start + step * place for place in range(many)], step)


def chart(values, step=MINUTE, **more):
    return line_chart("Latency, p99", "ms", values, over(len(values), step), **more)


def test_a_gap_is_drawn_as_a_gap_and_said_and_the_rest_stays():
    drawn = chart([1.0, 2.0, None, None, 4.0, 3.0], nothing="no requests")
    assert [len(line.split()) for line in drawn.lines] == [2, 2]
    (gap,) = drawn.gaps
    assert gap.words == "no requests from 10:02 to 10:04"
    assert (gap.at, gap.width) == (33.333, 33.333)
    assert [hit.y is None for hit in drawn.hits] == [False, False, True, True, False, False]
    assert drawn.hits[2].words == "10:02: no requests"
    assert "no requests from 10:02 to 10:04" in drawn.summary


def test_a_time_that_has_only_begun_is_no_gap():
    assert chart([1.0, 2.0, None]).gaps == []
    assert [gap.words for gap in chart([1.0, None, None]).gaps] == ["nothing measured from 10:01 to 10:03"]


def test_a_value_that_stands_alone_is_a_dot():
    drawn = chart([None, 5.0, None, None] + [1.0] * 40)
    assert drawn.dots == [(paths.middle(1, 44), drawn.axis.y(5.0))]


@pytest.mark.parametrize("values", [[], [None] * 5, [3.0], [0.0] * 5, [1e-12, 2e9], [None, 1e300]], ids=str)
def test_charts_of_nothing_of_one_of_zeros_and_of_extremes(values):
    values = values or [None]
    drawn = chart(values)
    assert all(0 <= hit.y <= 100 for hit in drawn.hits if hit.y is not None)
    assert len(drawn.hits) == len(values)
    assert len(drawn.axis.ticks) >= 2
    assert drawn.told


def test_each_point_says_its_time_its_value_and_what_happened():
    drawn = chart([3.14159, 2.0], marks=[Mark(TEN + MINUTE * 1.5, "v3", "version 3 live")])
    assert [hit.words for hit in drawn.hits] == ["10:00: 3.1 ms", "10:01: 2 ms; version 3 live"]
    assert drawn.told == "up to 3.1 ms, 10:00"
    (mark,) = drawn.marks
    assert (mark.at, mark.label, mark.words) == (75, "v3", "10:01 version 3 live")


def test_labels_of_marks_stay_out_of_each_others_way():
    marks = [Mark(TEN + MINUTE * place, f"v{place}", f"version {place} live") for place in range(60)]
    drawn = chart([1.0] * 60, marks=marks)
    places = [mark.at for mark in drawn.marks if mark.label]
    assert len(drawn.marks) == 60
    assert all(b - a >= 14 for a, b in pairwise(places))


def test_a_limit_is_drawn_and_a_far_one_only_told():
    near = chart([10.0, 12.0], limits=[Limit(20.0, "limit 20 ms")])
    assert [limit.words for limit in near.limits] == ["limit 20 ms"]
    assert near.limits[0].at < near.hits[1].y
    far = chart([1.0], limits=[Limit(200.0, "limit 200 ms")])
    assert (far.limits, far.far_limits) == ([], ["limit 200 ms"])
    assert chart([None], limits=[Limit(20.0, "limit")]).limits


@pytest.mark.parametrize(
    ("width", "step", "labels"),
    [
        (timedelta(minutes=15), MINUTE, ["10:00", "10:05", "10:10", "10:15"]),
        (timedelta(hours=24), MINUTE * 10, ["12:00", "18:00", "22 Nov", "06:00"]),
        (timedelta(days=90), DAY, ["23 Nov", "13 Dec", "2 Jan", "22 Jan", "11 Feb"]),
    ],
)
def test_times_are_named_at_whole_hours_and_days(width, step, labels):
    assert [tick.label for tick in times.ticks(TEN, TEN + width)] == labels


def test_days_are_told_as_days():
    days = over(10, DAY)
    assert days.between((2, 2)) == "on 23 Nov"
    assert days.between((2, 4)) == "from 23 Nov to 25 Nov"
    assert over(60, timedelta(hours=4)).between((0, 1)) == "from 21 Nov 10:00 to 21 Nov 18:00"
