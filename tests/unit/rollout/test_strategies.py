"""One suite over all strategies: the same counts give the same decision, and what stands is always whole."""

from __future__ import annotations

from functools import reduce
from operator import add

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from formats.plan import WHOLE
from releases.rollout.counts import Counts, Tally, Ticks
from releases.rollout.designs.design import OFFERED, Kind, Mode, moved_back
from releases.rollout.strategies import STRATEGIES
from releases.rollout.strategies.base import Standing, Verdict
from tests.unit.rollout.rollouts import LATER, NEW, OLD, at, design, paired_counts, spell, split_counts

EVERY = sorted(OFFERED)
EVERY_AND_AA = sorted(STRATEGIES)


def decide(plan, counts=None, standing=None, now=0.0):
    return STRATEGIES[plan.kind].decide(plan, counts or Counts(), standing or Standing(), now)


def fine(plan, units=40_000):
    """Counts of a healthy version: pairs in the shadow, units in every stage."""
    parts = [split_counts(plan, n, units) for n, stage in enumerate(plan.stages) if stage.shares]
    return reduce(add, [paired_counts(plan, units), *parts])


@pytest.mark.parametrize("kind", EVERY_AND_AA)
@pytest.mark.parametrize("shadow", [True, False])
def test_weights_are_whole_and_mirrors_only_where_pairs_are_asked(kind, shadow):
    for pair in (0.0, 0.5):
        plan = design(kind, shadow=shadow, pair=pair)
        for stage in range(len(plan.stages)):
            made = decide(plan, fine(plan), at(stage))
            assert sum(weight for _, weight in made.weights) == WHOLE
            assert [arm for arm, _ in made.weights] == list(plan.arms)
            wanted = plan.stages[made.standing.stage].pair
            assert {share for _, share in made.mirrors} <= {wanted}
            assert bool(made.mirrors) == (wanted > 0 and made.standing.ended is None)


@pytest.mark.parametrize("kind", EVERY)
def test_a_healthy_version_goes_through_all_stages_without_moving_anybody_back(kind):
    plan, standing, now, seen = design(kind), Standing(), 0.0, []
    weighted = decide(plan).weights
    for _ in range(3 * len(plan.stages)):
        made = decide(plan, fine(plan), standing, now)
        seen.append(made.verdict)
        assert moved_back(weighted, made.weights) == 0.0
        standing, weighted = made.standing, made.weights
        now += plan.stages[standing.stage].least_seconds
    last = {Kind.SHADOW: Verdict.PROPOSE, Kind.AB_TEST: Verdict.HOLD, Kind.BANDIT: Verdict.HOLD}.get(
        kind, Verdict.PROMOTE
    )
    assert last in seen
    assert seen.count(Verdict.MOVE) == len(plan.stages) - 1
    assert Verdict.ROLL_BACK not in seen
    if last is Verdict.PROMOTE:
        assert dict(weighted)[NEW] == WHOLE


@pytest.mark.parametrize("kind", EVERY)
def test_a_shadow_that_finds_a_fault_returns_before_any_client_met_it(kind):
    plan = design(kind)
    if plan.stages[0].pair == 0:
        return
    made = decide(plan, paired_counts(plan, 900, errors=(14, 0)))
    assert made.verdict is Verdict.ROLL_BACK
    assert dict(made.weights)[OLD] == WHOLE
    assert made.mirrors == ()
    assert made.standing.ended is Verdict.ROLL_BACK


@pytest.mark.parametrize("kind", [Kind.CANARY, Kind.BLUE_GREEN, Kind.AB_TEST, Kind.BANDIT])
def test_a_split_that_finds_a_fault_returns_at_once(kind):
    plan = design(kind)
    stage = len(plan.stages) - 1
    share = spell(plan, stage).share(NEW)
    bad = split_counts(
        plan, stage, 4000, new={"errors": round(400 * share)}, old={"errors": round(40 * (1 - share))}
    )
    made = decide(plan, bad, at(stage))
    assert (made.verdict, made.arm) == (Verdict.ROLL_BACK, NEW)
    assert "errors" in made.reason


