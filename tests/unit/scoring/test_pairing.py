"""What becomes of a pair: who is asked, what is told of both, and what is given up."""

from __future__ import annotations

from concurrent.futures import Executor
from types import SimpleNamespace

import numpy as np
import pytest

from formats.answers import Tolerances
from formats.plan import WHOLE, PlannedRollout
from formats.types import Signature, TensorSpec, Tolerance
from scoring import errors
from scoring.telemetry import Meter
from scoring.worker import differing
from scoring.worker.differing import Comparison, differ
from scoring.worker.exchange import Exchange, Mirror
from scoring.worker.mirrors import Mirrors
from scoring.worker.pairing import Pairing, Pairs
from scoring.worker.witnesses import ArmWitness, Draws, Facts, Teller

SPEC = TensorSpec("y", "FP32", (-1, 1))
SIGNATURE = Signature((TensorSpec("x", "FP32", (-1, 1)),), (SPEC,))
CLOSE = Tolerances(1e-6, 1e-5)
UNIT = 7


def answer(*values):
    return [np.array(values, np.float32).reshape(-1, 1)]


class AtOnce(Executor):
    """Does the work when it is asked to, as a thread would a little later."""

    def submit(self, work, *arguments):
        work(*arguments)


class Worker:
    """A worker's pairs, and versions that answer what they are told to. `soon` is the loop's next turn."""

    def __init__(self, says, *, version=1, challengers=(2,), most=8, most_bytes=1000, **rollout):
        self.says, self.soon, self.asked = says, [], []
        self.facts = Facts()
        plan = PlannedRollout(id=9, baseline=1, challengers=challengers, **rollout)
        draws = Draws(lambda unit: unit, lambda unit: unit)
        self.meters = {number: Meter() for number in (1, *challengers)}
        self.mirrors = Mirrors(100)
        self.pairs = Pairs(
            self.mirrors,
            AtOnce(),
            lambda call, *rest: self.soon.append((call, rest)),
            lambda call, *rest: self.soon.append((call, rest)),
            most=most,
            most_bytes=most_bytes,
        )
        self.pairing = Pairing(
            self.pairs,
            Teller(plan, 3, draws, self.facts, {}),
            version,
            1,
            {number: Comparison.of(SIGNATURE, SIGNATURE, CLOSE) for number in challengers},
            {number: Mirror(self._target(number), True) for number in self.meters},
            WHOLE,
        )

    def _target(self, number):
        def mirror(copy):
            self.asked.append((number, copy))
            if number not in self.says:
                return
            said = self.says[number]
            if isinstance(said, errors.ScoringError) and not getattr(said, "later", False):
                raise said
            self.soon.append((self.mirrors.answer, (ran(copy, said),)))

        version = SimpleNamespace(number=number, mirror=mirror, allowed=None)
        return SimpleNamespace(version=version, meter=self.meters[number])

    def turn(self):
        while self.soon:
            call, rest = self.soon.pop(0)
            call(*rest)

    def told(self):
        return [(fact.kind, fact.about, fact.value) for _, fact in self.facts.take().facts]


def ran(copy, said):
    failed = isinstance(said, errors.ScoringError)
    return SimpleNamespace(exchanges=[copy], arrays=() if failed else said, error=said if failed else None)


def later(error):
    error.later = True
    return error


class Form:
    """Reads every request."""

    def parse(self, exchange): ...

    def take(self, exchange, version):
        exchange.blocks, exchange.rows = ["read anew"], 1


def exchange(unit=UNIT):
    made = Exchange(None, None, b"body", 0.0)
    made.unit, made.blocks, made.rows, made.form = unit, ["the client's"], 1, Form()
    return made


def pair(says, client, **more):
    """What is told of one pair whose client got `client`."""
    worker = Worker(says, **more)
    if isinstance(client, errors.ScoringError):
        worker.pairing.failed(exchange(), client)
    else:
        worker.pairing.answered(exchange(), client)
    worker.turn()
    assert (worker.pairs.open, worker.pairs.bytes) == (0, 0)
    return worker.told()


PAIRED, DIFFERED = ("paired", 2, 0), ("differed", 2, 0)


@pytest.mark.parametrize(
    ("client", "other", "told"),
    [
        (answer(1.0), answer(1.0), [PAIRED]),
        (answer(1.0), answer(1.1), [PAIRED, DIFFERED]),
        (answer(1.0), answer(1.0, 2.0), [PAIRED, DIFFERED]),
        (answer(1.0), errors.BadTensor("words"), [PAIRED, DIFFERED, ("alone/errors", 2, 1)]),
        (answer(1.0), errors.VersionBroken("words"), [PAIRED, DIFFERED, ("alone/errors", 2, 1)]),
        (answer(1.0), later(errors.RunTimedOut("words")), [PAIRED, DIFFERED, ("alone/timeouts", 2, 1)]),
        (
            answer(1.0),
            later(errors.InvalidOutput("words")),
            [PAIRED, DIFFERED, ("alone/invalid_outputs", 2, 1)],
        ),
        (errors.InferenceFailed("words"), answer(1.0), [PAIRED, DIFFERED, ("alone/errors", 2, 0)]),
        (errors.InferenceFailed("words"), later(errors.InferenceFailed("words")), [PAIRED]),
        (
            errors.InferenceFailed("words"),
            later(errors.RunTimedOut("words")),
            [PAIRED, ("alone/errors", 2, 0), ("alone/timeouts", 2, 1)],
        ),
        (errors.InferenceFailed("words"), errors.BadTensor("words"), []),
        (errors.BadTensor("words"), answer(1.0), []),
        (errors.Overloaded("words"), answer(1.0), []),
        (errors.DeadlineExceeded("it waited"), answer(1.0), []),
        (answer(1.0), errors.Overloaded("words"), []),
        (answer(1.0), later(errors.DeadlineExceeded("it waited")), []),
    ],
)
def test_what_is_told_where_the_baseline_answers_the_client(client, other, told):
    assert pair({2: other}, client) == told


