"""The sets' part of an inspection: what no proof could take is refused with the manifest's field."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.inspection import graphs
from tests.unit.inspection.conftest import MANIFEST
from tests.unit.inspection.graphs import model, node, value

X = np.arange(6, dtype=np.float32).reshape(3, 2)
SUM = X @ np.float32([[1], [2]])


def said(found):
    return {(refusal.field, refusal.message) for refusal in found.refusals}


def test_expected_outputs_of_another_shape_are_refused(examined, version):
    found = examined(version(end_to_end={"inputs/x": X, "expected/y": SUM[:, 0]}))

    assert said(found) == {
        (
            "files.end_to_end",
            "A row of expected/y has shape [], the version gives [1] (-1: any; rows are samples):"
            " save array[..., None].",
        )
    }


def test_the_loaded_graph_says_what_the_outputs_are(examined, version):
    """The file leaves a free axis where onnxruntime knows better; the proof goes by onnxruntime's word."""
    vague = model(
        [node("MatMul", ["x", "w"], ["y"])],
        outputs=[value("y", shape=("N", "M"))],
        constants={"w": np.float32([[1], [2]])},
    )

    right = examined(version(model=vague))
    wrong = examined(version(model=vague, end_to_end={"inputs/x": X, "expected/y": X}))

    assert (right.refusals, right.signature.outputs[0].shape) == ((), (-1, 1))
    assert "has shape [2], the version gives [1]" in wrong.refusals[0].message


def test_an_output_whose_axes_nobody_says_may_have_any(examined, version):
    silent = model([node("Identity", ["x"], ["y"])], [value("x")], [value("y", shape=None)])

    sets = {"end_to_end": {"inputs/x": X, "expected/y": X}, "confidence": {"inputs/x": X, "target": X}}

    found = examined(version(model=silent, **sets))

    assert found.refusals == ()


def test_all_that_is_wrong_with_both_sets_is_told_at_once(examined, version):
    found = examined(version(end_to_end=b"a,b\n1,2\n", confidence={"X": X, "y": SUM}))

    fields = [field for field, _ in sorted(said(found))]
    assert fields == ["files.confidence", "files.end_to_end"]


def test_an_output_that_nobody_gives_is_told_before_the_model_is_loaded(examined, version):
    found = examined(version(end_to_end={"inputs/x": X, "expected/z": SUM}, confidence={"inputs/x": X}))

    assert not found.loaded
    assert {"has no output 'z'" in message for _, message in said(found)} == {True, False}


def test_a_row_is_said_where_it_must_be(examined, version):
    found = examined(version(), {"metric": {"name": "rmse", "output": "y"}, "rows": "requests"})

    assert found.refusals[0].message == (
        "A row of inputs/x has shape [2], the version takes [-1, 2] (-1: any; rows are requests):"
        " save array[:, None]."
    )


def test_truths_that_the_metric_cannot_take_are_refused(examined, version):
    found = examined(
        version(
            model=graphs.identity(),
            end_to_end={"inputs/x": X, "expected/y": X},
            confidence={"inputs/x": X, "target": np.zeros((3, 4, 4))},
        )
    )

    assert [field for field, _ in said(found)] == ["files.confidence"]


HOLED = np.array([[1, np.nan], [-np.inf, 2], [3, 4]], np.float32)


def holed(values):
    return {"inputs": {"x": {"features": ["age", "income"], **values}}}


@pytest.mark.parametrize("which", ["end_to_end", "confidence"])
def test_what_the_sets_hold_the_input_takes_where_the_manifest_is_silent(examined, version, which):
    truth = {"expected/y": SUM} if which == "end_to_end" else {"target": SUM[:, 0]}

    found = examined(version(**{which: {"inputs/x": HOLED, **truth}}), MANIFEST)

    (spec,) = found.signature.inputs
    assert (found.refusals, spec.missing, spec.infinite) == ((), True, True)
    (without,) = examined(version(), MANIFEST).signature.inputs
    assert (without.missing, without.infinite) == (False, False)


def test_what_the_manifest_denies_the_sets_may_not_hold(examined, version):
    files = version(end_to_end={"inputs/x": HOLED, "expected/y": SUM})

    found = examined(files, {**MANIFEST, "signature": holed({"missing": False, "infinite": True})})

    assert said(found) == {
        (
            "files.end_to_end",
            "inputs/x holds NaN (row 0, feature income), and the manifest says that the input takes none:"
            " save a number, or say missing: true.",
        )
    }
    found = examined(files, {**MANIFEST, "signature": holed({"finite": True})})
    assert {("NaN" in message, "an infinity" in message) for _, message in said(found)} == {
        (True, False),
        (False, True),
    }
