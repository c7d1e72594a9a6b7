"""Effects of metrics of units: which units are compared, and what is made of changed answers."""

from __future__ import annotations

import pytest

from releases.rollout.counts import Counts, Spell, Sums, Tally
from releases.rollout.documents.document import parse
from releases.rollout.effects import ADJUSTED, OVERALL, PLAIN, effects, is_better, known
from releases.rollout.strategies import steps
from releases.rollout.strategies.base import Standing

BOUGHT = {"metrics": [{"name": "bought", "direction": "higher"}]}
TEST = parse({"kind": "ab_test", "shadow": False} | BOUGHT, challenger="7", baseline="6")
RAMP = parse({"kind": "canary"} | BOUGHT, challenger="7", baseline="6")


def came(units, good, covariates=None):
    return Sums.of([1.0] * good + [0.0] * (units - good), covariates)


def spell(stage=0, design=TEST):
    return Spell(stage, steps.weights_at(design, Standing(stage=stage)))


def counted(new, old, where=None, **more):
    at = where or spell()
    arms = {(at, "7"): Tally(new.n, outcomes={"bought": new}, **more)}
    return Counts(arms | {(at, "6"): Tally(old.n, outcomes={"bought": old}, **more)})


def test_one_effect_for_each_metric_that_is_no_guardrail():
    (effect,) = effects(TEST, counted(came(4_000, 1_600), came(4_000, 1_200)))
    assert effect.key == "bought/7"
    value, low, high = known(effect.plain)
    assert value == pytest.approx(0.1)
    assert 0 < low < high
    assert list(effect.intervals) == [PLAIN]
    assert is_better(TEST, effect) is True


def test_nothing_is_said_of_few_units():
    (effect,) = effects(TEST, counted(came(99, 40), came(99, 30)))
    assert known(effect.plain) is None
    assert is_better(TEST, effect) is None


def test_a_covariate_adjusts_it_beside_the_plain_one():
    half = [1.0] * 2_000 + [0.0] * 2_000
    new, old = (came(4_000, good, half) for good in (1_600, 1_200))
    (effect,) = effects(TEST, counted(new, old))
    assert list(effect.intervals) == [PLAIN, ADJUSTED]
    assert effect.best.width < effect.plain.width


def test_changed_answers_say_more_and_are_brought_down_to_all_units():
    differing = {"paired": 4_000, "triggered": 400}
    counts = counted(came(4_000, 1_240), came(4_000, 1_200), **differing)
    changed = {
        (spell(), arm): Tally(changed={"bought": came(400, good)}) for arm, good in (("7", 280), ("6", 240))
    }
    (effect,) = effects(TEST, counts + Counts(changed))
    assert effect.changed.differing.value == 0.1
    assert float(effect.changed.overall.value) == pytest.approx(0.01)
    assert effect.best is effect.intervals[OVERALL]


def test_units_that_were_given_by_other_shares_are_not_pooled_with_them():
    """Later units buy more, whoever answers them; the new version has more of these."""
    early = counted(came(1_000, 100), came(99_000, 9_900), spell(1, RAMP))
    late = counted(came(50_000, 25_000), came(50_000, 25_000), spell(4, RAMP))
    (effect,) = effects(RAMP, early + late)
    assert float(effect.plain.value) == 0.0
    assert effect.new.n == 50_000