@pytest.mark.parametrize(
    ("client", "other", "told"),
    [
        (answer(1.0), answer(1.0), [PAIRED]),
        (errors.BadTensor("words"), answer(1.0), [PAIRED, DIFFERED, ("alone/errors", 2, 1)]),
        (errors.BadTensor("words"), errors.BadTensor("words"), []),
        (answer(1.0), errors.BadTensor("words"), []),
        (errors.InferenceFailed("words"), answer(1.0), [PAIRED, DIFFERED, ("alone/errors", 2, 1)]),
        (answer(1.0), later(errors.InferenceFailed("words")), [PAIRED, DIFFERED, ("alone/errors", 2, 0)]),
    ],
)
def test_what_is_told_where_the_challenger_answers_the_client(client, other, told):
    assert pair({1: other}, client, version=2) == told


def test_of_several_challengers_each_is_compared_with_the_baseline_whoever_answers():
    said = {1: answer(1.0), 3: answer(5.0)}
    assert pair(said, answer(1.0), version=2, challengers=(2, 3)) == [
        ("paired", 2, 0),
        ("paired", 3, 0),
        ("differed", 3, 0),
    ]


def test_a_baseline_that_says_nothing_leaves_nothing_to_compare_with():
    said = {1: errors.Overloaded("words"), 3: answer(5.0)}
    assert pair(said, answer(1.0), version=2, challengers=(2, 3)) == []


def test_what_came_out_of_the_cache_is_worked_out_again_and_its_failure_then_is_no_evidence():
    assert pair({1: answer(1.0), 2: answer(2.0)}, None) == [PAIRED, DIFFERED]
    assert pair({1: later(errors.InferenceFailed("words")), 2: answer(2.0)}, None) == []


def test_a_value_beyond_the_challengers_limits_is_its_error_where_the_baseline_answers():
    worker = Worker({2: later(errors.InferenceFailed("words"))})
    asked = exchange()
    asked.outside = "a value"
    worker.pairing.answered(asked, answer(1.0))
    worker.turn()
    assert worker.told() == [PAIRED, DIFFERED, ("alone/errors", 2, 1)]


def test_only_what_the_answering_version_has_read_is_shared():
    worker = Worker({2: answer(1.0)})
    worker.pairing.answered(exchange(), answer(1.0))
    worker.pairing.failed(exchange(), errors.VersionBroken("words"))
    worker.turn()
    assert [copy.blocks for _, copy in worker.asked] == [["the client's"], ["read anew"]]


def test_the_others_are_asked_after_the_client_has_its_answer():
    worker = Worker({2: answer(1.0)})
    worker.pairing.answered(exchange(), answer(1.0))
    worker.pairing.answered(exchange(), answer(1.0))
    assert worker.asked == []
    assert len(worker.soon) == 1
    worker.turn()
    assert len(worker.asked) == 2


def test_units_outside_the_draw_or_the_sample_are_not_asked_twice():
    worker = Worker({2: answer(1.0)}, sample=1)
    worker.pairing.answered(exchange(WHOLE - 1), answer(1.0))
    assert worker.soon == []
    half = Pairing(**{name: getattr(worker.pairing, name) for name in Pairing.__slots__} | {"most": 100})
    half.answered(exchange(100), answer(1.0))
    half.failed(exchange(100), errors.InferenceFailed("words"))
    assert worker.soon == []
    half.answered(exchange(99), answer(1.0))
    assert worker.soon


def test_what_there_is_no_room_for_is_dropped_and_counted():
    worker = Worker({2: answer(1.0)}, most=1)
    for _ in range(3):
        worker.pairing.answered(exchange(), answer(1.0))
    assert worker.meters[2].errors == {"mirror_dropped": 2}
    worker.turn()
    assert worker.told() == [PAIRED]


def test_what_is_kept_of_a_client_is_bounded_in_bytes_and_so_is_what_the_others_say():
    large = answer(*range(200))
    worker = Worker({2: large}, most_bytes=1000)
    worker.pairing.answered(exchange(), large)
    worker.pairing.answered(exchange(), large)
    assert worker.meters[2].errors == {"mirror_dropped": 1}
    worker.turn()
    assert worker.meters[2].errors == {"mirror_dropped": 2}
    assert worker.told() == []
    assert (worker.pairs.open, worker.pairs.bytes) == (0, 0)


