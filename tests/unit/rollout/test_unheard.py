"""What nobody is left to compare with, what was lost, and what was left out: none of it decides wrongly."""

from __future__ import annotations

from dataclasses import replace

import pytest

from releases.rollout.counts import Counts, Seen, Spell, Tally, Ticks
from releases.rollout.designs.design import Kind, weights
from releases.rollout.designs.metrics import ERRORS, GUARDRAILS
from releases.rollout.strategies import STRATEGIES
from releases.rollout.strategies.base import Aim, Standing, Verdict
from tests.unit.rollout.rollouts import NEW, at, design, paired_counts, split_counts

BEFORE = tuple(replace(metric, before=Seen(100_000, 100)) for metric in GUARDRAILS)
AFTER = Standing(ended=Verdict.PROMOTE, kept=NEW)


def decide(plan, counts, standing=None, now=0.0):
    return STRATEGIES[plan.kind].decide(plan, counts, standing or Standing(), now)


def alone(plan, requests, bad, units):
    everything = Spell(0, weights(((NEW, 1.0),), plan.arms))
    return Counts(arms={(everything, NEW): Tally(units, bad={ERRORS: bad}, requests=requests)})


def found(made, aim, metric=ERRORS):
    return next(each for each in made.evidence if (each.aim, each.metric) == (aim, metric))


# ---- the time before


def test_units_that_ask_often_are_held_against_their_requests():
    """With a hundred requests each at the rate of before every tenth unit has a bad one: that is no more."""
    plan = design(Kind.SINGLE, metrics=BEFORE)
    assert decide(plan, alone(plan, 100_000, 95, units=1000), AFTER).verdict is Verdict.HOLD
    assert decide(plan, alone(plan, 1000, 95, units=1000), AFTER).verdict is Verdict.ROLL_BACK


def test_one_unit_that_asks_again_and_again_returns_nobody():
    plan = design(Kind.SINGLE, metrics=BEFORE)
    standing, bot = AFTER, alone(plan, 90_000, 1, units=1)
    for tick in range(1, 20):
        made = decide(plan, replace(bot, nodes={"n1": Ticks(tick, tick)}), standing)
        standing = made.standing
        assert made.verdict is Verdict.HOLD


# ---- what was left out


def outage(plan, bad, more=0):
    """So many units of each version were bad, and `more` of the new one."""
    return split_counts(plan, 3, 25 * bad, new={ERRORS: bad + more}, old={ERRORS: bad})


@pytest.mark.parametrize("kept", [0.5, 0.25])
def test_units_that_are_left_out_are_no_news(kept):
    """In an outage of both versions a rollout has more units than are kept, and leaves some of them out: what
    these had met is not taken back as if it spoke for trouble."""
    plan = design(Kind.CANARY, shadow=False)
    standing = at(3)
    for bad in range(200, 8200, 200):
        all_of_it = decide(plan, outage(plan, bad), standing)
        standing = all_of_it.standing
    left = round(8000 * kept)
    made = decide(plan, outage(plan, left), standing)
    assert made.verdict is Verdict.HOLD
    assert found(made, Aim.ONSET).log_e == found(all_of_it, Aim.ONSET).log_e
    later = decide(plan, outage(plan, left, more=300), made.standing)
    assert later.verdict is Verdict.ROLL_BACK, "and what comes then is heard"


# ---- what was lost


def lost(counts, facts, told=1):
    return replace(counts, nodes={"n1": Ticks(1, told, facts)})


def test_a_version_is_promoted_only_where_what_was_lost_could_not_matter():
    plan = design(Kind.CANARY, shadow=False)
    clean = split_counts(plan, 3, 9400)
    assert decide(plan, clean, at(3), 3600.0).verdict is Verdict.PROMOTE
    made = decide(plan, lost(clean, 3), at(3), 3600.0)
    assert made.verdict is Verdict.HOLD
    assert "n1 gave up 3 facts" in made.alerts[0]
    assert decide(plan, lost(split_counts(plan, 3, 60_000), 3), at(3), 3600.0).verdict is Verdict.PROMOTE


def test_pairs_show_nothing_either_where_what_was_lost_could_matter():
    plan = design(Kind.SHADOW)
    shown = paired_counts(plan, 6000)
    assert decide(plan, shown, now=3600.0).verdict is Verdict.PROPOSE
    assert decide(plan, lost(shown, 5), now=3600.0).verdict is Verdict.HOLD


def test_a_return_waits_for_nothing_that_was_lost():
    plan = design(Kind.CANARY, shadow=False)
    bad = split_counts(plan, 3, 4000, new={ERRORS: 60}, old={ERRORS: 20})
    assert decide(plan, lost(bad, 5000, told=0), at(3)).verdict is Verdict.ROLL_BACK
