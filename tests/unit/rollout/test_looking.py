"""A bandit that looks at what is asked: its model, its shares by context, and what it does not do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from formats.features import Feature
from formats.plan import WHOLE
from releases.rollout.counts import Counts
from releases.rollout.designs.design import Goal, Play
from releases.rollout.evidence import linear
from releases.rollout.evidence.cohorts import Resolution
from releases.rollout.evidence.linear import Linear
from releases.rollout.evidence.posteriors import Pulls
from releases.rollout.strategies import bandit
from releases.rollout.strategies.base import Standing, Verdict
from releases.rollout.whom import whom
from releases.rollout.written import from_json, to_json
from releases.web.audit import besides
from tests.unit.rollout.rollouts import NEW, OLD
from tests.unit.rollout.test_bandit import NOW, OTHER, cohort, plan

AGE = Feature("age", cuts=(30.0, 50.0))
LAND = Feature("land", values=("de",))
RNG = np.random.default_rng(0)


def looking(challengers=(NEW,), features=(AGE, LAND), **play):
    said = {"reward": "bought", "resolution": Resolution(24.0), "even": 0.1, "features": features, **play}
    return plan(challengers=challengers, play=Play(**said))


def asked(*, hour=10, units=1000, **rates):
    """Arm -> what each context brings: v8=[.1, .1, .2, ...]."""
    return Counts(
        contexts={
            (context, hour, arm[1:]): cohort(units, round(units * rate))
            for arm, each in rates.items()
            for context, rate in enumerate(each)
        }
    )


YOUNG = asked(v8=[0.1] * 2 + [0.05] * 4, v7=[0.05] * 2 + [0.1] * 4)


def decide(made, counts, standing=None, now=NOW):
    return bandit.decide(made, counts, standing or Standing(), now)


def parts(made):
    return {arm: list(each) for arm, each in made.standing.contexts}


# ---- the model


def test_a_context_has_its_step_of_each_feature():
    x = linear.rows([3, 2])
    assert x.tolist() == [
        [1, 0, 0, 0], [1, 0, 0, 1], [1, 1, 0, 0], [1, 1, 0, 1], [1, 0, 1, 0], [1, 0, 1, 1],
    ]  # fmt: skip


def test_the_model_is_ridge_regression_of_every_single_unit():
    x, context = linear.rows([3, 2]), RNG.integers(0, 6, 500)
    rewards = (RNG.random(500) < 0.2 + 0.3 * x[context, 1]).astype(float)
    units = np.bincount(context, minlength=6).astype(float)
    good = np.bincount(context, rewards, minlength=6)
    found = Linear.of(Pulls.counted(units[:, None], good[:, None]), x)
    each, base = x[context], rewards.mean()
    ridge = np.linalg.solve(each.T @ each + np.eye(4), each.T @ (rewards - base))
    assert found.theta[0] == pytest.approx(ridge)
    assert found.spread[0] == pytest.approx(rewards.var() * np.linalg.inv(each.T @ each + np.eye(4)))
    assert found.payoffs().middle[:, 0] == pytest.approx(base + x @ ridge)


def test_an_arm_that_nobody_saw_may_bring_anything():
    pulls = Pulls.counted(np.array([[500.0, 0.0]] * 2), np.array([[50.0, 0.0]] * 2))
    payoffs = Linear.of(pulls, linear.rows([2])).payoffs()
    assert payoffs.middle[:, 1] == pytest.approx([0.1, 0.1])
    assert (payoffs.error[:, 1] > 10 * payoffs.error[:, 0]).all()


def test_what_a_step_brings_is_told_of_each_arm():
    """Whoever is asked the second step brings more, of the first arm alone."""
    units = np.full((2, 2), 5000.0)
    pulls = Pulls.counted(units, units * np.array([[0.1, 0.2], [0.4, 0.2]]))
    terms = Linear.of(pulls, linear.rows([2])).terms()
    assert terms.middle[:, 1] == pytest.approx([0.3, 0.0], abs=0.01)
    assert terms.error.shape == (2, 2)


def test_what_all_bring_is_told_of_the_same_requests():
    """The plain means would praise whichever version is asked what brings much whoever answers."""
    units = np.array([[900.0, 100.0], [100.0, 900.0]])
    pulls = Pulls.counted(units, units * np.array([[0.5], [0.1]]))
    mixed = Linear.of(pulls, linear.rows([2])).mixed(units.sum(axis=1))
    assert mixed.middle[0] == pytest.approx(mixed.middle[1], abs=0.01)
    assert pulls.means.mean(axis=0)[0] == pytest.approx(0.3)


# ---- how it plays


def test_who_answers_follows_from_what_is_asked():
    made = decide(looking(), YOUNG)
    assert made.verdict is Verdict.MOVE
    assert parts(made)[NEW][:2] == [64, 64]
    assert max(parts(made)[NEW][2:]) == 0
    assert all(sum(each) == 64 for each in zip(*parts(made).values(), strict=True))
    assert "8 0 to 64" in made.reason


def test_the_weights_themselves_stay_alike():
    """By these come the units that play evenly, and requests that lack a feature."""
    made = decide(looking(), YOUNG)
    assert {arm: weight / WHOLE for arm, weight in made.weights} == {NEW: 0.5, OLD: 0.5}
    assert (made.standing.shares, made.even) == ((), 0.1)


def test_what_is_played_already_is_not_said_again():
    first = decide(looking(), YOUNG)
    much = YOUNG + asked(hour=11, units=5000, v8=[0.2] * 2 + [0.05] * 4, v7=[0.05] * 2 + [0.2] * 4)
    after = decide(looking(), much, first.standing, NOW + 3600).standing
    again = decide(looking(), much + much, after, NOW + 7200)
    assert (again.verdict, again.standing.contexts) == (Verdict.HOLD, first.standing.contexts)


def test_nothing_follows_before_every_version_has_burnt_in():
    made = decide(looking(), asked(units=16, v8=[0.5] * 6, v7=[0.1] * 6))
    assert (made.verdict, made.standing.contexts) == (Verdict.HOLD, ())


def test_a_context_that_nobody_asked_stays_open():
    told = {key: each for key, each in YOUNG.contexts.items() if key[0] % 2 == 0}
    made = decide(looking(), Counts(contexts=told))
    assert parts(made)[NEW][0] == 64
    assert 0 < parts(made)[NEW][1] <= 64
    assert 0 < parts(made)[NEW][3] < 64


def test_shares_move_when_a_tenth_more_is_known():
    first = decide(looking(), YOUNG)
    more = YOUNG + asked(hour=11, units=90, v8=[0.9] * 6, v7=[0.0] * 6)
    assert decide(looking(), more, first.standing, NOW + 60).verdict is Verdict.HOLD
    more += asked(hour=12, units=90, v8=[0.9] * 6, v7=[0.0] * 6)
    assert decide(looking(), more, first.standing, NOW + 60).verdict is Verdict.MOVE


def test_a_window_of_hours_forgets_in_all_contexts_alike():
    swapped = YOUNG + asked(hour=60, units=500, v8=[0.05] * 2 + [0.1] * 4, v7=[0.1] * 2 + [0.05] * 4)
    made = decide(looking(last_hours=24), swapped)
    assert max(parts(made)[NEW][:2]) < 16
    assert min(parts(made)[NEW][2:]) > 48


def test_a_version_that_is_out_has_no_part_and_one_that_joins_an_equal_one():
    first = decide(looking(), YOUNG)
    three = looking(challengers=(NEW, OTHER))
    joined = decide(three, YOUNG, first.standing, NOW + 60)
    assert joined.verdict is Verdict.MOVE
    assert all(part == pytest.approx(64 / 3, abs=1) for part in parts(joined)[OTHER])
    out = decide(three, YOUNG, replace(joined.standing, removed=(OTHER,)), NOW + 120)
    assert OTHER not in parts(out)


def test_the_same_counts_in_any_order_decide_the_same():
    items = list(YOUNG.contexts.items())
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(len(items))
        again = Counts(contexts=dict(items[at] for at in order))
        assert decide(looking(), again) == decide(looking(), YOUNG)


def test_what_is_kept_of_it_is_read_again():
    made = decide(looking(), YOUNG)
    for value in (made, looking(), YOUNG):
        assert from_json(type(value), to_json(value)) == value


def test_no_certificate_is_spoken_of():
    made = looking()
    assert bandit.decide(replace(made, goal=Goal.EARN), YOUNG, Standing(), NOW).evidence is not None
    assert not any(each.aim == "best" for each in decide(made, YOUNG).evidence)


# ---- what is told of it


def test_what_was_live_is_told_by_what_was_asked():
    arms = [
        {"version": 8, "weight": WHOLE // 2, "reason": "bandit:0.5", "contexts": [64, 0]},
        {"version": 7, "weight": WHOLE // 2, "reason": "champion", "contexts": [0, 64]},
    ]
    told = whom({"arms": arms, "rollout": {"even": 0.1, "features": [{"name": "age"}]}})
    assert told.asked == ("age",)
    assert [(each.version, each.share, each.least, each.most) for each in told.versions] == [
        (number, pytest.approx(0.5), pytest.approx(0.05), pytest.approx(0.95)) for number in (8, 7)
    ]
    assert besides(told)[-1] == (
        "Who was answered by which followed from age: version 8 had 5 % to 95 % and version 7 had 5 % to"
        " 95 %."
    )


def test_its_share_is_told_by_what_units_have_asked_so_far():
    counts = asked(units=900, v8=[0.1, 0.0], v7=[0.0, 0.0]) + asked(units=100, v7=[0.0, 0.0])
    two = looking(features=(Feature("age", cuts=(30.0,)),))
    standing = Standing(contexts=((NEW, (64, 0)), (OLD, (0, 64))))
    plain = bandit.decide(two, Counts(), Standing(), NOW).weights
    found = bandit.given(
        two, Counts(contexts={k: c for k, c in counts.contexts.items() if k[0] == 0}), standing, plain
    )
    assert found == {NEW: pytest.approx(0.95, abs=0.01), OLD: pytest.approx(0.05, abs=0.01)}
    assert bandit.given(two, counts, standing, plain)[NEW] == pytest.approx(0.5)
    assert bandit.given(two, counts, replace(standing, ended=Verdict.PROMOTE, kept=NEW), plain) == {
        NEW: 0.5,
        OLD: 0.5,
    }
