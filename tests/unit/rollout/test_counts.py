"""Counts merge by adding: any order, any batches, the same value."""

from __future__ import annotations

from dataclasses import fields
from functools import reduce
from operator import add

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from formats.plan import WHOLE, Arm
from releases.rollout.counts import (
    GRAIN,
    Counts,
    Discordant,
    Pairs,
    Seen,
    Spell,
    Sums,
    Tally,
    Ticks,
    fixed,
)
from releases.rollout.designs.design import moved_back, weights
from scoring.routing import splitter

NEW, OLD = "8", "7"
ARMS = (NEW, OLD)
FIVE = Spell(1, weights(((NEW, 0.05),), ARMS))
HALF = Spell(3, weights(((NEW, 0.5),), ARMS))

rewards = st.lists(st.floats(0, 1), max_size=4)
tallies = st.builds(
    Tally,
    units=st.integers(0, 9),
    bad=st.dictionaries(st.sampled_from(["errors", "timeouts"]), st.integers(0, 9)),
    slow=st.dictionaries(
        st.just("latency"),
        st.dictionaries(
            st.sampled_from(["p50", "p99"]), st.builds(Seen, st.integers(0, 9), st.integers(0, 9))
        ),
    ),
    outcomes=st.dictionaries(st.just("bought"), st.builds(Sums.of, rewards)),
    bets=st.dictionaries(st.just(("score", "8")), st.tuples(st.integers(-99, 99), st.integers(-99, 99))),
    marks=st.dictionaries(st.sampled_from([("node", "n1"), ("node", "n2")]), st.integers(0, 9)),
)
counts = st.builds(
    Counts,
    arms=st.dictionaries(st.tuples(st.sampled_from([FIVE, HALF]), st.sampled_from(ARMS)), tallies),
    pairs=st.dictionaries(
        st.tuples(st.just(FIVE), st.just(NEW)),
        st.builds(Pairs, bad=st.dictionaries(st.just("errors"), st.builds(Discordant, st.integers(0, 9)))),
    ),
    nodes=st.dictionaries(st.sampled_from("ab"), st.builds(Ticks, st.integers(0, 9), st.integers(0, 9))),
    crossed=st.integers(0, 3),
)


@settings(max_examples=25)
@given(st.lists(counts, min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_merging_keeps_no_order_and_no_batches(parts, chance):
    whole = reduce(add, parts)
    shuffled = list(parts)
    chance.shuffle(shuffled)
    cut = chance.randrange(len(shuffled))
    left = reduce(add, shuffled[:cut], Counts())
    assert left + reduce(add, shuffled[cut:], Counts()) == whole


def test_what_was_never_counted_is_an_empty_tally():
    assert Counts().tally(FIVE, NEW) == Tally()
    assert Counts().spells() == []


def test_two_batches_of_one_arm_are_one_tally():
    one = Counts(arms={(FIVE, NEW): Tally(units=3, bad={"errors": 1})})
    two = Counts(arms={(FIVE, NEW): Tally(units=2, bad={"timeouts": 1}), (FIVE, OLD): Tally(units=9)})
    both = one + two
    assert both.tally(FIVE, NEW) == Tally(units=5, bad={"errors": 1, "timeouts": 1})
    assert both.spells() == [FIVE]


def test_bets_of_different_grids_are_never_mixed():
    with pytest.raises(ValueError, match="shorter"):
        Tally(bets={("score", "8"): (1, 2)}) + Tally(bets={("score", "8"): (1,)})


def test_a_tick_without_counters_is_unknown():
    seen = Counts(nodes={"a": Ticks(5, 5), "b": Ticks(5, 4)})
    assert seen.silent() == ["b"]
    assert (seen + Counts(nodes={"b": Ticks(0, 1)})).silent() == [], "counters that come late make it known"


def test_sums_know_rewards_between_the_integers():
    sums = Sums.of([0.25, 0.5, 1.0], [1.0, 0.0, 0.5])
    assert (sums.n, sums.total, sums.squares, sums.mean) == (3, 1.75, 1.3125, pytest.approx(1.75 / 3))
    assert (sums.x / GRAIN, sums.xx / GRAIN, sums.xy / GRAIN) == (1.5, 1.25, 0.75)
    assert Sums().mean == 0.0
    assert fixed(-0.5) == -GRAIN // 2


def test_shares_are_those_of_the_weights():
    assert FIVE.share(NEW) == pytest.approx(0.05)
    assert FIVE.share("9") == 0.0
    three = Spell(0, weights((("9", 0.3), (NEW, 0.1)), ("9", NEW, OLD)))
    assert three.share_beside(NEW, OLD) == pytest.approx(0.1 / 0.7)
    assert three.share_beside("4", "5") == 0.0


@given(st.lists(st.floats(0, 0.3), min_size=1, max_size=3))
def test_weights_sum_to_the_whole(shares):
    names = tuple(f"{n}" for n in range(len(shares)))
    made = weights(tuple(zip(names, shares, strict=True)), (*names, "base"))
    assert sum(weight for _, weight in made) == WHOLE
    assert min(weight for _, weight in made) >= 0


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=50), st.floats(0, 0.5), st.floats(0.5, 1))
def test_a_growing_share_moves_nobody_back(units, low, high):
    before, after = (weights(((NEW, share),), ARMS) for share in (low, high))
    places = [splitter([Arm(int(arm), weight, "") for arm, weight in w]) for w in (before, after)]
    assert moved_back(before, after) == 0.0
    assert not [unit for unit in units if places[0](unit) == 0 and places[1](unit) == 1]


def test_two_growing_versions_take_units_from_each_other():
    arms = ("8", "9", "7")
    before, after = (weights((("8", share), ("9", 0.2)), arms) for share in (0.1, 0.2))
    assert moved_back(before, after) == pytest.approx(0.1)
    assert moved_back(after, before) == pytest.approx(0.2)


@pytest.mark.parametrize("value", [Seen, Discordant, Ticks, Sums, Tally, Pairs, Counts])
def test_every_part_of_the_counts_starts_at_nothing(value):
    empty = value()
    assert empty + empty == empty
    assert all(not getattr(empty, each.name) for each in fields(value))
