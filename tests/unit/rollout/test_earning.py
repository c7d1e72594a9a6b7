"""What a bandit's page is told: beliefs that its shares follow, and a gain that they do not bend."""

from __future__ import annotations

from dataclasses import replace

import pytest

from releases.rollout.counts import Counts
from releases.rollout.designs.design import Play
from releases.rollout.designs.metrics import GUARDRAILS, Direction, Metric, MetricKind
from releases.rollout.earning import earning
from releases.rollout.effects import known
from releases.rollout.evidence.cohorts import Resolution
from releases.rollout.strategies.base import Standing
from tests.unit.rollout.rollouts import NEW, OLD
from tests.unit.rollout.test_bandit import NOW, brought, cohort, plan


def told(counts, made=None):
    return earning(made or plan(), counts, Standing(), NOW)


def test_the_likelier_a_version_is_the_best_the_further_is_its_hill():
    new, old = told(brought(v8=(2000, 160), v7=(2000, 120))).arms
    assert (new.arm, new.units, new.mean, old.mean) == (NEW, 2000, 0.08, 0.06)
    assert new.best + old.best == pytest.approx(1)
    assert new.best > 0.99
    assert new.low < 0.08 < new.high
    assert sum(new.density) == pytest.approx(1, abs=1e-3)


def test_nothing_is_drawn_before_anything_came():
    found = told(Counts())
    assert (found.places, [each.best for each in found.arms]) == ((), [None, None])


def test_of_a_reward_of_which_less_is_better_the_figures_are_its_own():
    metric = Metric("minutes", MetricKind.BOUNDED, Direction.LOWER, low=0.0, high=10.0)
    made = plan(play=Play(reward="minutes", resolution=Resolution(24.0)), metrics=(*GUARDRAILS, metric))
    new, old = told(brought(v8=(2000, 160), v7=(2000, 120)), made).arms
    assert (new.mean, old.mean) == (pytest.approx(0.08), pytest.approx(0.06))
    assert new.low < new.mean < new.high
    assert old.best > new.best, "fewer minutes are better"


def test_the_gain_comes_from_units_that_play_evenly_alone():
    even = {(10, NEW): cohort(1000, 300), (10, OLD): cohort(1000, 200)}
    found = told(replace(brought(v8=(2000, 160), v7=(2000, 120)), even=even))
    (lift,) = found.lifts
    value, low, high = known(lift.interval)
    assert (lift.arm, lift.units) == (NEW, 1000)
    assert value == pytest.approx(0.1)
    assert 0 < low < 0.1 < high


def test_a_version_that_was_taken_out_is_not_among_them():
    found = earning(plan(), brought(v8=(2000, 160), v7=(2000, 120)), Standing(removed=(NEW,)), NOW)
    assert [each.arm for each in found.arms] == [OLD]
