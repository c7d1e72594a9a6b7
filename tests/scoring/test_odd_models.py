"""Models beyond one table in and one column out, by Triton's own clients, unmodified, over REST and gRPC."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tritonclient.grpc
import tritonclient.http
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from tests.scoring import models, odd_models
from tests.scoring.doors import served
from tests.scoring.nodes import TOKEN

AUTH = {"authorization": f"Bearer {TOKEN}"}
EDGES = {
    "BOOL": np.array([[True, False]]),
    "FP16": np.array([[65504, -6e-8]], np.float16),
    "FP32": np.array([[3.4028235e38, -1e-45]], np.float32),
    "FP64": np.array([[1.7976931348623157e308, -5e-324]]),
    "BYTES": np.array([["Zoë \U0001f600\n\x00", ""]], np.object_),
} | {
    name: np.array([[np.iinfo(kind).max, np.iinfo(kind).min]], kind)
    for name, kind in {
        "INT8": np.int8, "INT16": np.int16, "INT32": np.int32, "INT64": np.int64,
        "UINT8": np.uint8, "UINT16": np.uint16, "UINT32": np.uint32, "UINT64": np.uint64,
    }.items()
}  # fmt: skip


@pytest.fixture(scope="module")
def odd(tmp_path_factory, store):
    """A node with all of them, and its gRPC port."""
    made = {
        "datatypes": odd_models.every_datatype(),
        "free": odd_models.free_axes(),
        "several": odd_models.several_inputs(),
        "optional": odd_models.optional_input(),
        "state": odd_models.carried_state(),
        "branches": odd_models.branches(),
        "turned": odd_models.turned(),
        "classes": odd_models.named_classes(),
        "zip": models.classifier(zipmap=True),
        "scalar": models.echo_of(models.FLOAT, []),
    }
    versions = {name: store.version(1, content) for name, content in made.items()}
    with served(tmp_path_factory.mktemp("odd"), store, versions) as both:
        yield both


class Caller:
    """One of the two clients. `binary` says how REST sends and asks for tensors."""

    def __init__(self, library, address, *, binary: bool) -> None:
        self.library = library
        self.client = library.InferenceServerClient(address)
        self.binary = binary

    def way(self, name):
        """Triton's REST client has no JSON form for half floats: they go as binary, beside the others."""
        binary = self.binary or name.endswith("FP16")
        return {"binary_data": binary} if self.library is tritonclient.http else {}

    def infer(self, name, feed, outputs=(), **more):
        inputs = []
        for key, value in feed.items():
            inputs.append(self.library.InferInput(key, list(value.shape), np_to_triton_dtype(value.dtype)))
            inputs[-1].set_data_from_numpy(value, **self.way(key))
        wanted = [self.library.InferRequestedOutput(output, **self.way(output)) for output in outputs]
        return self.client.infer(name, inputs, outputs=wanted or None, headers=dict(AUTH), **more)


@pytest.fixture(params=["REST, JSON", "REST, binary", "gRPC"])
def caller(odd, request):
    node, door = odd
    if request.param == "gRPC":
        caller = Caller(tritonclient.grpc, door.address, binary=True)
    else:
        caller = Caller(tritonclient.http, f"127.0.0.1:{node.port}", binary="binary" in request.param)
    yield caller
    caller.client.close()


@pytest.mark.parametrize("rows", [1, 3])
def test_each_datatype_comes_back_to_the_last_bit(caller, rows):
    feed = {f"x_{name}": np.concatenate([value] * rows) for name, value in EDGES.items()}
    answer = caller.infer("datatypes", feed, [f"y_{name}" for name in EDGES])
    for name in EDGES:
        sent, back = feed[f"x_{name}"], answer.as_numpy(f"y_{name}")
        if name == "BYTES":
            texts = [[text if isinstance(text, str) else text.decode() for text in row] for row in back]
            assert texts == sent.tolist()
        else:
            assert back.dtype == sent.dtype
            assert back.tobytes() == sent.tobytes(), name


def test_axes_of_any_length(caller):
    for rows, length in ((1, 1), (2, 5), (5, 2)):
        series = np.arange(rows * length, dtype=np.float32).reshape(rows, length)
        answer = caller.infer("free", {"series": series})
        assert answer.as_numpy("total").tolist() == series.sum(axis=1).tolist()
        assert answer.as_numpy("doubled").tolist() == (series * 2).tolist()


def test_clients_at_once_get_their_own_rows_whatever_their_lengths(odd):
    _, door = odd
    shapes = [(1 + number % 3, 1 + number % 4) for number in range(64)]
    with tritonclient.grpc.InferenceServerClient(door.address) as client, ThreadPoolExecutor(8) as pool:

        def ask(place):
            rows, length = shapes[place]
            series = np.full((rows, length), place, np.float32)
            tensor = tritonclient.grpc.InferInput("series", [rows, length], "FP32")
            tensor.set_data_from_numpy(series)
            return client.infer("free", [tensor], headers=AUTH).as_numpy("doubled")

        for place, answer in enumerate(pool.map(ask, range(64))):
            assert answer.shape == shapes[place]
            assert (answer == 2 * place).all()


