from __future__ import annotations

import json
import threading
import time

import numpy as np
import pytest
from msgspec.structs import replace

from formats.types import Signature, TensorSpec, Tolerance
from releases.proof.examiner import asking, result
from releases.proof.examiner.examination import examine
from tests.unit.examiner.conftest import PLAIN, classify
from tests.unit.examiner.server import Answered, refusal


def examined(bench, model=classify, **changes):
    with bench.serving(model):
        return examine(bench.spec(**changes))


def test_a_version_that_answers_as_expected_has_no_wrong_row(bench, rows):
    bench.end_to_end({"x": rows}, classify({"x": rows}))

    found = examined(bench)

    assert (found.outcome, found.problems) == ("measured", ())
    assert (found.end_to_end.rows, found.end_to_end.wrong, found.end_to_end.batchable) == (40, 0, True)


def test_the_reference_answers_are_requests_and_what_came_back(bench, rows):
    bench.end_to_end({"x": rows}, classify({"x": rows}), atol=np.float64(1e-3))

    found = examined(bench)

    head, *lines = map(json.loads, (bench.scratch / "answers.jsonl").read_text().splitlines())
    assert head == {"format": 1, "atol": 1e-3, "rtol": 1e-5, "end_to_end": 40, "confidence": 0}
    assert (found.answers.end_to_end, len(lines)) == (40, 40)
    assert (lines[7]["set"], lines[7]["row"]) == ("end_to_end", 7)
    (asked,) = lines[7]["request"]["inputs"]
    assert (asked["name"], asked["shape"]) == ("x", [1, 2])
    assert asked["data"] == pytest.approx(rows[7].tolist())
    label, _ = lines[7]["outputs"]
    assert label == {
        "name": "label",
        "datatype": "INT64",
        "shape": [1],
        "data": [int(rows[7].sum() > 0)],
    }


def test_each_row_is_asked_alone_and_then_together(bench, rows):
    bench.end_to_end({"x": rows}, classify({"x": rows}))

    with bench.serving() as server:
        examine(bench.spec(token="secret"))

    assert [call["rows"] for call in server.calls] == [1] * 40 + [40]
    assert {call["path"] for call in server.calls} == {"/v2/models/m/infer"}
    assert {call["headers"]["Authorization"] for call in server.calls} == {"Bearer secret"}


def test_wrong_rows_are_told_and_counted(bench, rows):
    expected = classify({"x": rows})
    expected["label"][3:] = 7
    bench.end_to_end({"x": rows}, expected)

    found = examined(bench).end_to_end

    assert (found.wrong, found.unanswered, len(found.failures)) == (37, 0, 20)
    first = found.failures[0]
    assert (first.row, first.output, first.expected) == (3, "label", (7,))
    assert first.got[0] in {0, 1}


def test_whole_numbers_are_right_with_all_their_digits(bench, rows):
    expected = {"label": np.full(40, 2**53 + 1)}
    bench.end_to_end({"x": rows}, expected, rtol=0.5)

    def rounded(inputs):
        return {**classify(inputs), "label": np.full(len(inputs["x"]), 2**53)}

    found = examined(bench, rounded)

    assert found.end_to_end.wrong == 40
    assert (found.end_to_end.failures[0].expected, found.end_to_end.failures[0].got) == (
        (2**53 + 1,),
        (2**53,),
    )


def test_an_output_may_have_a_tolerance_of_its_own(bench, rows):
    expected = classify({"x": rows})
    expected["probabilities"] = expected["probabilities"] + np.float32(0.01)
    label, probabilities = PLAIN.outputs
    wide = replace(probabilities, tolerance=Tolerance(0.1, 0))
    bench.end_to_end({"x": rows}, expected)

    found = examined(bench, signature=Signature(PLAIN.inputs, (label, wide)))

    assert (found.end_to_end.wrong, examined(bench).end_to_end.wrong) == (0, 40)
    head = json.loads((bench.scratch / "answers.jsonl").read_text().splitlines()[0])
    assert "outputs" not in head


def test_floats_may_differ_within_the_sets_tolerance(bench, rows):
    expected = classify({"x": rows})
    expected["probabilities"] += 1e-4
    bench.end_to_end({"x": rows}, expected, atol=np.float64(2e-4), rtol=np.float64(0))
    assert examined(bench).end_to_end.wrong == 0

    bench.end_to_end({"x": rows}, expected)
    assert examined(bench).end_to_end.wrong == 40


