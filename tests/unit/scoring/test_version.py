"""A version by itself, from its facts and files: no plan, no node, no network, tensors in and out."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from formats.types import Signature, TensorSpec
from scoring.errors import BadModel, CorruptArtifact, WrongAnswers
from scoring.runtime.onnx import Options
from scoring.runtime.version import Files, load_version
from tests.scoring.models import classifier
from tests.unit.inspection.graphs import FLOAT, model, node, value
from tests.unit.scoring.test_isolation import modules_after

SIGNATURE = Signature((TensorSpec("x", "FP32", (-1, 2)),), (TensorSpec("y", "FP32", (-1, 2)),))
X = np.arange(6, dtype=np.float32).reshape(3, 2)


def file(folder, name, content):
    path = folder / name
    path.write_bytes(content)
    return path, hashlib.sha256(content).hexdigest()


@pytest.fixture
def negative(tmp_path):
    shape = ("N", 2)
    graph = model([node("Neg", ["z"], ["y"])], [value("z", FLOAT, shape)], [value("y", FLOAT, shape)])
    return file(tmp_path, "model.onnx", graph)


@pytest.fixture
def doubled(tmp_path):
    shape = ("N", 2)
    graph = model([node("Add", ["x", "x"], ["z"])], [value("x", FLOAT, shape)], [value("z", FLOAT, shape)])
    return file(tmp_path, "extractor.onnx", graph)


def test_extractor_and_model_answer_arrays_with_arrays(negative, doubled):
    version = load_version(SIGNATURE, Files(negative, doubled), options=Options())

    assert np.array_equal(version.run({"x": X})["y"], -2 * X)
    assert list(version.run({"x": X})) == ["y"]
    assert version.run_seconds >= 0


def test_a_map_that_the_extractor_makes_feeds_the_model_by_its_values(tmp_path):
    shape, name = ("N", 3), "probabilities.values"
    graph = model([node("Neg", [name], ["y"])], [value(name, FLOAT, shape)], [value("y", FLOAT, shape)])
    joined = Files(file(tmp_path, "m", graph), file(tmp_path, "e", classifier(zipmap=True)))
    plain = Files(file(tmp_path, "p", classifier(zipmap=False)))
    y, probabilities = (TensorSpec(name, "FP32", (-1, 3)) for name in ("y", "probabilities"))

    found = load_version(Signature(SIGNATURE.inputs, (y,)), joined).run({"x": X})
    expected = load_version(Signature(SIGNATURE.inputs, (probabilities,)), plain).run({"x": X})

    assert np.allclose(found["y"], -expected["probabilities"])


def test_it_is_rehearsed_where_it_has_reference_answers(tmp_path, negative, doubled):
    head = b'{"format": 1, "atol": 0, "rtol": 0}\n'
    row = (
        b'{"set": "end_to_end", "row": 7, "request": {"inputs": [{"name": "x", "datatype": "FP32",'
        b' "shape": [1, 2], "data": [1, 2]}]},'
        b' "outputs": [{"name": "y", "datatype": "FP32", "shape": [1, 2], "data": [-2, %d]}]}\n'
    )
    right, wrong = (file(tmp_path, str(last), head + row % last) for last in (-4, -5))

    assert load_version(SIGNATURE, Files(negative, doubled, answers=right)).run_seconds > 0
    with pytest.raises(WrongAnswers, match="row 7, output 'y'"):
        load_version(SIGNATURE, Files(negative, doubled, answers=wrong))


def test_other_bytes_and_graphs_of_another_signature_are_refused(negative, doubled):
    with pytest.raises(CorruptArtifact):
        load_version(SIGNATURE, Files((negative[0], doubled[1])))
    with pytest.raises(BadModel, match="'x'"):
        load_version(SIGNATURE, Files(negative))


def test_whoever_carries_a_version_carries_no_plan_queue_or_network():
    found = modules_after("import scoring.runtime.version")

    strange = ("formats.plan", "scoring.control", "scoring.worker", "scoring.node", "scoring.grpc")
    assert not found & {*strange, "uvloop", "httptools", "asyncio", "grpc", "django"}
    assert "onnxruntime" in found
