"""What nodes tell of units counts once, in whatever order it comes, however often and by whichever node."""

from __future__ import annotations

import random
import time
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from formats.evidence import BAD, Fact, FactKind, alone
from formats.plan import WHOLE
from registry.transactions import write
from releases.models import NodeReport, UnitCount, UnitFact, UnitOutcome
from releases.rollout.designs.design import Kind
from releases.traffic import evidence, forgetting
from releases.traffic.unions import MOVED, united
from scoring.routing import SAMPLED, drawer
from tests import makers
from tests.releases import units
from tests.releases.units import FIRST, NEW, OLD, OTHER, SALT, batch, counted, kept, tells

pytestmark = pytest.mark.django_db
SEEN, ERRORS = FactKind.SEEN, FactKind.BAD_ERRORS
LARGE = 2**64 - 5


def seen(unit, version=OLD, revision=FIRST + 1, value=0) -> Fact:
    return Fact(SEEN, revision, version, 0, unit, value)


def bad(unit, version=OLD, revision=FIRST + 1) -> Fact:
    return Fact(ERRORS, revision, version, 0, unit)


def take(*batches, environment=None):
    with write():
        evidence.take(environment or makers.environment(), batches)


@pytest.fixture
def rollout():
    return units.going()


# ---- what counts


def test_a_unit_counts_once_by_the_weights_that_gave_it_its_version(rollout):
    take(tells(rollout, seen(1), seen(2, NEW), seen(LARGE), bad(2, NEW)), tells(rollout, seen(1), seen(3)))
    assert counted(rollout) == {
        (1, FIRST + 1, OLD, "seen", 0, 0, "n1"): 3,
        (1, FIRST + 1, NEW, "seen", 0, 0, "n1"): 1,
        (1, FIRST + 1, NEW, "errors", 0, 0, "n1"): 1,
    }
    assert rollout.facts.filter(kind="seen").count() == 4
    assert rollout.facts.filter(unit=-5).exists(), "64 bits are kept as a signed number"


def test_what_is_told_again_later_by_another_node_or_stage_counts_no_more(rollout):
    take(tells(rollout, seen(1), bad(1)))
    before = counted(rollout)
    take(tells(rollout, seen(1), bad(1)))
    take(tells(rollout, seen(1, revision=FIRST + 2), bad(1, revision=FIRST + 2), node="n2"))
    assert counted(rollout) == before


def test_a_unit_that_a_growing_share_takes_over_has_moved_there_once(rollout):
    take(tells(rollout, seen(1)))
    for node in ("n1", "n1", "n2"):
        take(tells(rollout, seen(1, NEW, FIRST + 2, value=3), node=node))
    told = counted(rollout)
    assert told.pop((1, FIRST + 1, OLD, "seen", 0, 0, "n1")) == 1
    ((place, units_),) = told.items()
    assert (place[:6], units_) == ((2, FIRST + 2, NEW, MOVED, NEW, 0), 1)


def test_two_versions_under_the_same_weights_are_told_apart_from_a_move(rollout):
    take(tells(rollout, seen(1), seen(1, NEW)), tells(rollout, seen(1, NEW, FIRST + 2)))
    assert sum(n for place, n in counted(rollout).items() if place[3] == MOVED and place[5] == 1) == 1


def test_an_earlier_stage_that_is_told_later_takes_the_unit_back(rollout):
    take(tells(rollout, seen(1, NEW, FIRST + 3, value=2), bad(1, NEW, FIRST + 3)))
    take(tells(rollout, seen(1, OLD, FIRST + 1, value=1), bad(1, OLD, FIRST + 1), node="n2"))
    assert counted(rollout) == {
        (1, FIRST + 1, OLD, "seen", 0, 1, "n2"): 1,
        (3, FIRST + 3, NEW, MOVED, NEW, 0, "n1"): 1,
        (1, FIRST + 1, OLD, "errors", 0, 0, "n2"): 1,
    }
    take(tells(rollout, seen(1, NEW, FIRST, value=1)))
    assert {place[3:5] for place in kept_places(rollout)} == {("seen", 0), (MOVED, OLD), ("errors", 0)}, (
        "it never moved to the version that it began with"
    )


def kept_places(rollout):
    return counted(rollout)


def test_pairs_of_several_challengers_are_counted_for_any_of_them_too():
    rollout = units.going(units.design(Kind.AB_TEST, (NEW, OTHER)))
    pairs = [Fact(FactKind.PAIRED, FIRST, OLD, about, 1) for about in (NEW, OTHER)]
    take(tells(rollout, *pairs, Fact(FactKind.DIFFERED, FIRST, OLD, OTHER, 1)))
    assert {place[3:5]: n for place, n in counted(rollout).items()} == {
        ("paired", NEW): 1,
        ("paired", OTHER): 1,
        ("paired", 0): 1,
        ("differed", OTHER): 1,
        ("differed", 0): 1,
    }


