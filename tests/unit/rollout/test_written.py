"""What decides a rollout is written as JSON and read again: the same value, and the same decision."""

from __future__ import annotations

import json
from dataclasses import replace
from math import inf, isnan, nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.ledger import canonical
from releases.rollout.counts import Cohort, Counts, Pairs, Seen, Spell, Sums, Tally
from releases.rollout.designs.design import Design, Ends, Goal, Kind, Mode, Play, Stage, StageKind
from releases.rollout.designs.metrics import Action, Direction, Metric, MetricKind, Threshold
from releases.rollout.evidence.cohorts import Resolution
from releases.rollout.strategies import STRATEGIES
from releases.rollout.strategies.base import Aim, Decision, Finding, Standing, Verdict
from releases.rollout.written import Unreadable, from_json, to_json
from tests.unit.rollout.rollouts import NEW, OLD, at, design, paired_counts, spell, split_counts
from tests.unit.rollout.test_counts import counts as plain_counts

names = st.text(max_size=4)
reals = st.floats(allow_nan=False)
wholes = st.integers(-(2**80), 2**80)
shares = st.lists(st.tuples(names, reals), max_size=3).map(tuple)
weighted = st.lists(st.tuples(names, wholes), max_size=3).map(tuple)
sums = st.builds(Sums, *([wholes] * 6))
spells = st.builds(Spell, st.integers(0, 9), weighted)
tallies = st.builds(
    Tally,
    units=wholes,
    slow=st.dictionaries(
        names, st.dictionaries(names, st.builds(Seen, wholes, wholes), max_size=2), max_size=2
    ),
    changed=st.dictionaries(names, sums, max_size=2),
    bets=st.dictionaries(st.tuples(names, names), st.lists(wholes, max_size=3).map(tuple), max_size=2),
    marks=st.dictionaries(st.tuples(names, names), wholes, max_size=2),
)
cohorts = st.dictionaries(st.tuples(st.integers(), names), st.builds(Cohort, wholes, sums), max_size=2)
every_count = st.builds(
    Counts,
    arms=st.dictionaries(st.tuples(spells, names), tallies, max_size=2),
    pairs=st.dictionaries(st.tuples(spells, names), st.builds(Pairs, wholes, wholes), max_size=2),
    cohorts=cohorts,
    even=cohorts,
)
metrics = st.builds(
    Metric,
    names,
    st.sampled_from(MetricKind),
    st.sampled_from(Direction),
    reals,
    st.booleans(),
    reals,
    st.sampled_from(Action),
    limit=st.none() | reals,
    thresholds=st.lists(st.builds(Threshold, names, reals, reals), max_size=2).map(tuple),
)
stages = st.builds(
    Stage, st.sampled_from(StageKind), shares, reals, reals, st.none() | reals, st.sampled_from(Ends)
)
designs = st.builds(
    Design,
    st.sampled_from(Kind),
    names,
    st.lists(names, max_size=3).map(tuple),
    st.lists(stages, max_size=3).map(tuple),
    st.lists(metrics, max_size=3).map(tuple),
    st.sampled_from(Mode),
    st.sampled_from(Goal),
    st.builds(Play, names, st.builds(Resolution, reals, reals, st.booleans()), st.none() | wholes),
    start_at=st.none() | reals,
)
standings = st.builds(
    Standing,
    reals,
    reals,
    st.integers(0, 9),
    st.dictionaries(names, reals, max_size=3),
    st.dictionaries(names, st.lists(reals, max_size=3).map(tuple), max_size=2),
    st.lists(names, max_size=2).map(tuple),
    shares,
    ended=st.none() | st.sampled_from(Verdict),
)
findings = st.builds(
    Finding, names, names, st.sampled_from(Aim), reals, reals, reals, st.sampled_from(Action), st.booleans()
)
decisions = st.builds(
    Decision,
    st.sampled_from(Verdict),
    names,
    weighted,
    shares,
    standings,
    st.lists(findings, max_size=3).map(tuple),
    proposed=st.none() | st.sampled_from(Verdict),
)


def again(value):
    """Through the text that the log keeps."""
    return from_json(type(value), json.loads(canonical(to_json(value))))


@settings(max_examples=200)
@given(st.one_of(designs, plain_counts, every_count, standings, findings, decisions))
def test_what_was_written_is_read_as_the_same_value(value):
    found = again(value)
    assert found == value
    assert canonical(to_json(found)) == canonical(to_json(value))


@settings(max_examples=50)
@given(plain_counts, plain_counts)
def test_equal_counts_are_written_alike_in_whatever_order_they_came(one, other):
    assert canonical(to_json(one + other)) == canonical(to_json(other + one))


@pytest.mark.parametrize("kind", sorted(STRATEGIES))
def test_what_is_decided_by_what_was_read_again_is_the_same(kind):
    plan = design(kind)
    for stage in range(len(plan.stages)):
        for counted in (
            Counts(),
            paired_counts(plan, 900, errors=(14, 0)),
            split_counts(plan, stage, 4000, new={"errors": 400}) if plan.stages[stage].shares else Counts(),
        ):
            asked = plan, counted, at(stage), 7200.0
            made = STRATEGIES[kind].decide(*asked)
            assert STRATEGIES[kind].decide(*map(again, asked[:3]), 7200.0) == made
            assert again(made) == made


