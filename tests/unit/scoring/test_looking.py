"""A bandit that looks at what is asked, on a node: the context of a request, who answers, what is told."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest

from formats.documents import Hex
from formats.dtypes import DTYPES
from formats.features import Feature, contexts, place, terms
from formats.plan import RENDEZVOUS, WHOLE, Arm, BadPlan, ModelPlan, PlannedRollout
from formats.types import Signature, TensorSpec
from scoring import errors
from scoring.routing import chooser, context_chance, context_choosers, propensities, rendezvous
from scoring.tensors import Block
from scoring.worker.exchange import Target
from scoring.worker.looking import Looking, context_of, reading
from scoring.worker.witnesses import ArmWitness, Witnesses
from tests.unit.scoring.test_pictures import version

AGE, LAND = Feature("age", cuts=(30.0, 50.0)), Feature("land", values=("de", "fr"))
X = TensorSpec("x", "FP32", (-1, 2), features=("height", "age"))
WHERE = TensorSpec("land", "BYTES", (-1, 1))
SIGNATURE = Signature((X, WHERE), ())
HASHES = [hash_ * 2654435761 % 2**64 for hash_ in range(1, 4001)]
PARTS = ((64, 0), (0, 64), (32, 32))


def block(*values, kind="<f4"):
    return Block((1, len(values)), np.array(values, kind).tobytes())


def entry(parts=PARTS, features=(AGE,), revision=3, even=0.1, share=0.5, **more):
    weight = round(share * WHOLE)
    arms = [Arm(2, weight, "bandit"), Arm(1, WHOLE - weight, "champion")]
    if parts:
        arms = [
            Arm(arm.version, arm.weight, arm.reason, tuple(each))
            for arm, each in zip(arms, zip(*parts, strict=True), strict=True)
        ]
    told = PlannedRollout(9, 1, (2,), even=even, features=features, **more)
    versions = {number: version(number) for number in (1, 2)}
    return ModelPlan(revision, Hex(b"salt" * 4), tuple(arms), versions, hashing=RENDEZVOUS, rollout=told)


# ---- features


@pytest.mark.parametrize(
    ("age", "land", "expected"),
    [
        (29.9, "de", 0), (30.0, "fr", 4), (50.0, "es", 8), (1e9, "de", 6), (-np.inf, "", 2),
        (np.nan, "de", None),
    ],
)  # fmt: skip
def test_a_request_is_of_the_context_of_its_steps(age, land, expected):
    reads = reading([AGE, LAND], SIGNATURE)
    assert context_of([block(180.0, age), Block((1, 1), [land])], reads) == expected


@pytest.mark.parametrize("lacking", [None, Block((0, 2), b""), Block((1, 2), b"\0" * 5)])
def test_a_request_that_lacks_a_value_is_of_none(lacking):
    assert context_of([lacking, Block((1, 1), ["de"])], reading([AGE, LAND], SIGNATURE)) is None


def test_of_several_rows_the_first_one_counts():
    rows = Block((2, 2), np.array([[1, 20], [1, 60]], "<f4").tobytes())
    assert context_of([rows], reading([AGE], SIGNATURE)) == 0


@pytest.mark.parametrize("datatype", ["BOOL", "UINT8", "INT64", "FP16", "FP64"])
def test_numbers_of_every_width_are_read(datatype):
    spec = TensorSpec("n", datatype, (-1,))
    raw = np.array([1, 0], DTYPES[datatype]).tobytes()
    assert context_of([Block((2,), raw)], reading([Feature("n", cuts=(0.5,))], Signature((spec,), ()))) == 1


@pytest.mark.parametrize(
    ("feature", "words"),
    [
        (Feature("weight", cuts=(1.0,)), "no single value called 'weight': it has height, age, land"),
        (Feature("x", cuts=(1.0,)), "no single value called 'x'"),
        (Feature("age", values=("a",)), "a number: write cuts"),
        (Feature("land", cuts=(1.0,)), "a text: write its values"),
    ],
)
def test_what_no_request_has_is_refused_in_words(feature, words):
    with pytest.raises(ValueError, match=words):
        place(SIGNATURE, feature)
    assert reading([feature], SIGNATURE) is None


def test_a_name_that_two_inputs_have_is_refused():
    twice = Signature((X, TensorSpec("age", "FP32", (-1, 1))), ())
    with pytest.raises(ValueError, match="several values"):
        place(twice, AGE)


@pytest.mark.parametrize(
    "said",
    [
        {}, {"cuts": (1.0,), "values": ("a",)}, {"cuts": (2.0, 1.0)}, {"cuts": (1.0, 1.0)},
        {"cuts": (float("nan"),)}, {"cuts": (float("inf"),)}, {"values": ("a", "a")},
    ],
)  # fmt: skip
def test_what_is_no_feature_is_refused(said):
    with pytest.raises(ValueError, match="'f'"):
        Feature("f", **said)


def test_contexts_are_counted_and_told():
    assert (contexts([AGE, LAND]), terms([AGE, LAND]), contexts([])) == (9, 5, 0)
    assert AGE.told() == ("age below 30", "age 30 to 50", "age from 50 on")
    assert LAND.told() == ("land de", "land fr", "land otherwise")


# ---- plans


def test_a_plan_with_contexts_is_read_as_it_was_written():
    made = entry()
    assert ModelPlan.from_json(made.to_json()) == made
    assert "contexts" not in entry(parts=()).to_json()["arms"][0]


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        (((64, 0), (0, 64)), "other contexts than the 3"),
        (((64, 0), (0, 64), (32, 31)), "must sum to 64"),
        (((64, 0), (0, 64), (65, -1)), "at least|>= 0|sum to 64"),
    ],
)
def test_parts_that_leave_a_context_without_an_arm_are_refused(parts, words):
    with pytest.raises((BadPlan, ValueError), match=words):
        ModelPlan.from_json(entry(parts=()).to_json() | {"arms": [
            {"version": 2, "weight": WHOLE // 2, "reason": "a", "contexts": [each[0] for each in parts]},
            {"version": 1, "weight": WHOLE // 2, "reason": "b", "contexts": [each[1] for each in parts]},
        ]})  # fmt: skip


def test_more_contexts_than_a_node_holds_are_refused():
    with pytest.raises(BadPlan, match="at most 256 contexts"):
        PlannedRollout(9, 1, (2,), features=tuple(Feature(str(n), cuts=(0.0,)) for n in range(9)))


# ---- chances


def test_a_context_shares_its_units_out_as_its_parts_say():
    made = entry(((48, 16), (0, 64), (32, 32)))
    found = [Counter(map(choose, HASHES)) for choose in context_choosers(made)]
    assert found[0][0] / len(HASHES) == pytest.approx(0.75, abs=0.03)
    assert (found[1][0], found[1][1]) == (0, len(HASHES))


def test_parts_that_change_move_only_what_changed():
    before, after = (context_choosers(entry((each, (0, 64), (32, 32))))[0] for each in ((32, 32), (48, 16)))
    assert [(b, a) for b, a in zip(map(before, HASHES), map(after, HASHES), strict=True) if b == 0 != a] == []


def test_whose_request_lacks_a_feature_plays_evenly():
    """Whatever the weights: a version that has left has left its own to the live one."""
    made = entry(share=0.25)
    alike = rendezvous([Arm(2, 1, ""), Arm(1, 1, "")], made.salt)
    assert list(map(chooser(made), HASHES)) == list(map(alike, HASHES))
    assert propensities(made.arms, made.rollout)(HASHES[0], 2) == 0.5


def test_the_chance_of_a_context_is_what_comes_of_it():
    made, looked = entry(((48, 16), (0, 64), (32, 32))), looking(entry(((48, 16), (0, 64), (32, 32))))
    served = Counter(looked.target(asked(unit, 20.0), named=True).version.number for unit in HASHES)
    chance = context_chance(made.arms, made.rollout, 0, 2)
    assert chance == pytest.approx(0.9 * 0.75 + 0.1 * 0.5)
    assert served[2] / len(HASHES) == pytest.approx(chance, abs=0.03)


# ---- a worker


class Form:
    """Takes what stands in the request."""

    def take(self, exchange, version):
        if exchange.asks is None:
            raise errors.BadTensor("words")
        exchange.blocks = [exchange.asks]


def asked(unit, age=None, asks=None):
    asks = block(180.0, age) if age is not None else asks
    return SimpleNamespace(unit=unit, asks=asks, form=Form(), assigned=b"", arrived=0.0)


def looking(made, kept=None):
    teller = (kept or Witnesses()).teller(made.rollout, made)
    targets = [
        Target(
            "m", SimpleNamespace(number=arm.version), None, None, chance=lambda _: 0.5,
            witness=ArmWitness(teller, arm.version), told=True,
        )
        for arm in made.arms
    ]  # fmt: skip
    reads = reading(made.rollout.features, SIGNATURE)
    return Looking(made, made.rollout, reads, targets[1], targets, chooser(made))


def told(kept):
    return [(fact.kind, fact.version, fact.value) for _, fact in kept.facts.take().facts]


def by_evenness(looked):
    """A unit that plays evenly, and one that does not."""
    return [next(unit for unit in HASHES if looked._is_even(unit) is wanted) for wanted in (True, False)]


def test_what_is_asked_decides_and_nothing_is_given_to_bring_back():
    looked = looking(entry())
    _, unit = by_evenness(looked)
    for age, answers in ((20.0, 2), (40.0, 1)):
        exchange = asked(unit, age)
        target = looked.target(exchange, named=True)
        assert (target.version.number, target.told, exchange.assigned) == (answers, False, b"")
        assert target.chance(unit) == pytest.approx(0.95)
        assert looked.target(asked(unit, age), named=True) is target


def test_of_whom_was_chosen_only_what_he_asked_is_told():
    """What becomes of the others is compared by chance alone."""
    kept = Witnesses()
    looked = looking(entry(), kept)
    evenly, chosen = by_evenness(looked)
    exchange = asked(chosen, 20.0)
    looked.target(exchange, named=True).witness.answered(exchange, 0.001, ())
    looked.target(exchange, named=True).witness.failed(exchange, errors.InferenceFailed("words"))
    assert told(kept) == [("context", 2, 0)]
    exchange = asked(evenly, 60.0)
    target = looked.target(exchange, named=True)
    target.witness.failed(exchange, errors.InferenceFailed("words"))
    number = target.version.number
    assert told(kept) == [("context", number, 2), ("seen", number, -1), ("errors", number, 0)]
    assert target.told


def test_an_arm_that_fails_has_the_unit_all_the_same_and_a_clients_mistake_none():
    kept = Witnesses()
    looked = looking(entry(), kept)
    _, chosen = by_evenness(looked)
    exchange = asked(chosen, 20.0)
    witness = looked.target(exchange, named=True).witness
    witness.failed(exchange, errors.BadTensor("words"))
    assert told(kept) == []
    witness.failed(exchange, errors.InferenceFailed("words"))
    assert told(kept) == [("context", 2, 0)]


def test_before_shares_move_the_weights_decide_and_everything_is_told():
    kept = Witnesses()
    made = entry(parts=())
    looked = looking(made, kept)
    for unit in HASHES[:50]:
        exchange = asked(unit, 20.0)
        target = looked.target(exchange, named=True)
        assert target.version.number == made.arms[chooser(made)(unit)].version
        target.witness.answered(exchange, 0.0, ())
        assert told(kept) == [("context", target.version.number, 0), ("seen", target.version.number, 0)]


@pytest.mark.parametrize("asks", [None, block(180.0, float("nan"))])
def test_what_cannot_be_read_plays_evenly_and_is_told_as_ever(asks):
    kept = Witnesses()
    made = entry()
    looked = looking(made, kept)
    exchange = asked(HASHES[3], asks=asks)
    target = looked.target(exchange, named=True)
    assert target.version.number == made.arms[chooser(made)(HASHES[3])].version
    target.witness.answered(exchange, 0.0, ())
    assert told(kept) == [("seen", target.version.number, 0)]