def test_nan_equals_nan_and_nothing_else(bench, rows):
    def undecided(inputs):
        return {"label": np.zeros(len(inputs["x"]), np.int64), "probabilities": inputs["x"] * np.nan}

    bench.end_to_end({"x": rows}, undecided({"x": rows}))
    assert examined(bench, undecided).end_to_end.wrong == 0

    bench.end_to_end({"x": rows}, classify({"x": rows}))
    assert examined(bench, undecided).end_to_end.wrong == 40


@pytest.mark.parametrize("count", [1, 40, 70])
def test_a_model_that_mixes_the_rows_of_a_batch_is_not_batchable(bench, rows, count):
    def mixing(inputs):
        answer = classify(inputs)
        answer["probabilities"] = answer["probabilities"] * np.float32(1 + len(inputs["x"]) / 100)
        return answer

    rows = np.resize(rows, (count, 2))
    alone = [mixing({"x": rows[i : i + 1]}) for i in range(count)]
    expected = {name: np.concatenate([answer[name] for answer in alone]) for name in alone[0]}
    bench.end_to_end({"x": rows}, expected)

    found = examined(bench, mixing).end_to_end

    assert (found.wrong, found.batchable) == (0, False)


def test_a_version_that_takes_one_row_only_is_not_batchable(bench, rows):
    def single(inputs):
        if len(inputs["x"]) > 1:
            raise refusal(400, "the batch axis is fixed")
        return classify(inputs)

    bench.end_to_end({"x": rows}, classify({"x": rows}))

    found = examined(bench, single).end_to_end

    assert (found.wrong, found.batchable) == (0, False)


def test_a_row_that_is_refused_is_wrong_and_the_others_are_still_asked(bench, rows):
    def picky(inputs):
        if inputs["x"][0, 0] == rows[5, 0]:
            raise refusal(500, "the model divided by zero")
        return classify(inputs)

    bench.end_to_end({"x": rows}, classify({"x": rows}))

    found = examined(bench, picky).end_to_end

    assert (found.wrong, found.unanswered, found.failures[0].row) == (1, 1, 5)
    assert "500: the model divided by zero" in found.failures[0].problem


def test_whole_requests_are_asked_as_they_are(bench):
    signature = Signature(
        (TensorSpec("state", "FP32", (3,)), TensorSpec("word", "BYTES", ())),
        (TensorSpec("out", "FP32", (3,)), TensorSpec("said", "BYTES", (1,))),
    )

    def model(inputs):
        return {"out": inputs["state"] * 2, "said": np.array([str(inputs["word"])])}

    states = np.arange(12, dtype=np.float32).reshape(4, 3)
    words = np.array(["a", "ä", "", "日本"])
    bench.end_to_end({"state": states, "word": words}, {"out": states * 2, "said": words.reshape(4, 1)})

    found = examined(bench, model, signature=signature).end_to_end

    assert (found.rows, found.wrong, found.batchable) == (4, 0, None)


def test_a_server_that_is_not_there_is_a_finding(bench, rows):
    bench.end_to_end({"x": rows}, classify({"x": rows}))

    found = examine(bench.spec())

    assert (found.outcome, found.end_to_end) == ("failed", None)
    assert "cannot be reached" in found.problem("end_to_end") == found.reason


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b"


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "died under the question"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", "99999999999 bytes"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "how long"),
        (b"HTTP/1.1 200 OK\r\n\r\n", "how long"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "does not speak HTTP"),
        (b"X" * 70_000, "head of more than"),
        (HEAD % (2, b"{}"), "malformed"),
        (HEAD % (2, b"[]"), "not a JSON object"),
        (HEAD % (4, b'{"a"'), "not JSON"),
        (HEAD % (200_000, b"[" * 200_000), "not JSON"),
        (HEAD % (5000, b"1" * 5000), "not JSON"),
        (HEAD % (16, b'{"outputs":[{}]}'), "malformed"),
        (HEAD % (13, b'{"outputs":3}'), "malformed"),
        (HEAD % (2, b"{}{}"), "more bytes than it announced"),
    ],
)
def test_whatever_a_server_says_is_told_in_a_sentence(bench, rows, raw, said):
    def model(inputs):
        raise Answered(raw)

    bench.end_to_end({"x": rows[:1]}, classify({"x": rows[:1]}))

    found = examined(bench, model)

    told = found.reason or found.end_to_end.failures[0].problem
    assert said in told
    assert result.parse(result.dump(found)) == found