def test_of_a_run_of_many_only_the_requests_own_rows_are_kept():
    worker = Worker({})
    together = np.zeros((100, 1), np.float32)
    worker.pairing.answered(exchange(), [together[3:4]])
    assert worker.pairs.bytes == 4
    (kept,) = worker.pairs._due[0]._outcomes[1].arrays
    assert kept.base is None
    worker.pairing.answered(exchange(), [together])
    assert worker.pairs._due[1]._outcomes[1].arrays[0] is together


def test_two_answers_that_cannot_be_compared_are_no_evidence_and_the_next_ones_are():
    worker = Worker({})
    worker.pairs._thread = SimpleNamespace(submit=lambda work, jobs: worker.soon.append((work, (jobs,))))
    worker.says[2] = [SimpleNamespace(shape=(1, 1), base=None, nbytes=4, dtype=np.dtype("f4"))]
    worker.pairing.answered(exchange(), answer(1.0))
    for _ in range(3):
        call, rest = worker.soon.pop(0)
        call(*rest)
        worker.says[2] = answer(2.0)
        worker.pairing.answered(exchange(), answer(1.0))
    worker.turn()
    assert worker.told() == [PAIRED, DIFFERED]
    assert (worker.pairs.open, worker.pairs.bytes) == (0, 0)


def test_outputs_are_compared_by_name_and_each_by_its_tolerance():
    wide = Signature(SIGNATURE.inputs, (TensorSpec("more", "FP32", (-1, 1)), SPEC))
    own = Tolerances(0.0, 0.0, {"y": Tolerance(0.5, 0.0)})
    (one,), (other,), (far,) = answer(1.0), answer(1.4), answer(1.6)
    added = Comparison.of(SIGNATURE, wide, own)
    assert not added.differ([one], [far, other])
    assert added.differ([one], [one, far])
    assert Comparison.of(wide, SIGNATURE, own).differ([one, one], [one])


def test_outputs_that_a_rollout_does_not_name_may_differ_as_they_like():
    wide = Signature(SIGNATURE.inputs, (TensorSpec("score", "FP32", (-1, 1)), SPEC))
    (one,), (far,) = answer(1.0), answer(1.6)
    of_label = Comparison.of(wide, wide, CLOSE, ("y",))
    assert not of_label.differ([one, one], [far, one])
    assert of_label.differ([one, one], [one, far])
    assert Comparison.of(SIGNATURE, wide, CLOSE, ("score",)).differ([one], [one, one])


def test_long_texts_and_numbers_are_compared_a_part_at_a_time(monkeypatch):
    monkeypatch.setattr(differing, "_AT_ONCE", 4)
    turns = []
    monkeypatch.setattr(differing, "sleep", turns.append)
    texts = np.array([f"text {number}" for number in range(10)], dtype=object)
    assert not differ(texts, texts.copy(), CLOSE)
    assert len(turns) == 3
    changed = texts.copy()
    changed[5] = "another"
    assert differ(texts, changed, CLOSE)
    assert len(turns) == 4
    assert differ(texts, np.zeros(10, np.float32), CLOSE)
    assert not differ(texts[:0], texts[:0], CLOSE)


@pytest.mark.parametrize(
    ("raised", "told", "counted"),
    [
        (
            UnicodeDecodeError("utf-8", b"\xff", 0, 1, "words"),
            [PAIRED, DIFFERED, ("alone/errors", 2, 1)],
            "bad_request",
        ),
        (ValueError("a mistake of ours"), [], "mirror_dropped"),
    ],
)
def test_whatever_the_other_version_meets_in_a_request_is_felt_by_nobody(raised, told, counted):
    def take(exchange, version):
        raise raised

    worker = Worker({2: answer(1.0)})
    worker.pairing.mirrors[2].target.model = "m"
    worker.pairing.mirrors[2] = worker.pairing.mirrors[2]._replace(alike=False)
    asked = exchange()
    asked.form = SimpleNamespace(parse=lambda exchange: None, take=take)
    worker.pairing.answered(asked, answer(1.0))
    worker.turn()
    assert worker.told() == told
    assert worker.meters[2].errors == {counted: 1}
    assert (worker.pairs.open, worker.pairs.bytes) == (0, 0)


def test_evidence_that_cannot_be_told_costs_no_answer_and_stops_no_lane(caplog):
    nobody = SimpleNamespace(target=None, unit=UNIT, arrived=0.0)
    broken = SimpleNamespace(answered=None, failed=None)
    witness = ArmWitness(Worker({}).pairing.teller, 1, pairing=broken)
    witness.answered(nobody, 1.0, ())
    witness.failed(nobody, errors.InferenceFailed("words"))
    worker = Worker({})
    copy = exchange()
    copy.pair, copy.target = SimpleNamespace(heard=None), worker.pairing.mirrors[2].target
    worker.mirrors.answer(ran(copy, errors.InferenceFailed("words")))
    assert len(caplog.records) == 3
