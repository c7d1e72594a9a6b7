"""The manifest's words about tensors against the graph's."""

from __future__ import annotations

import pytest
from onnx import TensorProto

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
