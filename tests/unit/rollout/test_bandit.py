"""A bandit through its strategy: what moves shares, what takes an arm out, what ends it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from formats.plan import WHOLE
from releases.rollout.counts import Cohort, Counts, Sums, Tally, Ticks
from releases.rollout.designs.design import Asked, Ends, Goal, Kind, Mode, Play, StageKind
from releases.rollout.designs.metrics import GUARDRAILS, Action, Direction, Metric, MetricKind
from releases.rollout.evidence.cohorts import Resolution
from releases.rollout.strategies import bandit
from releases.rollout.strategies.base import Aim, Standing, Verdict
from tests.unit.rollout.rollouts import HOUR, NEW, OLD, design, spell

OTHER = "9"
NOW = 100 * HOUR


def plan(goal=Goal.EARN, challengers=(NEW,), pair=0.0, play=None, **changes):
    stages = bandit.preset(Asked(challengers, OLD, shadow=False, pair=pair, goal=goal))
    play = play or Play(reward="bought", resolution=Resolution(24.0))
    return design(Kind.BANDIT, challengers=challengers, stages=stages, goal=goal, play=play, **changes)


def cohort(units, good, rewarded=None):
    return Cohort(units, Sums.of([1.0] * good + [0.0] * ((rewarded or good) - good)))


def brought(hour=10, **arms):
    """Arm -> (units, good): v8=(1000, 60)."""
    return Counts(cohorts={(hour, name[1:]): cohort(*pair) for name, pair in arms.items()})


def shares(made):
    return {arm: weight * 64 / WHOLE for arm, weight in made.weights}


def decide(made, counts, standing=None, now=NOW):
    return bandit.decide(made, counts, standing or Standing(), now)


def safe(made, units=40_000):
    return Counts(arms={(spell(made, 0), arm): Tally(units // 2) for arm in made.arms})


def test_shares_follow_what_the_arms_brought():
    made = decide(plan(), brought(v8=(2000, 160), v7=(2000, 120)))

    assert made.verdict is Verdict.MOVE
    assert shares(made)[NEW] > 60
    assert sum(weight for _, weight in made.weights) == WHOLE
    assert "all units brought: version 8 " in made.reason


def test_nothing_moves_before_every_arm_has_burnt_in():
    made = decide(plan(), brought(v8=(99, 30), v7=(2000, 120)))

    assert made.verdict is Verdict.HOLD
    assert shares(made) == {NEW: 32, OLD: 32}


def test_a_tick_is_as_long_as_it_is_said_to_be():
    first = decide(plan(), brought(v8=(2000, 130), v7=(2000, 120)))
    counts = brought(v8=(2000, 130), v7=(2000, 120)) + brought(11, v8=(9000, 590), v7=(9000, 540))

    assert decide(plan(), counts, first.standing, NOW + 59).verdict is Verdict.HOLD
    assert decide(plan(), counts, first.standing, NOW + 60).verdict is Verdict.MOVE


def test_what_has_not_changed_is_not_told_again():
    counts = brought(v8=(2000, 130), v7=(2000, 120))
    first = decide(plan(), counts)
    again = decide(plan(), counts, first.standing, NOW + 60)

    assert again.verdict is Verdict.HOLD
    assert again.weights == first.weights


def test_a_window_that_is_open_keeps_its_units_out():
    fresh = brought(99, v8=(5000, 5000), v7=(5000, 0))

    assert decide(plan(), fresh).verdict is Verdict.HOLD
    assert decide(plan(), fresh, now=124 * HOUR).verdict is Verdict.MOVE


def test_a_guardrail_takes_an_arm_out_whatever_it_earns():
    three = plan(challengers=(NEW, OTHER))
    earns = brought(v8=(2000, 400), v9=(2000, 130), v7=(2000, 120))
    first = decide(three, earns)
    bad = Counts(
        arms={
            (spell(three, 0), NEW): Tally(4000, bad={"errors": 90}),
            (spell(three, 0), OTHER): Tally(4000, bad={"errors": 9}),
            (spell(three, 0), OLD): Tally(4000, bad={"errors": 9}),
        }
    )
    out = decide(three, earns + bad, first.standing, NOW + 60)
    later = decide(three, earns + bad, out.standing, NOW + 120)

    assert shares(first)[NEW] == 64
    assert (out.verdict, out.arm, out.standing.removed) == (Verdict.ROLL_BACK, NEW, (NEW,))
    assert out.standing.ended is None
    assert shares(out)[NEW] == 0
    assert shares(later)[NEW] == 0
    assert shares(later)[OTHER] > 20


def test_a_reward_of_an_arm_that_is_out_moves_nobody():
    three = plan(challengers=(NEW, OTHER))
    counts = brought(v8=(2000, 100), v9=(2000, 130), v7=(2000, 120))
    out = Standing(removed=(NEW,))
    late = counts + brought(12, v8=(500, 500))

    assert shares(decide(three, counts, out)) == shares(decide(three, late, out))


def test_an_arm_that_joins_starts_at_its_own_prior():
    first = decide(plan(), brought(v8=(2000, 160), v7=(2000, 120)))
    joined = plan(challengers=(NEW, OTHER))
    made = decide(joined, brought(v8=(2000, 160), v7=(2000, 120)), first.standing, NOW + 60)

    assert shares(made)[OTHER] == pytest.approx(64 / 3, abs=1)
    assert shares(made)[NEW] > 2 * shares(made)[OLD]


def test_an_arm_without_traffic_waits():
    made = decide(plan(challengers=(NEW, OTHER)), brought(v8=(2000, 160), v7=(2000, 120)))

    assert made.verdict is Verdict.HOLD
    assert "OTHER" not in shares(made)


def test_where_answers_are_paired_only_changed_ones_earn_credit():
    paired = plan(pair=1.0)
    counts = brought(v8=(2000, 100), v7=(2000, 400)) + Counts(
        changed={(10, NEW): cohort(300, 90), (10, OLD): cohort(300, 40)}
    )
    made = decide(paired, counts)

    assert shares(made)[NEW] == 64
    assert "units whose answers differ" in made.reason
    assert dict(made.mirrors) == {NEW: 1.0, OLD: 1.0}


def test_a_window_of_hours_forgets():
    swapped = brought(10, v8=(9000, 900), v7=(9000, 300)) + brought(50, v8=(3000, 90), v7=(3000, 300))
    look_back = Play(reward="bought", resolution=Resolution(24.0), last_hours=20)

    assert shares(decide(plan(), swapped))[NEW] > 60
    assert shares(decide(plan(play=look_back), swapped))[OLD] == 64


def test_less_may_be_better():
    cost = Metric("cost", direction=Direction.LOWER, kind=MetricKind.BOUNDED, low=0.0, high=10.0)
    rng = np.random.default_rng(0)
    counts = Counts(
        cohorts={
            (10, arm): Cohort(400, Sums.of(rng.uniform(mean - 1, mean + 1, 400)))
            for arm, mean in ((NEW, 4.0), (OLD, 4.5))
        }
    )
    made = decide(plan(metrics=(*GUARDRAILS, cost), play=Play(reward="cost", burn_in=20)), counts)

    assert shares(made)[NEW] == 64


def test_a_few_units_in_the_window_are_no_spread():
    value = Metric("value", direction=Direction.HIGHER, kind=MetricKind.BOUNDED)
    play = Play(reward="value", last_hours=2)
    counts = Counts(
        cohorts={
            **{(10, arm): Cohort(400, Sums.of([0.5, 0.6] * 200)) for arm in (NEW, OLD)},
            (20, NEW): Cohort(29, Sums.of([0.5] * 29)),
            (20, OLD): Cohort(400, Sums.of([0.5, 0.6] * 200)),
        }
    )
    assert decide(plan(metrics=(*GUARDRAILS, value), play=play), counts).verdict is Verdict.HOLD


def test_earning_never_certifies_but_keeps_some_units_even():
    made = decide(plan(), brought(v8=(90_000, 9000), v7=(90_000, 4500)) + safe(plan()))

    assert made.verdict is Verdict.MOVE
    assert made.even == 0.05
    assert made.standing.ended is None
    assert not [f for f in made.evidence if f.metric == "bought"]


def test_without_even_units_a_floor_keeps_every_arm_playing():
    bare = plan(play=Play(reward="bought", even=0.0, baseline_floor=0.1))
    made = decide(bare, brought(v8=(9000, 900), v7=(9000, 450)))

    assert shares(made) == {NEW: 57, OLD: 7}
    assert made.even == 0


def test_deciding_promotes_the_best_arm_once_it_is_certain_and_safe():
    decisive = plan(Goal.DECIDE)
    sure = brought(v8=(9000, 630), v7=(9000, 450))
    unsafe = decide(decisive, sure)
    made = decide(decisive, sure + safe(decisive))

    assert unsafe.verdict is Verdict.MOVE
    assert (made.verdict, made.arm) == (Verdict.PROMOTE, NEW)
    assert made.reason == "Version 8 is the best in bought: 0.07 a unit."
    assert shares(made) == {NEW: 64, OLD: 0}
    found = next(f for f in made.evidence if f.metric == "bought")
    assert (found.aim, found.arm) == (Aim.BEST, NEW)
    assert found.log_e > found.threshold


def test_what_the_best_one_brings_is_told_as_it_was_measured():
    wait = Metric("wait", MetricKind.BOUNDED, Direction.LOWER, low=0.0, high=10.0, action=Action.TELL)
    play = Play(reward="wait", resolution=Resolution(24.0))
    waited = {NEW: 2.0, OLD: 4.0}
    counts = Counts(
        cohorts={(10, arm): Cohort(9000, Sums.of([value] * 9000)) for arm, value in waited.items()}
    )
    made = decide(plan(Goal.DECIDE, play=play, metrics=(wait,)), counts)

    assert (made.verdict, made.reason) == (Verdict.PROMOTE, "Version 8 is the best in wait: 2 a unit.")


def test_a_baseline_that_is_best_ends_the_trial_without_fault():
    made = decide(plan(Goal.DECIDE), brought(v8=(9000, 450), v7=(9000, 630)))

    assert (made.verdict, made.arm) == (Verdict.END_TRIAL, NEW)
    assert shares(made) == {NEW: 0, OLD: 64}
    assert made.even == 0


def test_equal_arms_go_on():
    made = decide(plan(Goal.DECIDE), brought(v8=(9000, 450), v7=(9000, 450)))

    assert made.verdict is Verdict.MOVE
    assert shares(made) == {NEW: 32, OLD: 32}


@pytest.mark.parametrize("good", [0, 3000])
def test_arms_that_never_and_always_pay_are_equal_too(good):
    made = decide(plan(Goal.DECIDE), brought(v8=(3000, good), v7=(3000, good)))

    assert shares(made) == {NEW: 32, OLD: 32}


def test_a_bandit_of_which_one_arm_is_left_certifies_nothing():
    alone = decide(replace(plan(Goal.DECIDE), baseline=""), brought(v8=(3000, 300)))

    assert shares(alone) == {NEW: 64}
    assert alone.standing.ended is None


def test_what_a_node_has_not_told_keeps_shares_where_they_are():
    silent = Counts(nodes={"n1": Ticks(served=3, reported=2)})
    made = decide(plan(), brought(v8=(2000, 160), v7=(2000, 120)) + silent)

    assert made.verdict is Verdict.HOLD
    assert shares(made) == {NEW: 32, OLD: 32}


def test_in_propose_mode_shares_follow_and_the_promotion_is_asked_for():
    asks = plan(Goal.DECIDE, mode=Mode.PROPOSE)
    sure = brought(v8=(9000, 630), v7=(9000, 450)) + safe(asks)

    assert decide(asks, brought(v8=(9000, 490), v7=(9000, 450))).verdict is Verdict.MOVE
    made = decide(asks, sure)
    assert (made.verdict, made.proposed, made.arm) == (Verdict.PROPOSE, Verdict.PROMOTE, NEW)
    assert shares(made) == {NEW: 32, OLD: 32}


def test_a_shadow_comes_first_and_nobody_is_even_in_it():
    stages = bandit.preset(Asked((NEW,), OLD, goal=Goal.DECIDE))
    assert [stage.kind for stage in stages] == [StageKind.SHADOW, StageKind.BANDIT]
    assert stages[-1].ends is Ends.WINNER
    made = decide(replace(plan(), stages=stages), Counts())

    assert made.even == 0
    assert shares(made) == {NEW: 0, OLD: 64}


def test_shares_that_were_asked_for_are_where_it_begins():
    (stage,) = bandit.preset(Asked((NEW,), OLD, shadow=False, shares=((NEW, 0.25),)))

    assert stage.shares == ((NEW, 0.25),)
    assert stage.ends is Ends.PERSON


def test_lift_comes_from_units_that_play_evenly():
    counts = Counts(even={(10, NEW): cohort(5000, 400), (10, OLD): cohort(5000, 250)})
    found = bandit.lift(plan(), counts, NEW, NOW, alpha=0.05)

    assert found.value == pytest.approx(0.03)
    assert 0 < found.low < 0.03 < found.high
    assert bandit.lift(plan(), Counts(), NEW, NOW, alpha=0.05).high == np.inf


def test_news_that_says_the_same_moves_nothing():
    made = plan()
    first = decide(made, brought(v8=(2000, 600), v7=(2000, 120)))
    again = decide(made, brought(v8=(4000, 1200), v7=(4000, 240)), first.standing, NOW + 120)

    assert shares(again) == shares(first) == {NEW: 64, OLD: 0}
    assert (again.verdict, again.standing.shared_at) == (Verdict.HOLD, NOW)
