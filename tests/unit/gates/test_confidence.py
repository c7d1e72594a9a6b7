from __future__ import annotations

import pytest

from formats.types import Signature, VersionRef
from registry import model_policy
from registry.errors import BadInput
from releases.proof.gates import Candidate, Outcome
from releases.proof.gates.confidence import Confidence

METRIC = {"name": "accuracy", "output": "label", "range": [0.9, 1.0]}
LOSS = {"name": "mae", "output": "y", "range": [0.0, 2.0]}
NORTH = {"name": "region", "label": "north", "rows": 120, "value": 0.71, "lower": 0.6, "upper": 0.8}
NORTH |= {"outside": True}
SOUTH = NORTH | {"label": "south", "value": 0.97, "lower": 0.95, "upper": 0.99, "outside": False}
BESIDE = {"decision": "cannot_tell", "difference": 0.001, "lower": -0.02, "upper": 0.022, "margin": 0.01}
BESIDE |= {"method": "McNemar, Tango", "rows_needed": 4000, "power": 0.31}
FOUND = {"rows": 1000, "value": 0.95, "lower": 0.94, "upper": 0.96, "slices": [SOUTH], "comparison": None}


def verdict(policy=None, metric=METRIC, **found):
    candidate = Candidate(
        ref=VersionRef("digits", 4, "0" * 64),
        signature=Signature((), ()),
        champion_number=3,
        manifest={"metric": metric},
        policy=policy or {},
        measured=FOUND | found,
    )
    return Confidence().check(candidate)


def test_a_slice_beyond_the_range_decides_where_the_policy_says_so_and_is_named_with_its_figure():
    told = verdict({"slices": "decide"}, slices=[NORTH, SOUTH])
    assert told.outcome is Outcome.FAILED
    assert "Slice region = north: 0.71 on 120 rows, even its upper bound 0.8 is below" in told.summary
    assert "south" not in told.summary
    assert [each["says"] for each in told.evidence["findings"]] == ["decides"]


@pytest.mark.parametrize("policy", [{}, {"slices": "advise"}])
def test_a_slice_advises_unless_the_policy_says_more(policy):
    told = verdict(policy, slices=[NORTH, SOUTH])
    assert told.outcome is Outcome.PASSED
    assert "Advice: Slice region = north: 0.71" in told.summary
    assert [(each["about"], each["says"]) for each in told.evidence["findings"]] == [("slice", "advises")]
    assert told.evidence["policy"] == {"slices": "advise", "power": "advise", "min_power": 0.8}


def test_a_slice_that_is_not_looked_at_says_nothing():
    told = verdict({"slices": "off"}, slices=[NORTH])
    assert told.outcome is Outcome.PASSED
    assert "north" not in told.summary
    assert told.evidence["findings"] == []


def test_of_a_loss_the_slice_above_the_range_is_named():
    part = NORTH | {"value": 3.5, "lower": 3.1, "upper": 3.9}
    told = verdict({"slices": "decide"}, LOSS, value=1.0, lower=0.9, upper=1.1, slices=[part])
    assert "3.5 on 120 rows, even its lower bound 3.1 is above the most acceptable 2." in told.summary


def test_the_slices_farthest_from_the_range_are_named_and_the_rest_are_counted():
    parts = [NORTH | {"label": str(n), "value": 0.5 + n / 100} for n in range(9, -1, -1)]
    told = verdict({"slices": "decide"}, slices=parts)
    assert told.summary.index("region = 0:") < told.summary.index("region = 1:")
    assert told.summary.endswith("And 7 more.")
    assert len(told.evidence["findings"]) == 10


def test_what_a_set_calls_its_slices_stays_on_one_short_line():
    told = verdict(slices=[NORTH | {"label": "a\nb" + "x" * 100}])
    assert "region = a\N{REPLACEMENT CHARACTER}bx" in told.summary
    assert "x" * 60 not in told.summary


