"""One line on two versions: what their proofs allow to be said, and no more."""

from __future__ import annotations

import pytest

from releases.comparing.figures import Measure, Paired, counted, decide, measures, metric, paired, slices
from releases.comparing.verdict import Known, verdict
from releases.proof.gates.schema import Difference

ACCURACY = Measure("accuracy", "Accuracy", "", 0.9, 0.95, "better")
COMPARISON = {"decision": "better", "difference": 0.05, "lower": 0.02, "upper": 0.08, "margin": 0.01}
CONFIDENCE = {"metric": "accuracy", "value": 0.9, "rows": 400}


def known(**told):
    return Known(**({"base": 2, "head": 3, "measured": (True, True), "metric": ACCURACY} | told))


@pytest.mark.parametrize(
    ("decision", "tone", "words"),
    [
        ("better", "positive", "Version 3 is better than version 2"),
        ("not_worse", "info", "Version 3 is not worse than version 2"),
        ("worse", "danger", "Version 3 is worse than version 2"),
        ("cannot_tell", "caution", "Version 3 cannot be told from version 2"),
    ],
)
def test_a_pair_is_told_by_its_interval(decision, tone, words):
    told = verdict(known(paired=Paired(decision, 0.05, 0.02, 0.08, 0.01, "Tango", 400)))
    assert told.tone == tone
    assert told.headline.startswith(words)
    assert "accuracy better by 0.05, 95 % sure between +0.02 and +0.08 on the same 400 rows" in told.headline


def test_values_that_were_not_measured_on_the_same_rows_show_neither_to_be_better():
    told = verdict(known())
    assert told.tone == "caution"
    assert "not measured on the same rows: accuracy 0.95 beside 0.9 shows neither" in told.headline


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"measured": (False, True)}, "version 2 was not measured"),
        ({"measured": (False, False)}, "version 2 and version 3 were not measured"),
        ({"metric": None}, "different metrics"),
        ({"base": 3}, "one version beside itself"),
    ],
)
def test_what_cannot_be_said_is_said_to_be_so(told, words):
    assert words in verdict(known(**told)).headline


def test_a_better_version_that_breaks_clients_or_failed_a_gate_is_not_green():
    better = Paired("better", 0.05, 0.02, 0.08, 0.01, "Tango", 400)
    breaks = [
        Difference("output label", "is gone", breaks=True),
        Difference("input x", "is new", breaks=True),
    ]
    told = verdict(known(paired=better, breaks=breaks))
    assert told.tone == "danger"
    assert told.remarks[0].text == "Clients of version 2 have to change: output label is gone, and 1 more."
    assert verdict(known(paired=better, failed=["end_to_end"])).tone == "danger"


def test_a_much_slower_version_and_exchanged_sets_are_remarked():
    slow = Measure("p99_ms", "Latency p99", "ms", 15.0, 29.0, "worse")
    told = verdict(known(warnings=["The confidence set is another one."], measures=[slow]))
    assert [remark.text for remark in told.remarks] == [
        "The confidence set is another one.",
        "The slowest calls take 1.9 times as long (p99).",
    ]


def test_a_proof_beside_the_head_is_read_from_the_other_side():
    found = paired({**CONFIDENCE, "comparison": COMPARISON}, turned=True)
    assert (found.decision, found.difference, found.lower, found.upper) == ("worse", -0.05, -0.08, -0.02)
    assert paired({**CONFIDENCE, "comparison": COMPARISON}).decision == "better"
    assert paired(CONFIDENCE) is None


@pytest.mark.parametrize(
    ("lower", "upper", "decision"),
    [(0.01, 0.1, "better"), (-0.005, 0.1, "not_worse"), (-0.1, 0.1, "cannot_tell"), (-0.1, -0.02, "worse")],
)
def test_an_interval_decides_against_the_margin(lower, upper, decision):
    assert decide(lower, upper, 0.01) == decision


def test_right_answers_that_one_alone_has_make_an_interval():
    found = counted(30, 5, 1000)
    assert (found.decision, found.difference) == ("better", 0.025)
    assert 0 < found.lower < 0.025 < found.upper
    assert counted(5, 30, 1000).decision == "worse"
    assert counted(6, 5, 1000).decision == "cannot_tell"


def test_a_loss_that_rises_is_worse():
    low, high = ({"metric": "log_loss", "value": value} for value in (0.1, 0.3))
    assert metric(low, high).tone == "worse"
    assert metric(low, {"metric": "accuracy", "value": 0.3}) is None


def test_benchmarks_of_two_machines_are_neither_better_nor_worse():
    fast, slow = ({"p99_ms": {"value": value}, "profile": "x", "size_bytes": 10} for value in (15.0, 29.0))
    (found,) = (each for each in measures(fast, slow) if each.name == "p99_ms")
    assert (found.tone, found.delta) == ("worse", 14.0)
    (found,) = (each for each in measures(fast, {**slow, "profile": "y"}) if each.name == "p99_ms")
    assert found.tone == ""
    restless = {**slow, "warm_up": {"steady": False}}
    assert {each.tone for each in measures(fast, restless)} == {""}
    assert measures(fast, {**fast, "p99_ms": {"value": 15.3}})[0].tone == ""


def test_slices_begin_with_the_one_that_fell_the_furthest():
    def side(**values):
        parts = [{"name": "digit", "label": label, "value": value} for label, value in values.items()]
        return {"metric": "accuracy", "value": 0.9, "slices": parts}

    found = slices(side(a=0.9, b=0.9, gone=0.5), side(a=0.95, b=0.7, new=0.6))
    assert [(each.label, each.tone) for each in found] == [
        ("b", "worse"),
        ("a", "better"),
        ("gone", ""),
        ("new", ""),
    ]
