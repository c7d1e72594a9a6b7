"""Values that each stand until the next is known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from registry.charts.curves import HITS, Curve, CurveChart, Known, Span, curve_chart
from registry.charts.lines import Mark
from registry.charts.scales import axis

START = datetime(2026, 11, 2, 12, tzinfo=UTC)
HOUR = Span(START, START + timedelta(hours=1))


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def drawn(*curves: Curve, **more) -> CurveChart:
    upwards = axis([0.0, 10.0], zero=True)
    return curve_chart(
        "Errors", curves, upwards, HOUR, words=lambda known: f"{known.value:g}", told="", **more
    )


def test_what_was_known_stands_until_the_next_moment_and_to_the_end():
    chart = drawn(Curve("safe", 1, [Known(at(0), 0.0), Known(at(30), 5.0)], limit=10.0))
    assert chart.curves[0].line == "0,100 50,100 50,50 100,50"
    assert chart.curves[0].limit == 0.0
    assert [hit.words for hit in chart.hits] == ["12:00: safe 0", "12:30: safe 5"]


def test_an_interval_is_a_band_from_where_it_is_known():
    known = [Known(at(0), 5.0), Known(at(30), 5.0, 4.0, 6.0)]
    assert drawn(Curve("effect", 1, known)).curves[0].band == "50,60 100,60 100,40 50,40"


def test_each_moment_tells_what_all_curves_stood_at_then():
    one = Curve("safe", 1, [Known(at(0), 1.0), Known(at(40), 2.0)])
    other = Curve("worse", 2, [Known(at(20), 3.0)])
    assert [hit.words for hit in drawn(one, other).hits] == [
        "12:00: safe 1",
        "12:20: safe 1, worse 3",
        "12:40: safe 2, worse 3",
    ]


def test_many_moments_are_told_as_few_and_cover_the_drawing():
    chart = drawn(Curve("safe", 1, [Known(at(n / 10), 1.0) for n in range(600)]))
    assert len(chart.hits) <= HITS
    assert sum(hit.width for hit in chart.hits) == 100.0
    assert chart.hits[-1].words.startswith("12:59")


def test_what_happened_is_marked_and_told():
    chart = drawn(Curve("safe", 1, [Known(at(0), 1.0)]), marks=[Mark(at(30), "5 %", "stage 2 begins")])
    assert [(mark.at, mark.label) for mark in chart.marks] == [(50.0, "5 %")]
    assert "12:30 stage 2 begins" in chart.summary


def test_nothing_known_is_an_empty_drawing():
    chart = drawn(Curve("safe", 1, []))
    assert (chart.curves, chart.hits) == ([], [])