def test_versions_and_revisions_of_no_part_in_it_are_left_out(rollout):
    strange = [
        seen(1, 3),
        seen(2, revision=1),
        Fact(FactKind.PAIRED, FIRST, OLD, OLD, 3),
        Fact(FactKind.PAIRED, FIRST, OLD, 3, 4),
    ]
    take(tells(rollout, *strange, seen(5)))
    assert sum(counted(rollout).values()) == 1


# ---- what is silent, and what is over


def test_a_node_that_has_nothing_to_tell_is_not_silent(rollout):
    now = time.time()
    take(tells(rollout, to=now - 5), tells(rollout, to=now - 9), batch("n2", to=now, r999={}))
    report = NodeReport.objects.get()
    assert (report.rollout_id, report.node, report.lost) == (rollout.pk, "n1", 0)
    assert report.until.timestamp() == pytest.approx(now - 5, abs=1e-3)


def test_a_report_never_goes_back_nor_into_the_future(rollout):
    now = time.time()
    take(tells(rollout, to=now + 1e6))
    take(tells(rollout, to=now - 60))
    assert now - 1 < NodeReport.objects.get().until.timestamp() <= time.time()


def test_what_a_node_had_no_room_for_adds_up(rollout):
    for lost in (3, 4):
        take(batch(**{f"r{rollout.pk}": {"lost": lost}}))
    assert NodeReport.objects.get().lost == 7


def test_a_rollout_that_is_over_takes_what_is_late_and_no_more(rollout):
    rollout.closed_at = timezone.now() - evidence.LATE + timedelta(minutes=1)
    rollout.save()
    take(tells(rollout, seen(1)))
    rollout.closed_at = timezone.now() - evidence.LATE - timedelta(minutes=1)
    rollout.save()
    take(tells(rollout, seen(2)))
    assert sum(counted(rollout).values()) == 1


def test_another_environment_tells_nothing_of_it(rollout):
    take(tells(rollout, seen(1)), environment=makers.environment("staging"))
    assert not UnitFact.objects.exists()
    assert not NodeReport.objects.exists()


# ---- what nobody can read

GOOD = ["seen", FIRST + 1, OLD, 0, 1, 0]


@pytest.mark.parametrize(
    "member",
    [
        None,
        [],
        {"facts": 3},
        {"facts": [GOOD[:5]]},
        {"facts": [["chosen", *GOOD[1:]]]},
        {"facts": [["moved", *GOOD[1:]]]},
        {"facts": [[*GOOD[:4], 2**64, 0]]},
        {"facts": [[*GOOD[:4], -1, 0]]},
        {"facts": [[*GOOD[:5], 2**15]]},
        {"facts": [["seen", 2**31, OLD, 0, 1, 0]]},
        {"facts": [["seen", FIRST + 1, -7, 0, 1, 0]]},
        {"facts": [[*GOOD[:4], 1.5, 0]]},
        {"facts": [GOOD, [*GOOD[:5], "0"]]},
        {"lost": -1},
        {"lost": 10**400},
    ],
)
def test_a_member_that_nobody_can_read_is_silence_and_holds_up_no_other(rollout, caplog, member):
    other = units.going(environment="staging")
    told = batch(**{f"r{rollout.pk}": member, f"r{other.pk}": {"facts": [GOOD]}})
    take(told, environment=other.environment)
    take(told)
    assert not NodeReport.objects.filter(rollout=rollout).exists()
    assert counted(rollout) == {}
    assert sum(counted(other).values()) == 1
    assert "left out" in caplog.text


@pytest.mark.parametrize("name", ["", "0", "-1", "7.0", "x", "9" * 400, "٣", "1e3"])
def test_a_name_that_is_no_number_of_a_rollout_holds_up_nothing(rollout, name):
    told = tells(rollout, seen(1))
    take(told, batch(**{f"r{name}": {}}), tells(rollout, seen(2)))
    assert sum(counted(rollout).values()) == 2


@pytest.mark.parametrize("said", [None, [], "7", 7])
def test_members_that_are_none_hold_up_nothing(rollout, said):
    broken = batch()
    broken.body["rollouts"] = said
    take(broken, tells(rollout, seen(1)))
    assert sum(counted(rollout).values()) == 1


@pytest.mark.parametrize("to", ["x", None, float("nan"), 10**400, []])
def test_a_flush_that_does_not_say_up_to_when_is_silence(rollout, to):
    broken = tells(rollout, seen(1))
    broken.body["to"] = to
    take(broken)
    assert not NodeReport.objects.exists()
    assert counted(rollout) == {}


def test_a_flush_of_a_node_of_before_knows_no_rollouts(rollout):
    told = batch()
    del told.body["rollouts"]
    with CaptureQueriesContext(
        connection,
    ) as asked:
        evidence.take(rollout.environment, [told])
    assert len(asked) == 0, "and costs nothing"


# ---- what it costs