@pytest.mark.parametrize("value", [0.1, 1e-320, 1.7976931348623157e308, 2.0**-1074, 1 / 3, inf, -inf, -0.0])
def test_reals_come_back_to_the_last_bit(value):
    assert repr(again(Standing(begun=value)).begun) == repr(value)


def test_what_is_no_number_stays_none():
    assert isnan(again(Standing(begun=nan)).begun)


def test_numbers_of_numpy_are_written_as_numbers():
    made = to_json(Standing(begun=np.float64(0.1), stage=np.int64(2), peaks={"a": np.float64(inf)}))
    assert json.dumps(made["begun"]) == "0.1"
    assert (type(made["begun"]), type(made["stage"]), made["peaks"]) == (float, int, {"a": "inf"})


def test_what_cannot_be_written_exactly_is_refused():
    with pytest.raises(TypeError):
        to_json(Standing(stage=1.5j))


def test_a_database_may_give_a_whole_number_back_for_a_real_one():
    found = from_json(Standing, {**to_json(Standing(begun=1e22)), "begun": 10**22})
    assert found.begun == 1e22
    assert type(found.begun) is float


def test_nothing_counted_takes_no_room_and_everything_else_is_said():
    assert to_json(Counts()) == {}
    plan = design(Kind.CANARY)
    told = to_json(split_counts(plan, 1, 100))
    assert told == {"arms": [[[{"stage": 1, "weights": _pairs(plan)}, arm], {"units": n}] for arm, n in ARMS]}
    assert set(to_json(Metric("errors"))) == set(Metric.__slots__)


ARMS = ((OLD, 99), (NEW, 1))


def _pairs(plan):
    return [list(pair) for pair in spell(plan, 1).weights]


def test_what_was_not_there_when_it_was_written_has_its_default():
    told = to_json(replace(design(Kind.CANARY), mode=Mode.PROPOSE))
    del told["onset_ticks"]
    assert from_json(Design, told) == replace(design(Kind.CANARY), mode=Mode.PROPOSE)


SOUND = to_json(design(Kind.CANARY))


@pytest.mark.parametrize(
    ("kind", "value", "sentence"),
    [
        (Counts, [], "counts is an object, not []."),
        (Counts, {"arm": []}, "counts has no 'arm': did you mean 'arms'?"),
        (Seen, {"zzz": 1}, "seen has no 'zzz': it has units, hit."),
        (Design, {}, "design lacks 'baseline'."),
        (Design, {**SOUND, "kind": "lottery"}, "design.kind is one of single, shadow, canary, "),
        (Design, {**SOUND, "kind": ["canary"]}, "not ['canary']."),
        (Design, {**SOUND, "baseline": 7}, "design.baseline is a text, not 7."),
        (Design, {**SOUND, "challengers": "8"}, "design.challengers is a list, not '8'."),
        (Design, {**SOUND, "challengers": ["8", 9]}, "design.challengers[1] is a text, not 9."),
        (Design, {**SOUND, "onset_ticks": 1.0}, "design.onset_ticks is a whole number, not 1.0."),
        (Design, {**SOUND, "onset_ticks": True}, "design.onset_ticks is a whole number, not True."),
        (Design, {**SOUND, "delta": True}, "design.delta is a number, not True."),
        (Design, {**SOUND, "delta": "0.05"}, "design.delta is a number, not '0.05'."),
        (Design, {**SOUND, "delta": 10**400}, "design.delta is a number of eight bytes, not 1000"),
        (
            Finding,
            {**to_json(Finding("8", "e", Aim.SAFE, 0, 0, 0)), "own": 1},
            "finding.own is true or false",
        ),
        (Standing, {"peaks": []}, "standing.peaks is an object, not []."),
        (Standing, {"peaks": {"a": None}}, "standing.peaks.a is a number, not None."),
        (Standing, {"shares": [["8"]]}, "standing.shares[0] has 2 members, not 1."),
        (Tally, {"marks": {}}, "tally.marks is a list of pairs, not {}."),
        (Tally, {"marks": [[["node", "a"], 1], [["node", "a"], 2]]}, "tally.marks says one thing twice."),
        (Tally, {"marks": [[["node"], 1]]}, "tally.marks[0][0] has 2 members, not 1."),
    ],
)
def test_what_is_none_of_ours_is_refused_with_its_place(kind, value, sentence):
    with pytest.raises(Unreadable) as refused:
        from_json(kind, value)
    assert sentence in str(refused.value)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=200)
@given(st.sampled_from(sorted(SOUND)), anything)
def test_whatever_stands_in_a_member_it_is_read_or_refused(name, value):
    try:
        found = from_json(Design, {**SOUND, name: value}, "rollout/7.design")
    except Unreadable as refusal:
        said = str(refusal)
    else:
        assert again(found) == found
        return
    assert said.startswith(f"rollout/7.design.{name}")