@pytest.mark.parametrize(
    "output",
    [
        {"name": "label", "datatype": "INT64", "shape": [2], "data": [1]},
        {"name": "label", "datatype": "INT64", "shape": [-1], "data": [1]},
        {"name": "label", "datatype": "INT64", "shape": [1], "data": [10**30]},
        {"name": "label", "datatype": "INT64", "shape": [1], "data": ["many"]},
        {"name": "label", "datatype": "INT64", "shape": [1], "data": [1.5]},
        {"name": "label", "datatype": "INT64", "shape": [1], "data": [True]},
        {"name": "label", "datatype": "FP32", "shape": [1], "data": ["many"]},
        {"name": "label", "datatype": "FP32", "shape": [1], "data": [None]},
        {"name": "label", "datatype": "COMPLEX", "shape": [1], "data": [1]},
        {"name": "label", "datatype": "INT64", "shape": "x", "data": [1]},
    ],
)
def test_a_tensor_that_is_none_makes_the_row_wrong(bench, rows, output):
    def model(inputs):
        body = json.dumps({"outputs": [output]}).encode()
        raise Answered(HEAD % (len(body), body))

    bench.end_to_end({"x": rows[:1]}, classify({"x": rows[:1]}))

    found = examined(bench, model)

    assert found.end_to_end.wrong == 1
    assert "malformed" in found.end_to_end.failures[0].problem


def test_an_answer_that_never_comes_is_a_finding(bench, rows):
    over = threading.Event()

    def model(inputs):
        over.wait(20)
        return classify(inputs)

    bench.end_to_end({"x": rows[:1]}, classify({"x": rows[:1]}))

    with bench.serving(model):
        found = examine(bench.spec(timeout=0.2))
        over.set()

    assert "did not answer within 0.2 s" in found.reason


def test_an_answer_that_trickles_in_does_not_buy_time(bench, rows):
    """Each byte comes soon enough; all of them together would take six seconds."""

    def model(inputs):
        raise Answered(b"HTTP/1.1 200 OK\r\nX-Padding: " + b"x" * 100, pause=0.05)

    bench.end_to_end({"x": rows[:1]}, classify({"x": rows[:1]}))

    with bench.serving(model):
        started = time.monotonic()
        found = examine(bench.spec(timeout=0.3))
        spent = time.monotonic() - started

    assert "did not answer within 0.3 s" in found.reason
    assert spent < 3


def test_the_largest_result_fits(bench):
    """Texts whose every character takes six bytes in JSON, in all that is shown of a wrong row."""
    name = "o" * 150
    signature = Signature((TensorSpec("x", "FP32", (-1, 2)),), (TensorSpec(name, "BYTES", (-1, 200)),))
    expected = np.full((30, 200), "\x01" * 300)
    bench.end_to_end({"x": np.zeros((30, 2), np.float32)}, {name: expected})

    found = examined(bench, lambda inputs: {name: expected[: len(inputs["x"])] + "!"}, signature=signature)

    assert found.end_to_end.wrong == 30
    assert len(result.dump(found)) < result.MOST_BYTES * 0.7
    assert result.parse(result.dump(found)) == found


def test_a_row_whose_json_would_be_too_long_is_asked_as_binary(bench, monkeypatch):
    monkeypatch.setattr(asking, "MOST_JSON", 100)
    signature = Signature((TensorSpec("x", "FP32", (50,)),), (TensorSpec("y", "FP32", (50,)),))
    values = np.random.default_rng(1).normal(size=(3, 50)).astype(np.float32)
    bench.end_to_end({"x": values}, {"y": values})

    with bench.serving(lambda inputs: {"y": inputs["x"]}) as server:
        found = examine(bench.spec(signature=signature))

    assert (found.end_to_end.wrong, [call["binary"] for call in server.calls]) == (0, [True] * 3)
    assert found.answers.end_to_end == 0
