"""A version beside itself: the run ends by itself with a verdict on the measurement, and acts on nobody."""

from __future__ import annotations

from dataclasses import replace

import pytest

from formats.plan import WHOLE
from releases.rollout.counts import Counts, Pairs, Sums, Tally, Ticks
from releases.rollout.designs.design import Kind
from releases.rollout.designs.metrics import GUARDRAILS, Direction, Metric, MetricKind
from releases.rollout.strategies import aa
from releases.rollout.strategies.base import Standing, Verdict
from tests.unit.rollout.rollouts import LATER, NEW, OLD, design, spell, split_counts

REVENUE = Metric("revenue", MetricKind.REAL, Direction.HIGHER)
PLAN = design(Kind.AA, metrics=(*GUARDRAILS, REVENUE), delta=aa.ALPHA)
KEY = spell(PLAN, 0)
SOUND = split_counts(PLAN, 0, 4000, new={"errors": 12}, old={"errors": 10})


def decide(counts, now=aa.DAY):
    return aa.decide(PLAN, counts, Standing(), now)


def arms(new, old):
    return Counts(arms={(KEY, NEW): new, (KEY, OLD): old})


def values(mean):
    return Tally(outcomes={"revenue": Sums.of([mean - 1, mean + 1] * 500)})


FAULTS = {
    "Units are not shared out as declared": arms(Tally(2600), Tally(2000)),
    "500 units were answered by both": Counts(crossed=500),
    "Of 4,000 units 3 had the same request": Counts(pairs={(KEY, NEW): Pairs(4000, 3)}),
    "One of the two equals is worse in errors": arms(Tally(bad={"errors": 80}), Tally()),
    "The interval of revenue leaves": arms(values(9.0), values(5.0)),
}


def test_it_says_that_nothing_differs_once_its_time_is_over_and_not_before():
    early, made = decide(SOUND, aa.DAY - 1), decide(SOUND)
    assert early.verdict is Verdict.HOLD
    assert (made.verdict, made.standing.kept) == (Verdict.CLEAN, OLD)
    assert "2,000 and 2,000 units" in made.reason
    assert dict(made.weights) == {NEW: 0, OLD: WHOLE}


@pytest.mark.parametrize("told", FAULTS)
def test_whatever_differs_is_a_fault_that_is_named(told):
    made = decide(SOUND + FAULTS[told])
    assert (made.verdict, made.standing.kept) == (Verdict.FAULT, OLD)
    assert told in made.reason


def test_a_cause_of_an_imbalance_is_named():
    lost = arms(Tally(marks={("crashed", ""): 600}), Tally(units=600))
    assert "died were not counted" in decide(SOUND + lost).reason


def test_of_two_equals_with_equal_values_the_interval_has_nought_in_it():
    assert decide(SOUND + arms(values(5.0), values(5.0))).verdict is Verdict.CLEAN


def test_it_takes_nobody_back_before_its_time_whatever_is_found():
    assert decide(SOUND + FAULTS["One of the two equals is worse in errors"], 60.0).verdict is Verdict.HOLD


def test_of_few_units_nothing_is_told():
    made = decide(split_counts(PLAN, 0, 190))
    assert made.verdict is Verdict.END_TRIAL
    assert "95 and 95 units came" in made.reason


def test_a_silent_node_is_waited_for_and_then_said_to_be_unknown():
    silent = SOUND + Counts(nodes={"n2": Ticks(5, 4)})
    assert decide(silent).verdict is Verdict.HOLD
    made = decide(silent, aa.DAY + aa.PATIENCE_SECONDS)
    assert made.verdict is Verdict.END_TRIAL
    assert "n2" in made.reason


def test_it_never_asks_for_anything_however_long_it_lasts():
    made = aa.decide(replace(PLAN, expires_seconds=1.0), SOUND, Standing(), LATER)
    assert (made.verdict, made.proposed) == (Verdict.CLEAN, None)
