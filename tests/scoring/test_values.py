"""Which values a version takes, at every door of a real node: limits, gaps, axes."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
import tritonclient.grpc
import tritonclient.http
from msgspec.structs import replace
from onnx import helper
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from formats.types import Signature, TensorSpec
from scoring.telemetry import Meter
from scoring.tensors import Block
from scoring.worker.allowed import allowed
from tests.scoring import models
from tests.scoring.doors import served
from tests.scoring.nodes import TOKEN, wait_for

AUTH = {"authorization": f"Bearer {TOKEN}"}
NAMED = ("a", "b", "c", "d")
OUTSIDE = 'assay_values_outside_total{model="limits",version="1",arm="champion",input="x"}'


def logarithm() -> bytes:
    """A colour that comes back, and the logarithm of x."""
    return models.graph(
        [helper.make_node("Identity", ["colour"], ["c"]), helper.make_node("Log", ["x"], ["y"])],
        [("colour", models.STRING, ["n"]), ("x", models.FLOAT, ["n"])],
        [("c", models.STRING, ["n"]), ("y", models.FLOAT, ["n"])],
    )


def echo() -> bytes:
    return models.graph(
        [helper.make_node("Identity", ["x"], ["y"])],
        [("x", models.FLOAT, ["n", 4])],
        [("y", models.FLOAT, ["n", 4])],
    )


def gathered() -> bytes:
    """The sum of the nodes that the edges name: two first axes, of their own."""
    return models.graph(
        [
            helper.make_node("Gather", ["x", "source"], ["rows"], axis=0),
            helper.make_node("ReduceSum", ["rows", "axis"], ["y"], keepdims=0),
        ],
        [("x", models.FLOAT, ["nodes", 2]), ("source", models.INT64, ["edges"])],
        [("y", models.FLOAT, [2])],
        {"axis": np.array([0])},
    )


def mean() -> bytes:
    return models.graph(
        [helper.make_node("ReduceMean", ["image"], ["mean"], axes=[1, 2], keepdims=0)],
        [("image", models.FLOAT, ["n", 3, 4, 3])],
        [("mean", models.FLOAT, ["n", 3])],
    )


def saying(version, inputs=None, outputs=None):
    """A version whose signature says more than its graph."""

    def said(specs, words):
        return tuple(replace(spec, **(words or {}).get(spec.name, {})) for spec in specs)

    signature = version.signature
    return replace(
        version, signature=Signature(said(signature.inputs, inputs), said(signature.outputs, outputs))
    )


@pytest.fixture(scope="module")
def node_and_door(tmp_path_factory, store):
    limits = {"colour": {"choices": ("red", "green")}, "x": {"range": (1, 5)}}
    clipped = {"colour": {}, "x": {"range": (1, 5), "enforce": "clip"}}
    whole, gapped = ({"x": {"features": NAMED, "missing": taken}} for taken in (False, True))
    symbols = {"x": {"symbols": ("nodes", "")}, "source": {"symbols": ("edges",)}}
    versions = {
        "limits": saying(store.version(1, logarithm()), limits, {"y": {"finite": True}}),
        "clipped": saying(store.version(1, logarithm()), clipped),
        "whole": saying(store.version(1, echo()), whole),
        "gapped": saying(store.version(1, echo()), gapped),
        "graph": saying(store.version(1, gathered(), rows="requests"), symbols),
        "image": store.version(1, mean()),
    }
    with served(tmp_path_factory.mktemp("values"), store, versions) as both:
        yield both


@pytest.fixture
def client(node_and_door):
    client = node_and_door[0].client()
    yield client
    client.close()


def tensors(feed):
    kinds = {name: np_to_triton_dtype(array.dtype) for name, array in feed.items()}
    return [
        {"name": name, "datatype": kinds[name], "shape": list(array.shape), "data": array.tolist()}
        for name, array in feed.items()
    ]


def triton(library, address, name, feed):
    client = library.InferenceServerClient(address)
    inputs = []
    for key, array in feed.items():
        inputs.append(library.InferInput(key, list(array.shape), np_to_triton_dtype(array.dtype)))
        inputs[-1].set_data_from_numpy(array)
    return client.infer(name, inputs, headers=dict(AUTH))


def ask(node_and_door, door, name, feed):
    """(outputs by name, None), or (None, the refusal) at one of five doors."""
    node, grpc = node_and_door
    if door in ("binary", "grpc"):
        library, address = (
            (tritonclient.http, f"127.0.0.1:{node.port}")
            if door == "binary"
            else (tritonclient.grpc, grpc.address)
        )
        try:
            found = triton(library, address, name, feed)
        except InferenceServerException as error:
            return None, (str(error.status()), error.message())
        names = (
            [o["name"] for o in found.get_response()["outputs"]]
            if door == "binary"
            else [o.name for o in found.get_response().outputs]
        )
        return {each: found.as_numpy(each) for each in names}, None
    client = node.client()
    plain = {key: array.tolist() for key, array in feed.items()}
    path, body = {
        "v2": (f"/v2/models/{name}/infer", {"inputs": tensors(feed)}),
        "score": (f"/score/{name}", {"inputs": plain}),
        "invocations": (f"/invocations/{name}", {"inputs": plain}),
    }[door]
    status, _, answer = client.call("POST", path, body)
    client.close()
    if status != 200:
        return None, (str(status), answer["error"])
    if door == "v2":
        outputs = {o["name"]: np.reshape(o["data"], o["shape"]) for o in answer["outputs"]}
    else:
        outputs = answer["outputs" if door == "score" else "predictions"]
    return {key: np.array(value) for key, value in outputs.items()}, None


DOORS = ["v2", "binary", "grpc", "score", "invocations"]


def limited(colour, x):
    return {"colour": np.array([colour], object), "x": np.array([x], np.float32)}


@pytest.mark.parametrize("door", DOORS)
def test_a_value_that_is_no_choice_is_refused_with_the_choices(node_and_door, door):
    assert ask(node_and_door, door, "limits", limited("red", 1))[1] is None
    _, refusal = ask(node_and_door, door, "limits", limited("purple", 1))

    assert refusal is not None
    assert refusal[0] in ("400", "StatusCode.INVALID_ARGUMENT")
    assert "input 'colour', row 0: 'purple' is none of red, green" in refusal[1]


@pytest.mark.parametrize("door", DOORS)
def test_a_value_beyond_its_range_is_moved_where_the_signature_says_so(node_and_door, door):
    found, _ = ask(node_and_door, door, "clipped", limited("purple", 100))

    assert found is not None
    assert float(found["y"][0]) == pytest.approx(np.log(5))


@pytest.mark.parametrize("door", DOORS)
def test_what_has_no_finite_answer_because_of_its_own_values_is_no_fault_of_the_model(node_and_door, door):
    _, refusal = ask(node_and_door, door, "limits", limited("red", -7))

    assert refusal is not None
    assert refusal[0] in ("422", "StatusCode.INVALID_ARGUMENT", "StatusCode.FAILED_PRECONDITION")
    assert "-7.0, which is outside of 1 to 5" in refusal[1]


def test_values_beyond_a_range_are_counted_and_answered(client):
    def counted():
        text = client.call("GET", "/metrics")[2].decode()
        return next(
            (int(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(OUTSIDE)), 0
        )

    before = counted()
    body = {"inputs": {"colour": ["red", "red"], "x": [6, 7]}}
    assert client.call("POST", "/score/limits", body)[0] == 200
    wait_for(lambda: counted() >= before + 2, "two values to be counted")


def test_requests_with_values_beyond_a_range_are_counted_once_each():
    signature = Signature(
        (TensorSpec("x", "FP32", (-1,), range=(1, 5), choices=(1.0, 2.0), enforce="count"),
         TensorSpec("z", "FP32", (-1,), range=(0, 1), enforce="clip")), ()
    )  # fmt: skip
    meter, held = Meter(), allowed(signature)
    for x, z in (([0, 9], [2]), ([1, 2], [0.5]), ([3], [0.5])):
        blocks = [Block((len(v),), np.array(v, np.float32).tobytes()) for v in (x, z)]
        held.hold(SimpleNamespace(blocks=blocks, outside=""), meter)

    assert (meter.outside, meter.beyond) == ({"x": 5, "z": 1}, {"x": 2, "z": 1})
    again = Meter()
    again.add(meter.to_json())
    assert (again.to_json()["outside"], again.to_json()["beyond"]) == (meter.outside, meter.beyond)


def test_one_clients_value_fails_none_of_its_neighbours(node_and_door):
    """Requests that arrive together run together; only the one with a value of its own is refused."""
    node = node_and_door[0]
    head = f"POST /score/limits HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: "
    bodies = [
        json.dumps({"inputs": {"colour": [c], "x": [x]}})
        for c, x in (("red", 1), ("blue", 1), ("red", -1), ("green", 2))
    ]
    with node.connect() as line:
        line.sendall("".join(f"{head}{len(body)}\r\n\r\n{body}" for body in bodies).encode())
        got = b""
        while got.count(b"HTTP/1.1 ") < 4 or not got.endswith(b"}"):
            got += line.recv(65536)

    assert [part[:3] for part in got.split(b"HTTP/1.1 ")[1:]] == [b"200", b"400", b"422", b"200"]


@pytest.mark.parametrize("door", ["binary", "grpc", "v2"])
def test_a_gap_comes_through_where_the_input_takes_it(node_and_door, door):
    x = np.array([[0.5, np.nan, 1, 2]], np.float32)
    found, refusal = ask(node_and_door, door, "gapped", {"x": x})
    _, refused = ask(node_and_door, door, "whole", {"x": x})

    assert refusal is None
    np.testing.assert_array_equal(np.asarray(found["y"], np.float32), x)
    assert refused[0] in ("400", "StatusCode.INVALID_ARGUMENT")
    assert "input 'x', row 0, feature b: is NaN" in refused[1]


@pytest.mark.parametrize("door", DOORS)
def test_nodes_and_edges_are_no_rows_of_each_other(node_and_door, door):
    nodes = np.array([[1, 2], [3, 4], [5, 6]], np.float32)
    for edges, total in (([2], [5, 6]), ([0, 1], [4, 6]), ([], [0, 0])):
        feed = {"x": nodes, "source": np.array(edges, np.int64)}
        found, refusal = ask(node_and_door, door, "graph", feed)

        assert refusal is None, refusal
        assert found["y"].tolist() == total


@pytest.mark.parametrize("door", DOORS)
def test_images_come_as_nested_lists(node_and_door, door):
    image = np.random.default_rng(0).random((2, 3, 4, 3), dtype=np.float32)
    found, refusal = ask(node_and_door, door, "image", {"image": image})

    assert refusal is None, refusal
    np.testing.assert_allclose(found["mean"], image.mean((1, 2)), rtol=1e-5)


def test_a_known_beginning_obeys_the_same_rules(client):
    """The third request is read by what the first two had settled."""
    for data, status in (
        ([1, 2, 3, 4], 200),
        ([2, 2, 3, 4], 200),
        ([3, 2, 3, 4], 200),
        ([None, 2, 3, 4], 400),
    ):
        tensor = {"name": "x", "datatype": "FP32", "shape": [1, 4], "data": data}
        assert client.call("POST", "/v2/models/whole/infer", {"inputs": [tensor]})[0] == status
        assert client.call("POST", "/v2/models/gapped/infer", {"inputs": [tensor]})[0] == 200