def many(rollout, count, first=0):
    chance = random.Random(first)  # noqa: S311
    told = []
    for unit in range(first, first + count):
        version = chance.choice([OLD, NEW])
        told.append(seen(unit * 2654435761 % 2**64, version, FIRST + chance.choice([1, 2])))
        if chance.random() < 0.1:
            told.append(bad(told[-1].unit, version, told[-1].revision))
    return told


def test_queries_grow_neither_with_facts_nor_with_nodes_nor_with_flushes(rollout):
    def queries(*batches):
        with write(), CaptureQueriesContext(connection) as asked:
            evidence.take(rollout.environment, batches)
        return len([each for each in asked if "SAVEPOINT" not in each["sql"]])

    few = queries(tells(rollout, *many(rollout, 40)))
    more = queries(*(tells(rollout, *many(rollout, 8, n * 8), node=f"n{n}") for n in range(100, 105)))
    assert few == more
    assert few <= 12


# ---- a bound on what is kept


def test_beyond_the_bound_every_second_unit_is_left_out_with_all_its_facts(rollout, monkeypatch):
    monkeypatch.setattr(evidence, "MOST_FACTS", 120)
    told = many(rollout, 100) + [seen(n * 2654435761 % 2**64, NEW, FIRST + 3) for n in range(50)]
    take(tells(rollout, *told[:60]))
    rollout.refresh_from_db()
    assert rollout.sample == 0
    take(tells(rollout, *told[60:], node="n2"))
    rollout.refresh_from_db()
    assert rollout.sample == 1
    drawn = drawer(SALT, SAMPLED)
    assert kept(rollout), "some are left"
    assert all(drawn(unit % 2**64) < WHOLE >> 1 for _, _, unit, *_ in kept(rollout))

    sampled = counted(rollout)
    UnitCount.objects.all().delete()
    UnitFact.objects.all().delete()
    take(tells(rollout, *told[:60]), tells(rollout, *told[60:], node="n2"))
    assert counted(rollout) == sampled, "as if it had been sampled from the beginning"


# ---- what is forgotten


def test_units_of_a_rollout_that_ended_are_forgotten_and_their_counts_are_not(rollout, monkeypatch):
    monkeypatch.setattr(forgetting, "FORGOTTEN_AT_ONCE", 3)
    open_one = units.going(environment="staging")
    take(tells(open_one, seen(1)), environment=open_one.environment)
    take(tells(rollout, *(seen(unit) for unit in range(5))))
    UnitOutcome.objects.create(
        rollout=rollout, metric="bought", unit=1, value=1, at=timezone.now(), came_at=timezone.now()
    )
    before = counted(rollout)
    rollout.closed_at = timezone.now() - forgetting.KEPT - timedelta(minutes=1)
    for metric in rollout.design["metrics"]:
        metric["window_hours"] = 1.0
    rollout.save()
    assert forgetting.forget_old() == 0, "something may still come of a unit for an hour"

    later = timezone.now() + timedelta(hours=1)
    assert [forgetting.forget_old(later) for _ in range(3)] == [3, 3, 0]
    assert not rollout.facts.exists()
    assert not UnitOutcome.objects.exists()
    assert counted(rollout) == before
    assert open_one.facts.count() == 1


# ---- any order

facts = st.builds(
    Fact,
    st.sampled_from([SEEN, SEEN, *BAD, FactKind.PAIRED, FactKind.DIFFERED, alone("errors")]),
    st.integers(FIRST, FIRST + 2),
    st.sampled_from([OLD, NEW, OTHER]),
    st.sampled_from([0, NEW, OTHER]),
    st.integers(0, 5) | st.integers(2**64 - 3, 2**64 - 1),
    st.integers(0, 2),
)
nodes = st.sampled_from(["n1", "n2", "n3"])


def alike(told):
    """What each node tells of a key is one thing: it tells it first, and then not again. That a unit was seen
    is about no challenger."""
    first = {}
    for node, each in told:
        fact = each._replace(about=0) if each.kind == SEEN else each
        first.setdefault((node, fact.key, fact.revision, fact.version), (node, fact))
    return list(first.values())


@settings(max_examples=100)
@given(st.lists(st.tuples(nodes, facts), max_size=20).map(alike), st.integers(0, 2**32))
def test_the_same_facts_stand_in_whatever_order_and_batches_they_come(told, seed):
    chance = random.Random(seed)  # noqa: S311

    def kept_of(node, fact):
        return evidence._kept(node, fact)

    whole = united([], [kept_of(*each) for each in told])
    again = told + chance.sample(told, len(told) // 2)
    chance.shuffle(again)
    standing = {}
    while again:
        part, again = again[:3], again[3:]
        new = [kept_of(*each) for each in part]
        of = {fact.unit for fact in new}
        known = {fact.unit for fact in new}
        stored = [fact for fact in standing.values() if fact.unit in known]
        rest = {key: fact for key, fact in standing.items() if fact.unit not in of}
        standing = rest | dict(united(stored, new))
    assert standing == whole
