"""The manifest's words about tensors against the graph's."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto

from formats.types import Tolerance
from tests.unit.inspection.graphs import model, node, value

MANIFEST = {
    "metric": {"name": "rmse", "output": "y", "range": [0, 1]},
    "signature": {"inputs": {"x": {"features": ["height", "width"], "range": [0, 1]}}, "outputs": {"y": {}}},
}


def with_input(**facts):
    return {**MANIFEST, "signature": {"inputs": {"x": facts}}}


def test_feature_names_come_from_the_manifest(version, examined):
    found = examined(version(), MANIFEST)

    assert found.refusals == ()
    assert found.signature.inputs[0].features == ("height", "width")


@pytest.mark.parametrize(
    ("manifest", "field", "words"),
    [
        ({"signature": {"inputs": {"z": {}}}}, "signature.inputs.z", "no such tensor"),
        ({"signature": {"outputs": {"yy": {}}}}, "signature.outputs.yy", "do you mean 'y'"),
        ({"metric": {"output": "label"}}, "metric.output", "no output 'label'"),
        (with_input(features=["a", "b", "c"]), "signature.inputs.x.features", "3 features"),
        (with_input(optional=True), "signature.inputs.x.optional", "needs x"),
        (with_input(choices=["red"]), "signature.inputs.x.choices", "'red' is a text"),
    ],
)
def test_a_disagreement_is_refused_at_its_field(version, examined, manifest, field, words):
    found = examined(version(), manifest)

    assert [(refusal.code, refusal.field) for refusal in found.refusals] == [("signature_mismatch", field)]
    assert words in found.refusals[0].message


def test_all_disagreements_are_told_at_once(version, examined):
    manifest = {"metric": {"output": "label"}, "signature": {"inputs": {"z": {}, "zz": {}}}}

    assert len(examined(version(), manifest).refusals) == 3


def test_texts_have_choices_and_no_range(version, examined):
    texts = model(
        [node("Identity", ["x"], ["y"])], [value("x", TensorProto.STRING)], [value("y", TensorProto.STRING)]
    )

    found = examined(version(model=texts, end_to_end=None, confidence=None), MANIFEST)

    assert [(one.code, one.field) for one in found.refusals] == [
        ("signature_mismatch", "signature.inputs.x.range")
    ]


def test_a_tensor_that_nobody_can_name_is_refused(version, examined):
    nameless = model([node("Identity", ["x\x00"], ["y"])], [value("x\x00")])

    found = examined(version(model=nameless, end_to_end=None, confidence=None), {})

    assert [one.field for one in found.refusals] == ["files.model"]
    assert "nobody can type" in found.refusals[0].message


def test_what_the_manifest_says_of_values_is_in_the_signature(version, examined):
    said = {"missing": True, "range": [0, 1], "enforce": "clip"}
    outputs = {"y": {"finite": True, "tolerance": {"atol": 0.5}}}
    found = examined(version(), {"signature": {"inputs": {"x": said}, "outputs": outputs}})

    (x,), (y,) = found.signature.inputs, found.signature.outputs
    assert (x.missing, x.infinite, x.range, x.enforce) == (True, False, (0, 1), "clip")
    assert (y.finite, y.tolerance) == (True, Tolerance(0.5))


def test_an_input_that_need_not_be_finite_takes_nan_and_infinities(version, examined):
    (x,) = examined(version(), with_input(finite=False)).signature.inputs

    assert (x.missing, x.infinite) == (True, True)


@pytest.mark.parametrize("word", ["missing", "infinite"])
def test_whole_numbers_have_no_value_that_means_none(version, examined, word):
    whole = model(
        [node("Identity", ["x"], ["y"])], [value("x", TensorProto.INT64)], [value("y", TensorProto.INT64)]
    )
    found = examined(version(model=whole, end_to_end=None, confidence=None), with_input(**{word: True}))

    assert [(one.code, one.field) for one in found.refusals] == [
        ("signature_mismatch", f"signature.inputs.x.{word}")
    ]


def weighted(version, examined, manifest):
    """A model that lists its weights among its inputs."""
    graph = model(
        [node("Mul", ["x", "w"], ["y"])],
        [value("x"), value("w", shape=[2])],
        [value("y")],
        {"w": np.ones(2, np.float32)},
    )
    return examined(version(model=graph, end_to_end=None, confidence=None), manifest)


def test_weights_among_the_inputs_are_not_offered_to_clients(version, examined):
    found = weighted(version, examined, {})

    assert found.refusals == ()
    assert [spec.name for spec in found.signature.inputs] == ["x"]


def test_weights_may_be_replaced_where_the_manifest_calls_them_optional(version, examined):
    found = weighted(version, examined, {"signature": {"inputs": {"w": {"optional": True}}}})

    assert [(spec.name, spec.optional) for spec in found.signature.inputs] == [("x", False), ("w", True)]