@pytest.mark.parametrize("kind", EVERY)
def test_in_propose_mode_the_same_function_asks(kind):
    auto, asks = design(kind), design(kind, mode=Mode.PROPOSE)
    for stage in range(len(auto.stages)):
        acts = decide(auto, fine(auto), at(stage), 7200.0)
        asked = decide(asks, fine(asks), at(stage), 7200.0)
        if acts.verdict in (Verdict.HOLD, Verdict.PROPOSE):
            assert asked == acts
            continue
        assert (asked.verdict, asked.proposed) == (Verdict.PROPOSE, acts.verdict)
        assert asked.evidence == acts.evidence
        assert asked.standing.stage == stage
        assert asked.standing.ended is None


@pytest.mark.parametrize("kind", EVERY_AND_AA)
def test_what_has_ended_stays_as_it_was_left(kind):
    plan = design(kind)
    over = Standing(ended=Verdict.ROLL_BACK, kept=OLD)
    made = decide(plan, fine(plan), over, LATER)
    assert made.verdict is Verdict.HOLD
    assert dict(made.weights)[OLD] == WHOLE
    assert made.mirrors == ()


@pytest.mark.parametrize("kind", EVERY)
def test_nothing_moves_before_its_time(kind):
    plan = design(kind, start_at=100.0)
    made = decide(plan, fine(plan), now=99.0)
    assert (made.verdict, made.mirrors) == (Verdict.HOLD, ())
    assert dict(made.weights)[OLD] == WHOLE
    assert "not started" not in decide(plan, fine(plan), now=100.0).reason


@pytest.mark.parametrize("kind", [Kind.SHADOW, Kind.CANARY, Kind.BLUE_GREEN, Kind.AB_TEST, Kind.BANDIT])
def test_what_is_unknown_waits_but_still_returns(kind):
    plan = design(kind)
    silent = Counts(nodes={"n2": Ticks(served=5, reported=4)})
    made = decide(plan, fine(plan) + silent, now=7200.0)
    assert made.verdict is Verdict.HOLD
    assert "n2" in made.reason
    assert decide(plan, paired_counts(plan, 900, errors=(14, 0)) + silent).verdict is Verdict.ROLL_BACK


@pytest.mark.parametrize("kind", [Kind.SHADOW, Kind.CANARY, Kind.BLUE_GREEN, Kind.AB_TEST])
def test_silence_is_never_a_promotion(kind):
    plan = design(kind)
    for stage, each in enumerate(plan.stages):
        if each.most_seconds is None or (each.shares and stage + 1 < len(plan.stages)):
            continue
        made = decide(plan, Counts(), at(stage), each.most_seconds)
        assert (made.verdict, made.standing.stage) == (Verdict.PROPOSE, stage)
        assert made.proposed in (Verdict.MOVE, Verdict.PROMOTE)


@pytest.mark.parametrize("kind", [Kind.SHADOW, Kind.CANARY, Kind.BLUE_GREEN, Kind.AB_TEST, Kind.BANDIT])
def test_a_rollout_that_does_not_move_asks_for_its_end(kind):
    plan = design(kind)
    made = decide(plan, now=plan.expires_seconds)
    assert (made.verdict, made.proposed) == (Verdict.PROPOSE, Verdict.END_TRIAL)


increments = st.lists(
    st.tuples(
        st.sampled_from([NEW, OLD]),
        st.integers(0, 400),
        st.integers(0, 3),
        st.sampled_from(["errors", "timeouts", "invalid_outputs"]),
    ),
    min_size=1,
    max_size=12,
)


@pytest.mark.parametrize("kind", EVERY_AND_AA)
@settings(max_examples=15)
@given(parts=increments, chance=st.randoms(use_true_random=False))
def test_any_order_and_batching_gives_the_same_decision(kind, parts, chance):
    plan = design(kind)
    stage = len(plan.stages) - 1
    counted = [
        Counts(arms={(spell(plan, stage), arm): Tally(units, bad={name: min(bad, units)})})
        for arm, units, bad, name in parts
    ]
    whole = decide(plan, reduce(add, counted), at(stage), 7200.0)
    chance.shuffle(counted)
    cut = chance.randrange(len(counted) + 1)
    merged = reduce(add, counted[cut:], Counts()) + reduce(add, counted[:cut], Counts())
    assert decide(plan, merged, at(stage), 7200.0) == whole
