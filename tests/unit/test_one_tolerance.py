"""When two answers are the same is one rule: at proof, in a batch, on a node, from outside, row beside row.

An output's own tolerance, which the manifest gives, goes before the set's in each of them.
"""

from __future__ import annotations

import hashlib

import pytest

from formats.answers import Tolerances, elements
from formats.types import Signature, TensorSpec, Tolerance
from releases.proof.examiner import confidence, end_to_end
from releases.proof.examiner.answers import ReferenceAnswers
from releases.proof.examiner.asking import Told
from releases.rollout.switching import verification
from scoring.errors import WrongAnswers
from scoring.runtime import rehearsal

SIGNATURE = Signature(
    (),
    (
        TensorSpec("wide", "FP32", (-1,), tolerance=Tolerance(0.5, 0)),
        TensorSpec("relative", "FP32", (-1,), tolerance=Tolerance(0, 0.1)),
        TensorSpec("narrow", "FP32", (-1,), tolerance=Tolerance(0, 0)),
        TensorSpec("plain", "FP32", (-1,)),
        TensorSpec("text", "BYTES", (-1,)),
    ),
)
TOLERANCES = Tolerances.of(Tolerance(0.01, 0), SIGNATURE)
CASES = [
    ("wide", 1.0, 1.4, True),
    ("wide", 1.0, 1.6, False),
    ("relative", 100.0, 109.0, True),
    ("relative", 1.0, 1.2, False),
    ("narrow", 1.0, 1.001, False),
    ("narrow", 1.0, 1.0, True),
    ("plain", 1.0, 1.001, True),
    ("plain", 1.0, 1.1, False),
    ("plain", "NaN", "NaN", True),
    ("plain", "NaN", 1.0, False),
    ("wide", "Infinity", "-Infinity", False),
    ("text", "a", "a", True),
    ("text", "a", "b", False),
]


def said(name, value):
    datatype = next(spec.datatype for spec in SIGNATURE.outputs if spec.name == name)
    return {"name": name, "datatype": datatype, "shape": [1], "data": [value]}


def arrays(output):
    return {output["name"]: elements(output["datatype"], output["data"])}


def kept(tmp_path, wanted):
    """The reference answers as the examiner leaves them, with their tolerances."""
    answers = ReferenceAnswers(TOLERANCES)
    answers.keep("end_to_end", 0, Told(arrays(wanted), {"inputs": []}, [wanted]))
    answers.write(tmp_path / "answers.jsonl")
    return tmp_path / "answers.jsonl"


def at_proof(wanted, got, _):
    return end_to_end.compare(0, arrays(wanted), arrays(got), TOLERANCES) is None


def in_a_batch(wanted, got, _):
    return end_to_end.same_row(arrays(wanted), arrays(got), 0, TOLERANCES)


def row_beside_row(wanted, got, _):
    (before,), (alone,) = arrays(wanted).values(), arrays(got).values()
    return not confidence._differs(before, alone, TOLERANCES.on(wanted["name"]))


def on_a_node(wanted, got, path):
    tolerances, rows = rehearsal.read(path, hashlib.sha256(path.read_bytes()).hexdigest())
    try:
        for reference in rows:
            rehearsal._compare(reference, arrays(got), tolerances)
    except WrongAnswers:
        return False
    return True


def from_outside(wanted, got, path):
    answers = verification.Answers.parse(path.read_bytes().splitlines())
    return not list(verification._differences(answers.rows[0]["outputs"], [got], answers))


@pytest.mark.parametrize("judge", [at_proof, in_a_batch, row_beside_row, on_a_node, from_outside])
@pytest.mark.parametrize(("name", "expected", "came", "same"), CASES)
def test_every_judge_says_the_same_of_two_answers(judge, tmp_path, name, expected, came, same):
    wanted, got = said(name, expected), said(name, came)
    assert judge(wanted, got, kept(tmp_path, wanted)) is same