@pytest.mark.parametrize(
    ("policy", "outcome", "says"),
    [
        ({}, Outcome.PASSED, ["advises"]),
        ({"power": "decide"}, Outcome.FAILED, ["decides"]),
        ({"power": "off"}, Outcome.PASSED, []),
        ({"power": "decide", "min_power": 0.3}, Outcome.PASSED, []),
    ],
)
def test_a_comparison_too_small_to_see_a_loss_does_what_the_policy_says(policy, outcome, says):
    told = verdict(policy, comparison=BESIDE)
    assert told.outcome is outcome
    assert [each["says"] for each in told.evidence["findings"]] == says
    if says:
        sentence = "A loss of the margin 0.01 against version 3 would have been seen with a chance of 31 %, "
        assert f"{sentence}the policy asks for 80 %." in told.summary


def test_the_rows_that_are_missing_are_those_that_give_the_chance_that_is_asked_for():
    # At 31 % the margin is 1.149 deviations wide: 2.486 of them take (2.486 / 1.149)² of the rows.
    told = verdict(comparison=BESIDE)
    assert "About 3,6" in told.summary
    more = verdict({"min_power": 0.9}, comparison=BESIDE)
    assert "About 5,4" in more.summary


def test_rows_are_not_promised_where_chance_alone_says_less_than_the_margin_asks():
    told = verdict({"min_power": 0.8}, comparison=BESIDE | {"power": 0.03})
    assert "would have been seen with a chance of 3 %" in told.summary
    assert "more rows" not in told.summary


@pytest.mark.parametrize("decision", ["better", "not_worse"])
def test_what_is_shown_needs_no_power(decision):
    told = verdict({"power": "decide"}, comparison=BESIDE | {"decision": decision})
    assert told.outcome is Outcome.PASSED


def test_without_a_margin_no_number_of_rows_is_promised():
    told = verdict({"power": "decide"}, comparison=BESIDE | {"margin": 0.0, "power": 0.05})
    assert told.outcome is Outcome.FAILED
    assert "state one in the manifest or in the model's policy" in told.summary
    assert "more rows" not in told.summary


def test_a_live_version_that_cannot_be_compared_hides_every_loss():
    told = verdict({"power": "decide"}, no_comparison="the champion cannot be compared on these rows: 3 rows")
    assert told.outcome is Outcome.FAILED
    assert "A loss against version 3 could not have been seen" in told.summary


def test_a_first_version_is_compared_with_nothing():
    assert verdict({"power": "decide"}).outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"slices": "maybe"}, "policy.slices"),
        ({"slices": True}, "policy.slices"),
        ({"power": ["decide"]}, "policy.power"),
        ({"min_power": 1}, "policy.min_power"),
        ({"min_power": 0.05}, "policy.min_power"),
        ({"min_power": True}, "policy.min_power"),
        ({"min_power": float("nan")}, "policy.min_power"),
        ({"min_power": "0.8"}, "policy.min_power"),
    ],
)
def test_another_word_or_chance_is_refused_by_its_field(document, field):
    with pytest.raises(BadInput) as refused:
        model_policy.parse(document)
    assert refused.value.facts["field"] == field


@pytest.mark.parametrize(
    ("metric", "found", "words"),
    [
        (METRIC, {"lower": 0.89}, "The lower bound 0.89 is below the least acceptable 0.9."),
        (
            METRIC | {"range": [0.9, 0.94]},
            {},
            "That is above 0.94: too good usually means leakage or the wrong set.",
        ),
        (LOSS, {"value": 1.9, "upper": 2.1}, "The upper bound 2.1 is above the most acceptable 2."),
        (
            LOSS | {"range": [1.0, 2.0]},
            {"value": 0.5, "upper": 0.6},
            "That is below 1: too good usually means leakage or the wrong set.",
        ),
        (
            METRIC,
            {"comparison": BESIDE | {"decision": "worse"}},
            "On the same rows it is worse than version 3.",
        ),
    ],
)
def test_a_metric_outside_its_range_or_below_the_live_one_fails(metric, found, words):
    told = verdict(metric=metric, **found)
    assert told.outcome is Outcome.FAILED
    assert words in told.summary


def test_a_set_that_could_not_be_judged_fails_with_the_reason():
    told = verdict(reason="the model answered with no number in row 7")
    assert (told.outcome, told.summary) == (Outcome.FAILED, "the model answered with no number in row 7")
    assert told.evidence["range"] == METRIC["range"]
