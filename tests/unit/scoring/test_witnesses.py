"""What a worker tells of a rollout's units, and what its node makes of it."""

from __future__ import annotations

from types import SimpleNamespace

import msgspec
import pytest

from formats.documents import Hex
from formats.evidence import Fact, Told
from formats.plan import WHOLE, Arm, ModelPlan, PlannedRollout
from scoring import errors
from scoring.control import Witnessed
from scoring.errors import ScoringError
from scoring.node.outbox import evidence
from scoring.node.outbox.evidence import Evidence, Gathered, rollouts
from scoring.routing import SAMPLED, drawer
from scoring.worker import witnesses
from scoring.worker.witnesses import ArmWitness, Facts, Once, Witnesses, bad_metric
from tests.unit.scoring.test_counting_by_revision import Node

UNIT = 2**64 - 1
OWN = {
    "ScoringError": "errors",
    "InferenceFailed": "errors",
    "OutputTooLarge": "errors",
    "VersionBroken": "errors",
    "PoisonRequest": "errors",
    "Overloaded": "errors",
    "DeadlineExceeded": "timeouts",
    "RunTimedOut": "timeouts",
    "InvalidOutput": "invalid_outputs",
    "BadOutput": "invalid_outputs",
}


def model(revision=3, **rollout):
    told = PlannedRollout(**{"id": 9, "baseline": 1, "challengers": (2,), "slow_ms": (1.0, 10.0), **rollout})
    versions = SimpleNamespace(staged=False, number=1)
    return ModelPlan(revision, Hex(b"salt"), (Arm(1, WHOLE, "champion"),), {1: versions}, rollout=told)


def witness(kept, entry, version, *, replaced=False):
    return ArmWitness(kept.teller(entry.rollout, entry), version, replaced=replaced)


def asked(unit=UNIT, arrived=0.0):
    return SimpleNamespace(unit=unit, arrived=arrived)


def told(kept: Witnesses):
    return [fact for _, fact in kept.facts.take().facts]


@pytest.mark.parametrize("kind", [each for each in vars(errors).values() if isinstance(each, type)])
def test_which_errors_are_evidence_against_an_arm(kind):
    assert bad_metric(kind("words")) == OWN.get(kind.__name__)


def test_a_unit_is_told_of_once_with_the_latency_of_its_first_request():
    kept = Witnesses()
    arm = witness(kept, model(), 2)
    for seconds, unit in ((0.0005, 1), (0.001, 2), (0.002, 3), (0.02, 4), (0.5, 1)):
        arm.answered(asked(unit), seconds, ())
    assert told(kept) == [
        Fact("seen", 3, 2, 0, unit, value) for unit, value in ((1, 0), (2, 0), (3, 1), (4, 2))
    ]


def test_each_kind_of_bad_event_is_told_once_and_a_clients_mistake_is_none():
    kept = Witnesses()
    arm = witness(kept, model(), 2)
    for error in (errors.BadTensor, errors.OutsideLimits, errors.InferenceFailed, errors.Overloaded):
        arm.failed(asked(), error("words"))
    assert told(kept) == [Fact("seen", 3, 2, 0, UNIT, -1), Fact("errors", 3, 2, 0, UNIT)]
    arm.failed(asked(), errors.BadOutput("words"))
    assert told(kept) == [Fact("invalid_outputs", 3, 2, 0, UNIT)]
    arm.failed(asked(1), errors.RunTimedOut("words"))
    assert told(kept) == [Fact("seen", 3, 2, 0, 1, 2), Fact("timeouts", 3, 2, 0, 1)]


def test_whatever_a_fallback_says_is_an_error_of_the_arm_that_it_stands_in_for():
    kept = Witnesses()
    arm = witness(kept, model(), 2, replaced=True)
    arm.answered(asked(1), 0.0, ())
    arm.failed(asked(2), errors.DeadlineExceeded("words"))
    arm.failed(asked(3), errors.BadTensor("words"))
    assert [(fact.kind, fact.unit, fact.value) for fact in told(kept)] == [
        ("seen", 1, -1),
        ("errors", 1, 0),
        ("seen", 2, -1),
        ("errors", 2, 0),
    ]


def test_what_was_told_is_remembered_over_revisions_and_forgotten_with_the_rollout():
    kept = Witnesses()
    witness(kept, model(3), 2).answered(asked(), 0.0, ())
    kept.keep({9})
    witness(kept, model(4), 2).answered(asked(), 0.0, ())
    witness(kept, model(4), 1).answered(asked(), 0.0, ())
    assert [(fact.revision, fact.version) for fact in told(kept)] == [(3, 2), (4, 1)]
    kept.keep({8})
    assert kept.known == {}


