"""Counts of units, read for a decision: what a spell is, who has told, and that reading costs the same."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from formats.evidence import Fact, FactKind, alone
from formats.heartbeat import Heartbeat
from formats.plan import WHOLE
from registry.transactions import write
from releases.models import NodeReport, Stage, StageTraffic, UnitCount, UnitFact
from releases.rollout.counts import Counts, Discordant, Pairs, Seen, Spell, Tally, Ticks
from releases.rollout.designs.design import Kind, weights
from releases.rollout.designs.metrics import GUARDRAILS, Threshold
from releases.rollout.gathering import counts_of
from releases.rollout.strategies import STRATEGIES
from releases.rollout.strategies.base import Standing, Verdict
from releases.traffic import evidence
from tests.releases import units
from tests.releases.units import FIRST, NEW, OLD, OTHER, tells

pytestmark = pytest.mark.django_db
SEEN = FactKind.SEEN
PLAN = units.design()
FIVE = Spell(2, weights(PLAN.stages[2].shares, PLAN.arms))
ONE = Spell(1, weights(PLAN.stages[1].shares, PLAN.arms))
SHADOW = Spell(0, ((str(NEW), 0), (str(OLD), WHOLE)))


def take(*batches):
    with write():
        evidence.take(units.makers.environment(), batches)


def seen(unit, version=OLD, revision=FIRST + 1, value=0) -> Fact:
    return Fact(SEEN, revision, version, 0, unit, value)


def counts(rollout, beats=(), now=None) -> Counts:
    return counts_of(rollout, beats, now or timezone.now())


def test_what_was_told_of_units_is_counted_by_spell_and_arm():
    rollout = units.going()
    errors = FactKind.BAD_ERRORS
    take(
        tells(rollout, seen(1), seen(2), seen(3, NEW), Fact(errors, FIRST + 1, OLD, 0, 1)),
        tells(rollout, seen(4, NEW, FIRST + 2), seen(2, NEW, FIRST + 2), seen(1, NEW, FIRST + 2), node="n2"),
        tells(rollout, Fact(errors, FIRST + 2, NEW, 0, 2), node="n2"),
    )
    found = counts(rollout)
    assert found.arms == {
        (ONE, str(OLD)): Tally(2, bad={"errors": 1}, marks={("node", "n1"): 2}),
        (ONE, str(NEW)): Tally(1, marks={("node", "n1"): 1}),
        (FIVE, str(NEW)): Tally(1, {"errors": 1}, moved=2, spent={"errors": 1}, marks={("node", "n2"): 1}),
    }
    assert (found.pairs, found.crossed) == ({}, 0)


def test_pairs_are_counted_for_the_challenger_and_for_the_arm_that_answered():
    rollout = units.going()

    def pair(kind, unit, value=0):
        return Fact(kind, FIRST, OLD, NEW, unit, value)

    one = alone("errors")
    take(
        tells(rollout, *(pair(FactKind.PAIRED, unit) for unit in range(5))),
        tells(rollout, pair(FactKind.DIFFERED, 1), pair(one, 1, 1), pair(one, 2, 1), pair(one, 3, 0)),
    )
    found = counts(rollout)
    assert found.pairs == {
        (SHADOW, str(NEW)): Pairs(units=5, differing=1, bad={"errors": Discordant(only_new=2, only_old=1)})
    }
    assert found.arms == {(SHADOW, str(OLD)): Tally(paired=5, triggered=1)}


def test_of_several_challengers_each_has_its_pairs_and_a_unit_counts_once_for_its_arm():
    rollout = units.going(units.design(Kind.AB_TEST, (NEW, OTHER)))
    pairs = [Fact(FactKind.PAIRED, FIRST, OLD, about, unit) for about in (NEW, OTHER) for unit in range(3)]
    take(tells(rollout, *pairs, Fact(FactKind.DIFFERED, FIRST, OLD, OTHER, 1)))
    found = counts(rollout)
    (tally,) = found.arms.values()
    assert (tally.paired, tally.triggered) == (3, 1)
    assert {arm: (each.units, each.differing) for (_, arm), each in found.pairs.items()} == {
        str(NEW): (3, 0),
        str(OTHER): (3, 1),
    }


def test_latency_is_told_by_how_many_thresholds_it_exceeds():
    slow = (Threshold("p99", 200.0, 0.01), Threshold("p50", 20.0, 0.5))
    metrics = tuple(replace(m, thresholds=slow) if m.name == "latency" else m for m in GUARDRAILS)
    rollout = units.going(units.design(metrics=metrics))
    values = {1: 0, 2: 1, 3: 1, 4: 2, 5: -1}
    take(tells(rollout, *(seen(unit, value=value) for unit, value in values.items())))
    tally = counts(rollout).tally(ONE, str(OLD))
    assert tally.units == 5
    assert tally.slow == {"latency": {"p50": Seen(4, 3), "p99": Seen(4, 1)}}, "one has no latency"


def test_revisions_with_the_same_weights_are_one_spell():
    rollout = units.going()
    stage = Stage.objects.get(rollout=rollout, place=1)
    units.route(rollout, stage, FIRST + 20, ONE.weights)
    units.route(rollout, stage, FIRST + 21, FIVE.weights)
    take(tells(rollout, seen(1), seen(2, revision=FIRST + 20), seen(3, revision=FIRST + 21)))
    assert {spell: tally.units for (spell, _), tally in counts(rollout).arms.items()} == {
        ONE: 2,
        Spell(1, FIVE.weights): 1,
    }


def test_two_arms_under_the_same_weights_are_told():
    rollout = units.going()
    take(tells(rollout, seen(1), seen(1, NEW), seen(2), seen(2, NEW, FIRST + 2)))
    assert counts(rollout).crossed == 1


def test_mirrors_that_were_given_up_are_told_of_their_version():
    rollout = units.going()
    stage = Stage.objects.get(rollout=rollout, place=0)
    StageTraffic.objects.create(
        stage=stage, revision=FIRST, version=NEW, arm="mirror", codes={"mirror_dropped": 9, "x": 1}
    )
    assert counts(rollout).arms == {(SHADOW, str(NEW)): Tally(dropped=9)}


# ---- who has told

NOW = timezone.now()


def beat(node, **more) -> Heartbeat:
    return Heartbeat(node, at=NOW.timestamp(), **more)


@pytest.mark.parametrize(
    ("begun", "told", "reported"),
    [(60, 5, 1), (60, 19, 1), (60, 21, 0), (60, None, 0), (15, None, 1), (15, 21, 0)],
)
def test_a_node_that_serves_and_has_not_told_of_late_is_unknown(begun, told, reported):
    rollout = units.going(begun_at=NOW - timedelta(seconds=begun))
    if told is not None:
        until = NOW - timedelta(seconds=told)
        NodeReport.objects.create(rollout=rollout, node="n1", until=until)
    found = counts(rollout, [beat("n1"), beat("n2", pattern="other-*")], NOW)
    assert found.nodes == {"n1": Ticks(1, reported)}, "a node that does not serve the model owes nothing"
    assert found.silent() == ([] if reported else ["n1"])


# ---- what it costs, and what is decided by it


def test_reading_takes_as_many_queries_however_much_was_told():
    rollout = units.going()

    def queries():
        with CaptureQueriesContext(connection) as asked:
            counts(rollout, [beat("n1")])
        return len(asked)

    take(tells(rollout, seen(1)))
    rollout.refresh_from_db()
    assert rollout.model
    few = queries()
    for node in ("n1", "n2", "n3"):
        told = [seen(unit, version, FIRST + 1 + unit % 3) for unit in range(200) for version in (OLD, NEW)]
        take(
            tells(
                rollout,
                *told,
                *(Fact(FactKind.BAD_ERRORS, FIRST + 1, OLD, 0, n) for n in range(20)),
                node=node,
            )
        )
    assert (few, queries()) == (6, 7), "one more where units have moved"


def test_a_version_that_fails_is_returned_by_what_nodes_told():
    rollout = units.going()
    told = [seen(unit, NEW if unit % 20 == 0 else OLD, FIRST + 2) for unit in range(2000)]
    told += [Fact(FactKind.BAD_ERRORS, FIRST + 2, NEW, 0, unit) for unit in range(0, 400, 20)]
    take(tells(rollout, *told))
    made = STRATEGIES[Kind.CANARY].decide(PLAN, counts(rollout), Standing(stage=2), 0.0)
    assert (made.verdict, made.arm) == (Verdict.ROLL_BACK, str(NEW))


def told_by(chance: random.Random) -> list[tuple[str, Fact]]:
    """A hundred units of a growing share: each is told by some nodes, as its version and revision met it."""
    told = []
    for unit in [chance.getrandbits(64) for _ in range(100)]:
        bad_under = {version for version in (OLD, NEW) if chance.random() < (0.5 if version == NEW else 0.1)}
        for place in chance.sample((1, 2, 3), chance.randint(1, 3)):
            share = dict(weights(PLAN.stages[place].shares, PLAN.arms))[str(NEW)]
            version = NEW if unit >> 11 < share * 4 else OLD
            for node in chance.sample(("n1", "n2", "n3"), chance.randint(1, 3)):
                told.append((node, seen(unit, version, FIRST + place, chance.randint(-1, 2))))
                if version in bad_under:
                    told.append((node, Fact(FactKind.BAD_ERRORS, FIRST + place, version, 0, unit)))
        told.append(("n1", Fact(FactKind.PAIRED, FIRST, OLD, NEW, unit)))
    return told


@pytest.mark.parametrize("seed", range(4))
def test_any_order_batches_repeats_and_nodes_give_the_same_counts_and_decision(seed):
    rollout, chance = units.going(), random.Random(seed)  # noqa: S311
    told, found = told_by(chance), []
    for _ in range(3):
        UnitFact.objects.all().delete()
        UnitCount.objects.all().delete()
        again = told + chance.sample(told, len(told) // 3)
        chance.shuffle(again)
        cut = sorted(chance.sample(range(len(again)), 7))
        for begin, end in pairwise([0, *cut, len(again)]):
            part = again[begin:end]
            nodes = {node for node, _ in part}
            take(*(tells(rollout, *(fact for by, fact in part if by == node), node=node) for node in nodes))
        found.append(counts(rollout))
    assert found[0] == found[1] == found[2]
    assert found[0].arms[FIVE, str(NEW)].moved
    decisions = [STRATEGIES[Kind.CANARY].decide(PLAN, each, Standing(stage=3), 9e5) for each in found]
    assert decisions[0] == decisions[1] == decisions[2]


# ---- what nodes gave up, and what nobody is left to compare with


def test_facts_that_a_node_gave_up_make_it_unknown_for_a_while_and_are_never_forgotten():
    rollout = units.going()
    take(units.batch("n1", to=NOW.timestamp() - 5, **{f"r{rollout.pk}": {"lost": 14}}))
    later = NOW + timedelta(seconds=25)
    take(units.batch("n1", to=later.timestamp() - 5, sequence=2, **{f"r{rollout.pk}": {}}))
    assert counts(rollout, [beat("n1")], NOW).nodes == {"n1": Ticks(1, 0, 14)}
    NodeReport.objects.update(until=later - timedelta(seconds=5))
    found = counts(rollout, [beat("n1")], later)
    assert (found.nodes, found.lost) == ({"n1": Ticks(1, 1, 14)}, 14)
    assert counts(rollout, [], later).lost == 14, "it may be gone by now; what it gave up stays so"


def test_requests_are_told_where_no_unit_goes_to_the_baseline():
    rollout = units.going()
    for place, revision in ((1, FIRST + 1), (2, FIRST + 30)):
        stage = Stage.objects.get(rollout=rollout, place=place)
        if revision == FIRST + 30:
            units.route(rollout, stage, revision, ((str(NEW), WHOLE), (str(OLD), 0)))
        for arm, many in (("canary", 500), ("fallback", 5), ("named", 70), ("internal", 90), ("mirror", 40)):
            StageTraffic.objects.create(
                stage=stage, revision=revision, version=NEW, arm=arm, requests=many, codes={}
            )
    told = {key: tally.requests for key, tally in counts(rollout).arms.items() if tally.requests}
    assert told == {(Spell(2, ((str(NEW), WHOLE), (str(OLD), 0))), str(NEW)): 505}
