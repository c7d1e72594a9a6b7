"""Weights beside the graph: what a graph may say about them, and that nothing else is ever opened."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from formats.sets import SetLimits
from registry.inspection import external
from registry.inspection.policy import Policy
from registry.inspection.steps import Order, inspect
from tests.unit.inspection import graphs
from tests.unit.inspection.graphs import INT64, apart, model, node, value

PLACE = "model.onnx.data"
MANIFEST = {"files": {"model": "model.onnx", "weights": PLACE}}


@pytest.fixture
def examine(version, tmp_path):
    """Inspect a graph with files of weights beside it: place -> content."""

    def run(graph, sidecars, files=None):
        folder = tmp_path / "weights"
        folder.mkdir(exist_ok=True)
        for place, content in sidecars.items():
            (folder / place).parent.mkdir(parents=True, exist_ok=True)
            (folder / place).write_bytes(content)
        own = version(model=graph, end_to_end=None, confidence=None)
        keys = ["weights", *(f"weights_{i}" for i in range(len(sidecars)))]
        named = {"model": "model.onnx"} | dict(zip(keys, sidecars, strict=False))
        order = Order(own, {"files": files or named}, Policy(), SetLimits(), folder if sidecars else None)
        return list(inspect(order))[-1]

    return run


def refusals(found):
    return [(refusal.code, refusal.field) for refusal in found.refusals]


def test_a_graph_with_its_weights_beside_it_loads(examine, tmp_path):
    found = examine(*_with(apart(tmp_path)))

    assert (refusals(found), found.findings) == ([], ())
    assert found.loaded
    assert found.graphs["model"].initializer_bytes == 24


def _with(made, place=PLACE):
    graph, content = made
    return graph, {place: content}


def test_the_file_may_lie_below_the_graph_and_there_may_be_several(examine, tmp_path):
    assert examine(*_with(apart(tmp_path, "deep/er/w.bin"), "deep/er/w.bin")).loaded
    graph, content = apart(tmp_path, PLACE, location="second.bin")
    assert examine(graph, {PLACE: content, "second.bin": content}).loaded


def test_two_constants_may_be_the_same_bytes(examine, tmp_path):
    graph, content = apart(tmp_path, weights=((1.0, 2.0), (3.0, 4.0)))
    made = onnx.ModelProto.FromString(graph)
    made.graph.initializer[1].dims[:] = [2, 2]
    for entry, twin in zip(*(tensor.external_data for tensor in made.graph.initializer), strict=True):
        twin.value = entry.value
    assert examine(made.SerializeToString(), {PLACE: content}).refusals == ()


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"location": "../model.onnx.data"}, "none of the files"),
        ({"location": "./model.onnx.data"}, "none of the files"),
        ({"location": "weights/../model.onnx.data"}, "none of the files"),
        ({"location": "/etc/passwd"}, "none of the files"),
        ({"location": "MODEL.onnx.data"}, "none of the files"),
        ({"location": "model.onnx.data\0"}, "none of the files"),
        ({"location": "*/_ORT_MEM_ADDR_/*"}, "none of the files"),
        ({"location": ""}, "none of the files"),
        ({"location": None}, "none of the files"),
        ({"offset": 24}, "ends at byte"),
        ({"offset": 9}, "ends at byte"),
        ({"offset": 10**17}, "ends at byte"),
        ({"offset": 10**19}, "no number"),
        ({"offset": -4}, "no number"),
        ({"offset": "0x8"}, "no number"),
        ({"offset": "²"}, "no number"),
        ({"offset": " 8"}, "no number"),
        ({"length": -1}, "no number"),
        ({"length": 15}, "claims"),
        ({"length": 10**17}, "claims"),
        ({"offset": 4}, "overlap"),
        ({"prepacked_0": "0;8;x"}, "prepacked_0"),
        ({"basepath": "/"}, "basepath"),
    ],
)
def test_what_a_graph_may_not_say_of_its_weights(examine, tmp_path, said, words):
    found = examine(*_with(apart(tmp_path, **said)))

    assert refusals(found) == [("external_data", "files.model")]
    assert words in found.refusals[0].message
    assert not found.loaded


def test_a_place_said_twice_is_refused(examine, tmp_path):
    graph, content = apart(tmp_path)
    made = onnx.ModelProto.FromString(graph)
    made.graph.initializer[0].external_data.add(key="offset", value="8")

    assert refusals(examine(made.SerializeToString(), {PLACE: content})) == [("external_data", "files.model")]


def test_values_of_its_own_beside_the_file_are_refused(examine, tmp_path):
    graph, content = apart(tmp_path)
    doubled, unmarked = onnx.ModelProto.FromString(graph), onnx.ModelProto.FromString(graph)
    doubled.graph.initializer[0].raw_data = bytes(16)
    unmarked.graph.initializer[0].data_location = onnx.TensorProto.DEFAULT
    for made in (doubled, unmarked):
        found = examine(made.SerializeToString(), {PLACE: content})
        assert refusals(found) == [("external_data", "files.model")]


def test_texts_attributes_and_sparse_constants_lie_in_the_graph(examine, tmp_path):
    graph, content = apart(tmp_path)
    text = onnx.ModelProto.FromString(graph)
    text.graph.initializer[0].data_type = onnx.TensorProto.STRING
    attribute = onnx.ModelProto.FromString(model([node("Constant", [], ["y"])]))
    attribute.graph.node[0].attribute.add(name="value", type=onnx.AttributeProto.TENSOR).t.CopyFrom(
        onnx.ModelProto.FromString(graph).graph.initializer[0]
    )
    sparse = onnx.ModelProto.FromString(graph)
    sparse.graph.sparse_initializer.add().values.CopyFrom(sparse.graph.initializer[0])
    for made in (text, attribute, sparse):
        found = examine(made.SerializeToString(), {PLACE: content})
        assert refusals(found) == [("external_data", "files.model")]


def test_a_file_that_no_graph_refers_to_is_refused(examine, tmp_path):
    graph, content = apart(tmp_path)

    found = examine(graph, {PLACE: content, "other.bin": b"other"})
    assert refusals(found) == [("external_data", "files.weights_0")]
    assert refusals(examine(graphs.linear(), {PLACE: b"unused"})) == [("external_data", "files.weights")]


def test_without_the_file_the_refusal_says_how_to_send_it(examine, tmp_path):
    found = examine(apart(tmp_path)[0], {})

    assert refusals(found) == [("external_data", "files.model")]
    assert "under files as weights" in found.refusals[0].message


def test_rules_see_the_values_that_lie_elsewhere(examine, tmp_path, monkeypatch):
    """A divisor in a file is looked at like one in the graph; one too large to read may be anything."""
    made = onnx.ModelProto.FromString(
        model([node("Div", ["x", "d"], ["y"])], [value("x", INT64)], [value("y", INT64)], {"d": np.int64(7)})
    )
    tensor = made.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=PLACE)
    graph = made.SerializeToString()

    def codes(number):
        found = examine(graph, {PLACE: np.int64(number).tobytes()})
        return [finding.code for finding in found.findings]

    assert codes(7) == []
    assert codes(0) == ["integer_division"]
    monkeypatch.setattr(external, "READ_BYTES", 4)
    assert codes(7) == ["integer_division"]
