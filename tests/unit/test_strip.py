"""The strip says what a gate knows: also what a passed one does not show."""

from __future__ import annotations

import pytest

from releases.web.release.strip import said

MEASURED = {
    "metric": "accuracy",
    "value": 0.9,
    "lower": 0.88,
    "upper": 0.92,
    "range": [0.85, 1.0],
    "rows": 400,
}


def confidence(outcome="passed", **told):
    return said("confidence", outcome, "the summary", {**MEASURED, **told})


@pytest.mark.parametrize(
    ("comparison", "caveats"),
    [
        ({"decision": "better", "difference": 0.1}, ()),
        (
            {"decision": "cannot_tell", "difference": -0.01, "rows_needed": 1225},
            ("Better not shown: 825 more rows would settle it",),
        ),
        (
            {"decision": "cannot_tell", "difference": 0.0, "rows_needed": None},
            ("Better not shown: no number of rows would settle it",),
        ),
        (
            {"decision": "not_worse", "difference": 0.01, "rows_for_better": 2400},
            ("Better not shown: 2,000 more rows would settle it",),
        ),
        ({"decision": "not_worse", "difference": -0.001}, ("Better not shown: on these rows it is not",)),
        (
            {"decision": "not_worse", "difference": 0.001},
            ("Better not shown: the difference is too small for these rows",),
        ),
        ({"decision": "worse", "difference": -0.1}, ()),
        (None, ()),
    ],
)
def test_a_passed_metric_says_whether_better_was_shown(comparison, caveats):
    assert confidence(comparison=comparison).caveats == caveats


def test_a_metric_in_range_whose_bound_is_not_says_how_many_rows_would_tell():
    told = confidence("failed", lower=0.84, rows_needed=1000)
    assert told == ("the summary", ("Good enough not shown: 600 more rows would probably settle it",))
    assert confidence("failed", value=0.8, lower=0.79, rows_needed=1000).caveats == ()


def test_slices_outside_the_range_are_counted():
    slices = [{"outside": True}, {"outside": False}]
    assert confidence(slices=slices).caveats == ("1 of 2 slices outside the range",)


def test_a_benchmark_that_never_became_steady_says_so():
    measured = {"p99_ms": {"value": 15.2}, "champion": {"ratio": {"value": 1.07}}}
    assert said("benchmark", "passed", "", {**measured, "warm_up": {"steady": False}}) == (
        "p99 15.2 ms, 1.07 times the live version's median",
        ("Never became steady: read these figures with care",),
    )
    assert said("benchmark", "passed", "", {**measured, "warm_up": {"steady": True}}).caveats == ()


@pytest.mark.parametrize("gate", ["confidence", "benchmark", "integrity"])
@pytest.mark.parametrize("outcome", ["pending", "running", "errored", "failed", "passed"])
def test_what_was_not_measured_is_told_by_its_summary(gate, outcome):
    assert said(gate, outcome, "why", {"reason": "why"}) == ("why", ())
    assert said(gate, outcome, "why", {}) == ("why", ())
