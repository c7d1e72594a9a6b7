from __future__ import annotations

import json
import subprocess
import sys

import pytest

from releases.proof.examiner import result


def measured(**changes):
    document = {
        "outcome": "measured",
        "reason": None,
        "end_to_end": {
            "rows": 3,
            "wrong": 1,
            "failures": [
                {"row": 2, "output": "label", "problem": "differs", "expected": [1], "got": ["NaN"]},
            ],
            "batchable": True,
            "seconds": 0.1,
        },
    }
    return json.dumps(document | changes).encode()


def test_a_result_comes_back_as_frozen_values():
    found = result.parse(measured())

    assert found.end_to_end.failures[0].got == ("NaN",)
    assert found.confidence is None
    with pytest.raises(AttributeError):
        found.outcome = "failed"


def test_what_is_written_is_what_is_read():
    found = result.parse(measured())

    assert result.parse(result.dump(found)) == found


def test_a_problem_is_found_by_its_part():
    found = result.parse(measured(outcome="failed", problems=[{"part": "confidence", "reason": "no target"}]))

    assert found.problem("confidence") == "no target"
    assert found.problem("benchmark") is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"Traceback (most recent call last):",
        b"[]",
        b"\xff\xfe",
        b"[" * 100_000,
        measured(outcome="passed"),
        measured(end_to_end={"rows": 3}),
        measured(end_to_end="fine"),
        measured(reason="x" * 1001),
        measured(problems=[{"part": "everything", "reason": "x"}]),
        measured().replace(b"0.1", b"NaN"),
        measured().replace(b"0.1", b"1e999"),
        measured().replace(b'"wrong": 1', b'"wrong": -1'),
        measured().replace(b'"wrong": 1', b'"wrong": true'),
        measured().replace(b'"wrong": 1', b'"wrong": 1.5'),
        measured().replace(b'"expected": [1]', b'"expected": [[1]]'),
        measured().replace(b'"expected": [1]', b'"expected": ' + json.dumps([1] * 65).encode()),
        b" " * result.MOST_BYTES + measured(),
    ],
    ids=lambda data: f"{data[:30]!r}..{data[-30:]!r}",
)
def test_anything_else_is_refused_with_a_sentence(data):
    with pytest.raises(result.BadResult, match="the examiner"):
        result.parse(data)


def test_needs_no_numpy():
    program = "import sys, releases.proof.examiner.result; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
