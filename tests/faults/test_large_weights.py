"""Weights beside a graph, proven where they lie: more of them than fit the cell's own folder or one graph."""

from __future__ import annotations

import hashlib

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from formats.plan import ArtifactRef, PlannedVersion
from formats.types import Signature, TensorSpec
from registry import inspection
from releases.proof.cells import prove
from releases.proof.server_cell import Subject

pytestmark = pytest.mark.faults

ROW = 1 << 10
SIGNATURE = Signature((TensorSpec("row", "INT64", (-1,)),), (TensorSpec("y", "FP32", (-1, ROW)),))


def gathering(megabytes):
    """row [N] -> that row of a table, four kilobytes each."""
    table = TensorProto(name="t", data_type=TensorProto.FLOAT, dims=[megabytes << 8, ROW])
    table.data_location = TensorProto.EXTERNAL
    table.external_data.add(key="location", value="m.data")
    inputs = [helper.make_tensor_value_info("row", TensorProto.INT64, ["N"])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", ROW])]
    graph = helper.make_graph([helper.make_node("Gather", ["t", "row"], ["y"])], "g", inputs, outputs)
    graph.initializer.append(table)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    assert isinstance(made, onnx.ModelProto)
    return made.SerializeToString()


@pytest.fixture
def files(tmp_path, request):
    """The files of a version with so many megabytes of weights: zeros, but for the last place."""
    megabytes = request.param
    with (tmp_path / "m.data").open("wb") as stream:
        stream.truncate(megabytes << 20)
        stream.seek(-4, 2)
        stream.write(np.float32(7).tobytes())
    (tmp_path / "m.onnx").write_bytes(gathering(megabytes))
    expected = np.zeros((1, ROW), np.float32)
    expected[0, -1] = 7
    row = np.array([(megabytes << 8) - 1])
    with (tmp_path / "e2e.npz").open("wb") as stream:
        np.savez_compressed(stream, **{"inputs/row": row, "expected/y": expected})
    found = {"model": "m.onnx", "weights": "m.data", "end_to_end": "e2e.npz"}
    paths = {key: tmp_path / name for key, name in found.items()}
    for path in paths.values():
        path.chmod(0o444)
    return paths


def ref(path):
    with path.open("rb") as stream:
        return ArtifactRef(hashlib.file_digest(stream, "sha256").hexdigest(), path.stat().st_size)


@pytest.mark.parametrize(
    "files", [8, pytest.param(2304, marks=[pytest.mark.soak, pytest.mark.timeout(900)])], indirect=True
)
def test_weights_of_any_size_are_inspected_and_proven(files, tmp_path):
    named = {"model": "m.onnx", "weights": "m.data"}
    found = inspection.inspect(files, manifest={"files": named}, allow_unisolated=True)
    assert (found.refusals, found.findings, found.loaded) == ((), (), True)

    model, weights = ref(files["model"]), ref(files["weights"])
    version = PlannedVersion(1, "0" * 64, model, SIGNATURE, weights={"m.data": weights})
    subject = Subject("large", version, {model.sha256: files["model"], weights.sha256: files["weights"]})
    spec = {
        "rows": None,
        "signature": SIGNATURE.to_json(),
        "metric": {"name": "rmse", "output": "y", "range": [0, 1]},
        "do": ["end_to_end"],
        "seed": 1,
        "timeout": 60,
    }
    proof = prove(
        tmp_path / "work",
        subject,
        {"end_to_end": files["end_to_end"]},
        spec,
        seconds=600,
        allow_unisolated=True,
    )
    assert proof.examination is not None, proof.fault
    assert proof.examination.end_to_end is not None, proof.examination.reason
    assert (proof.examination.end_to_end.rows, proof.examination.end_to_end.wrong) == (1, 0)