def test_in_a_sample_those_are_told_of_whose_draw_is_low():
    kept = Witnesses()
    arm = witness(kept, model(sample=2), 2)
    for unit in range(1000):
        arm.answered(asked(unit), 0.0, ())
    draw = drawer(b"salt", SAMPLED)
    assert {fact.unit for fact in told(kept)} == {unit for unit in range(1000) if draw(unit) < WHOLE // 4}


def test_a_full_memory_tells_again_and_full_facts_are_counted_as_lost(monkeypatch):
    monkeypatch.setattr(witnesses, "MOST_UNITS", 2)
    once = Once()
    assert [once.first(unit) for unit in (1, 1, 2, 3, 1)] == [True, False, True, True, True]
    monkeypatch.setattr(witnesses, "MOST_FACTS", 1)
    facts = Facts()
    assert not facts
    for unit in range(3):
        facts.offer(9, Fact("seen", 1, 1, 0, unit))
    assert facts
    assert facts.take() == Witnessed([(9, Fact("seen", 1, 1, 0, 0))], {9: 2})
    assert facts.take() == Witnessed([], {})


def test_a_node_says_what_several_workers_say_once_and_who_moved_in_both_arms(monkeypatch):
    heard = Evidence(lambda: {9})
    seen, moved = Fact("seen", 1, 1, 0, 5, 2), Fact("seen", 2, 2, 0, 5)
    heard.hear(Witnessed([(9, seen), (9, moved)]))
    heard.hear(Witnessed([(9, seen._replace(value=0)), (8, seen)], {9: 4}))
    taken = heard.take()
    assert taken == {9: Gathered([seen, moved], 4), 8: Gathered([seen])}
    assert rollouts(taken)["8"] == {"facts": (("seen", 1, 1, 0, 5, 2),)}
    heard.hear(Witnessed([(9, seen)]))
    assert rollouts(heard.take()) == {"9": {}}


def test_a_nodes_memory_is_bounded_and_what_has_no_room_is_lost(monkeypatch):
    monkeypatch.setattr(evidence, "MOST_FACTS", 2)
    monkeypatch.setattr(evidence, "MOST_KNOWN", 2)
    heard = Evidence(lambda: {9})
    facts = [Fact("seen", 1, 1, 0, unit) for unit in range(3)]
    for fact in facts:
        heard.add(9, fact)
    assert heard.take() == {9: Gathered(facts[:2], 1)}
    heard.add(9, facts[2])
    heard.add(9, facts[0])
    assert heard.take() == {9: Gathered([facts[2], facts[0]])}


def test_a_flush_that_cannot_be_written_is_said_by_the_next_and_silence_is_said_too():
    node = Node()
    node.evidence._open = lambda: {9}
    facts = [Fact("seen", 1, 1, 0, unit) for unit in range(2)]
    keep = node.outbox.append

    async def full(body):
        node.evidence.hear(Witnessed([(9, facts[1])], {9: 1}))
        raise OSError("no space left on device")

    node.outbox.append = full
    node.evidence.hear(Witnessed([(9, facts[0])], {9: 1}))
    node.flush()
    node.outbox.append = keep
    node.flush()
    node.flush()
    assert [flush["rollouts"] for flush in node.outbox.flushes] == [
        {"9": {"facts": tuple(tuple(fact) for fact in facts), "lost": 2}},
        {"9": {}},
    ]
    assert not node.outbox.flushes[1]["cells"]
    node.evidence._open = lambda: ()
    node.flush()
    assert len(node.outbox.flushes) == 2


def test_what_a_node_told_is_read_as_it_was_meant():
    said = rollouts({9: Gathered([Fact("seen", 1, 1, 0, UNIT, -1)], 3)})
    read = msgspec.convert(msgspec.json.decode(msgspec.json.encode(said)), dict[str, Told])
    assert Fact(*read["9"].facts[0]) == Fact("seen", 1, 1, 0, UNIT, -1)
    assert read["9"].lost == 3


def test_other_errors_have_a_metric_of_their_own_only_by_their_kind():
    class Later(ScoringError):
        """One that a worker may have some day."""

    assert bad_metric(Later("words")) is None


@pytest.mark.parametrize(
    ("version", "ms", "thresholds"), [(1, 1.2, 1), (2, 1.2, 0), (2, 1.6, 1), (2, 10.6, 2)]
)
def test_a_challenger_is_slow_only_beyond_the_slack(version, ms, thresholds):
    kept = Witnesses()
    witness(kept, model(slack_ms=0.5), version).answered(asked(), ms / 1000, None)
    assert [fact.value for fact in told(kept)] == [thresholds]
