"""What is foretold of a rollout: by its own rules, on the traffic that there was, or honestly nothing."""

from __future__ import annotations

from math import inf, isfinite

import pytest

from releases.rollout.designs.design import Kind, Stage, StageKind
from releases.rollout.forecasting.ahead import Past, outlook
from releases.web.rollout import foretold
from tests.unit.rollout.rollouts import design


def past(per_hour, bad=0.0, hours=168):
    return Past((float(per_hour),) * hours, bad, hours)


def test_a_busy_model_goes_through_in_its_least_times():
    plan = design(Kind.CANARY)
    seen = outlook(plan, past(200_000))
    assert not any(each.asks for each in seen.stages)
    assert seen.hours == pytest.approx(5 / 6)
    (first, *_) = foretold.told(plan, past(200_000))
    assert first == "If version 8 is as good as the live one, all of it takes about 50 minutes."


def test_where_too_few_ask_a_person_is_asked_and_that_is_said():
    plan = design(Kind.CANARY)
    (first, *_) = foretold.told(plan, past(20))
    assert first.startswith("A person is asked after about 24 hours, in stage 1") or "1 day" in first
    assert "too little traffic" in first


def test_what_is_worse_shows_in_the_shadow_where_there_is_one():
    told = foretold.told(design(Kind.CANARY), past(2000, 0.001))
    worse = [each for each in told if each.startswith("If 1 %")]
    assert any("(twice as many as now)" in each for each in told)
    assert ["in the shadow, before any client meets it" in each for each in worse] == [True]
    without = outlook(design(Kind.CANARY, shadow=False), past(2000, 0.001)).noticed
    (seen,) = (each for each in without if each.bad == 0.01)
    assert isfinite(seen.median)
    assert seen.place is not None


def test_more_traffic_and_worse_versions_show_sooner():
    plan = design(Kind.SHADOW)
    slow, quick = (outlook(plan, past(many)).noticed for many in (500, 5000))
    assert all(a.median > b.median for a, b in zip(slow, quick, strict=True))
    assert [each.median for each in slow] == sorted((each.median for each in slow), reverse=True)


def test_what_has_gone_by_is_not_foretold_again():
    plan = design(Kind.CANARY)
    whole, rest = outlook(plan, past(200_000)), outlook(plan, past(200_000), 3, 300.0)
    assert (len(rest.stages), rest.stages[0].place) == (2, 3)
    assert rest.hours == pytest.approx(0.25)
    assert rest.hours < whole.hours


def test_a_stage_that_waits_for_a_person_or_a_winner_is_not_foretold():
    shown = foretold.told(design(Kind.AB_TEST), past(200_000))
    assert "what its metric brings decides" in shown[0]
    endless = design(Kind.CANARY, stages=(Stage(StageKind.BANDIT, (("8", 0.5),)),))
    assert outlook(endless, past(10)).hours == inf
    assert "is not foretold" in foretold.told(endless, past(10))[0]


def test_nothing_is_foretold_of_a_model_that_nobody_has_asked_nor_of_what_goes_at_once():
    assert foretold.told(design(Kind.CANARY), None) == [foretold.NOTHING_ASKED]
    assert foretold.told(design(Kind.SINGLE), past(10)) == []


def test_the_same_is_foretold_again():
    one = outlook.__wrapped__(design(Kind.CANARY), past(300, 0.01))
    assert one == outlook.__wrapped__(design(Kind.CANARY), past(300, 0.01))