def test_several_inputs_of_different_kinds_and_ranks(caller):
    feed = {
        "table": np.array([[1, 2], [3, 4]], np.float32),
        "count": np.array([10, 20]),
        "flag": np.array([[True], [False]]),
        "name": np.array(["a", "b"], np.object_),
    }
    answer = caller.infer("several", feed)
    assert answer.as_numpy("scaled").tolist() == [[10, 20], [3, 4]]
    assert answer.as_numpy("name_out").tolist() == [b"a", b"b"]

    with pytest.raises(InferenceServerException, match="different numbers of rows"):
        caller.infer("several", {**feed, "count": np.array([10])})


def test_an_optional_input_may_be_left_out(caller):
    rows = np.array([[1, 2]], np.float32)
    assert caller.infer("optional", {"x": rows}).as_numpy("y").tolist() == [[3, 6]]
    factor = np.array([5], np.float32)
    assert caller.infer("optional", {"x": rows, "factor": factor}).as_numpy("y").tolist() == [[5, 10]]
    with pytest.raises(InferenceServerException, match="'x' is missing"):
        caller.infer("optional", {"factor": factor})


def test_clients_can_see_which_inputs_may_be_left_out(caller):
    """The protocol's metadata has a member for it only in JSON; over gRPC Triton's config says it."""
    metadata = caller.client.get_model_metadata("optional", headers=dict(AUTH))
    config = caller.client.get_model_config("optional", headers=dict(AUTH))
    if caller.library is tritonclient.http:
        told = {spec["name"]: spec.get("optional", False) for spec in metadata["inputs"]}
        said = {spec["name"]: spec.get("optional", False) for spec in config["input"]}
        assert told == said == {"x": False, "factor": True}
    else:
        assert [spec.name for spec in metadata.inputs] == ["x", "factor"]
        assert {spec.name: spec.optional for spec in config.config.input} == {"x": False, "factor": True}


def test_a_scalar(caller):
    answer = caller.infer("scalar", {"x": np.array(4.5, np.float32)})
    assert answer.as_numpy("y").shape == ()
    assert answer.as_numpy("y") == 4.5


def test_state_that_the_client_carries(caller):
    state = np.zeros((1, 2, 3), np.float32)
    rows = np.array([[1, 2, 3], [4, 5, 6]], np.float32)
    for round_ in (1, 2, 3):
        answer = caller.infer("state", {"x": rows, "state": state})
        state = answer.as_numpy("state_out")
        assert answer.as_numpy("y").tolist() == [[6 * round_], [15 * round_]]


@pytest.mark.parametrize(("twice", "expected"), [(True, [[2, 4]]), (False, [[2, 3]])])
def test_branches_of_an_if(caller, twice, expected):
    feed = {"twice": np.array(twice), "x": np.array([[1, 2]], np.float32)}
    assert caller.infer("branches", feed).as_numpy("y").tolist() == expected


@pytest.mark.parametrize("rows", [[[1, 2], [3, 4], [5, 6]], [[-1, -2]]])
def test_outputs_whose_first_axis_is_not_the_batch(caller, rows):
    x = np.array(rows, np.float32)
    answer = caller.infer("turned", {"x": x})
    assert answer.as_numpy("columns").tolist() == x.T.tolist()
    assert answer.as_numpy("mean").tolist() == x.mean(axis=0).tolist()
    assert answer.as_numpy("found").tolist() == [np.flatnonzero(np.maximum(x, 0)).tolist()]


def test_maps_are_keys_and_values(caller):
    x = np.array([[1, 2], [3, 4]], np.float32)
    answer = caller.infer("zip", {"x": x})
    assert answer.as_numpy("probabilities.keys").tolist() == [[0, 1, 2]] * 2
    assert answer.as_numpy("probabilities.values").shape == (2, 3)
    answer = caller.infer("classes", {"x": x})
    assert answer.as_numpy("proba.keys").tolist() == [[b"dog", b"zebra"]] * 2
    assert np.allclose(answer.as_numpy("proba.values").sum(axis=1), 1)


def test_only_the_outputs_that_were_asked_for_in_their_order(caller):
    x = np.array([[1, 2]], np.float32)
    answer = caller.infer("turned", {"x": x}, ["mean", "columns"], request_id="mine", parameters={"any": 1})
    response = answer.get_response()
    outputs = response["outputs"] if isinstance(response, dict) else response.outputs
    assert [output["name"] if isinstance(output, dict) else output.name for output in outputs] == [
        "mean",
        "columns",
    ]
    assert (response["id"] if isinstance(response, dict) else response.id) == "mine"
    with pytest.raises(InferenceServerException, match="no output 'nothing'"):
        caller.infer("turned", {"x": x}, ["nothing"])


def test_metadata_tells_the_odd_shapes(odd):
    node, door = odd
    with tritonclient.http.InferenceServerClient(f"127.0.0.1:{node.port}") as client:
        metadata = client.get_model_metadata("state", headers=dict(AUTH))
        told = {tensor["name"]: tensor["shape"] for tensor in metadata["inputs"] + metadata["outputs"]}
    with tritonclient.grpc.InferenceServerClient(door.address) as client:
        found = client.get_model_metadata("state", headers=AUTH)
        assert {t.name: list(t.shape) for t in [*found.inputs, *found.outputs]} == told
    assert told == {"x": [-1, 3], "state": [1, -1, 3], "y": [-1, 1], "state_out": [1, -1, 3]}
