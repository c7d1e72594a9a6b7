"""All open rollouts are looked at together: for what it costs to look at a few, and each for itself."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from formats.evidence import Fact, FactKind
from registry.transactions import write
from releases.models import Proposal, Rollout
from releases.rollout.strategies.base import Standing
from releases.rollout.written import to_json
from releases.services import deciding, looking
from releases.traffic import evidence
from tests.releases import units
from tests.releases.units import FIRST, NEW, OLD

pytestmark = pytest.mark.django_db
SPLIT = 1


@pytest.fixture(autouse=True)
def everybodys_turn(monkeypatch):
    monkeypatch.setattr(deciding, "EVERY_S", 1)


def going(begun=None):
    """One that is under way, with units that have told something."""
    begun = begun or timezone.now()
    rollout = units.going(begun_at=begun)
    rollout.standing = to_json(Standing(stage=SPLIT, begun=begun.timestamp(), since=begun.timestamp()))
    rollout.origin = rollout.stages.first().routes.first()
    rollout.save()
    seen = [
        Fact(FactKind.SEEN, FIRST + SPLIT, version, 0, unit) for unit in range(30) for version in (OLD, NEW)
    ]
    bad = [Fact(FactKind.BAD_ERRORS, FIRST + SPLIT, OLD, 0, unit) for unit in range(3)]
    with write():
        evidence.take(rollout.environment, [units.tells(rollout, *seen, *bad)])
    return rollout


def look(*rollouts):
    looking.look_at_all(rollouts[0].environment, [])


def left(rollout):
    """What a look has left behind."""
    rollout.refresh_from_db()
    return rollout.standing, rollout.looks, list(rollout.points.values_list("evidence", "shares", "stage"))


@pytest.fixture
def alone(monkeypatch):
    """Whom somebody has looked at one by one."""
    asked, decide = [], deciding.decide

    def told(pk, *more):
        asked.append(pk)
        return decide(pk, *more)

    monkeypatch.setattr(deciding, "decide", told)
    return asked


def test_what_is_seen_together_is_what_is_seen_alone(alone):
    begun = timezone.now()
    first, second = going(begun), going(begun)
    deciding.decide(first.pk, [], timezone.now())
    assert alone == [first.pk]
    look(second)
    assert alone == [first.pk], "neither takes a look of its own"
    assert left(first)[0] == left(second)[0]
    assert left(second)[1] == 1
    assert left(first)[2] == left(second)[2] != []

    before = left(second)
    look(second)
    assert left(second) == before, "and what has been seen is not written again"


def test_it_takes_as_many_questions_for_many_as_for_a_few():
    rollouts = [going(), going()]

    def asked():
        with CaptureQueriesContext(connection) as queries:
            look(*rollouts)
        return [query["sql"] for query in queries if query["sql"].startswith("SELECT")]

    asked()
    few = asked()
    rollouts += [going() for _ in range(4)]
    asked()
    assert len(asked()) == len(few) <= 10


def test_what_cannot_be_read_holds_up_none_of_the_others(alone, caplog):
    broken, fine, worse = going(), going(), going()
    Rollout.objects.filter(pk=broken.pk).update(design={"kind": "nonsense"})
    Rollout.objects.filter(pk=worse.pk).update(standing={"stage": "no number"})
    look(broken)
    assert sorted(alone) == [broken.pk, worse.pk]
    assert left(fine)[1] == 1
    assert [record.args for record in caplog.records if record.levelname == "ERROR"] == [
        (broken.pk,),
        (worse.pk,),
    ]


@pytest.mark.parametrize("what", ["read", "keep_held"])
def test_what_fails_of_all_of_them_together_is_done_one_by_one(alone, monkeypatch, what, caplog):
    rollouts = [going(), going()]
    where = looking.stored if what == "read" else deciding
    right, calls = getattr(where, what), []

    def fails_once(*arguments):
        calls.append(arguments)
        if len(calls) == 1:
            raise RuntimeError("the first time")
        return right(*arguments)

    monkeypatch.setattr(where, what, fails_once)
    look(*rollouts)
    assert alone == [rollout.pk for rollout in rollouts]
    assert [left(rollout)[1] for rollout in rollouts] == [1, 1]
    assert "one by one" in caplog.text


def test_where_something_is_to_be_done_it_is_read_again(alone, monkeypatch):
    acts, asks, fine = going(), going(), going()
    monkeypatch.setattr(deciding, "decide", lambda pk, beats, now: alone.append(pk))
    failing = [Fact(FactKind.BAD_ERRORS, FIRST + SPLIT, NEW, 0, unit) for unit in range(30, 300)]
    with write():
        evidence.take(acts.environment, [units.tells(acts, *failing)])
    Proposal.objects.create(
        rollout=asks,
        stage=asks.stages.first(),
        verdict="move",
        arm=str(NEW),
        reason="x",
        event=asks.origin.event,
    )
    look(fine)
    assert alone == [acts.pk, asks.pk]


def test_those_that_tell_of_a_sample_or_have_yet_to_begin_are_looked_at_alone(alone, monkeypatch):
    sampled, fine = going(), going()
    monkeypatch.setattr(deciding, "decide", lambda pk, beats, now: alone.append(pk))
    Rollout.objects.filter(pk=sampled.pk).update(sample=1)
    look(fine)
    assert alone == [sampled.pk]


def test_whoever_has_looked_meanwhile_is_not_overwritten(monkeypatch):
    rollout, read = going(), looking.stored.read
    moved = to_json(Standing(stage=SPLIT, begun=7.0, since=8.0))

    def meanwhile(designs):
        monkeypatch.setattr(looking.stored, "read", read)
        found = read(designs)
        deciding.decide(rollout.pk, [], timezone.now())
        Rollout.objects.filter(pk=rollout.pk).update(paused_by="person/ada", standing=moved, looks=2)
        return found

    monkeypatch.setattr(looking.stored, "read", meanwhile)
    look(rollout)
    assert left(rollout)[:2] == (moved, 2)
    assert rollout.points.count() == 1
    assert rollout.paused_by == "person/ada"
