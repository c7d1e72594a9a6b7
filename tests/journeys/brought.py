"""Real models of many kinds, each with the sets that prove it and a question, as people bring them.

What they answer is what onnxruntime answers to the same bytes: nothing here knows the product.
"""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
import onnxruntime

Array = NDArray[Any]
Feeds = dict[str, Array]
SEED = 20261128
PROVEN = 8


@dataclass(frozen=True)
class Brought:
    """One version: its graph, what else its manifest says, its sets, and one request to ask it.

    files      further files by key, each (name, bytes).
    question   tensors of one request, in the shape that a client sends.
    outputs    the outputs that are compared, all when empty.
    """

    name: str
    model: bytes
    metric: Mapping[str, Any]
    end_to_end: Mapping[str, Array]
    confidence: Mapping[str, Array]
    question: Feeds
    manifest: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, tuple[str, bytes]] = field(default_factory=dict)
    task: str = "classification"
    folder: Path | None = None

    def expected(self) -> Feeds:
        """onnxruntime's own answer to the question; a map as its keys and values."""
        return answers(self.model, self.question, self.folder)


def answers(model: bytes, feeds: Feeds, folder: Path | None = None) -> Feeds:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    source: bytes | str = str(folder / "model.onnx") if folder else model
    session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    found: Feeds = {}
    for output, value in zip(session.get_outputs(), session.run(None, feeds), strict=True):
        if isinstance(value, list):  # a ZipMap: one mapping for each row
            found[f"{output.name}.keys"] = np.array([list(row) for row in value])
            found[f"{output.name}.values"] = np.array([list(row.values()) for row in value], np.float32)
        else:
            found[output.name] = value.astype(str) if value.dtype == object else value
    return found


def npz(arrays: Mapping[str, Array]) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, allow_pickle=False, **arrays)
    return stream.getvalue()


def samples(
    name: str, model: bytes, inputs: Feeds, target: Array, metric: Mapping[str, Any], expect: str, **more: Any
) -> Brought:
    """A version whose rows are samples: the sets are slices of `inputs`, the question its first two rows."""
    first = {key: value[:PROVEN] for key, value in inputs.items()}
    told = answers(model, first, more.get("folder"))[expect]
    end_to_end = {f"inputs/{key}": value for key, value in first.items()}
    end_to_end |= {f"expected/{expect}": told, "atol": np.float64(1e-5), "rtol": np.float64(1e-4)}
    confidence = {f"inputs/{key}": value for key, value in inputs.items()} | {"target": target}
    question = {key: value[:2] for key, value in inputs.items()}
    return Brought(name, model, metric, end_to_end, confidence, question, **more)


def graph(
    nodes: list[Any], inputs: Mapping[str, Any], outputs: Mapping[str, Any], weights: Mapping[str, Array]
) -> Any:
    """A model of nodes; inputs and outputs are (element type, shape)."""
    made = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info(name, *fact) for name, fact in inputs.items()],
        [helper.make_tensor_value_info(name, *fact) for name, fact in outputs.items()],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return model


def node(operator: str, inputs: str, outputs: str, **attributes: Any) -> Any:
    return helper.make_node(operator, inputs.split(), outputs.split(), **attributes)


def imputer() -> Brought:
    """Missing values, as scikit-learn's imputers are made for."""
    from skl2onnx import to_onnx
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    rows, labels = _blobs(4, gaps=0.15)
    fitted = make_pipeline(SimpleImputer(), LogisticRegression()).fit(rows, labels)
    model = to_onnx(fitted, rows[:1], target_opset=17, options={"zipmap": False}).SerializeToString()
    return samples("imputer", model, {"X": rows}, labels, _accuracy(), "label")


def gradient_boosting() -> Brought:
    """XGBoost with gaps, and its hyperparameters with their NaN."""
    import xgboost
    from onnxmltools import convert_xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType

    rows, labels = _blobs(5, gaps=0.2)
    fitted = xgboost.XGBClassifier(n_estimators=12, max_depth=3, random_state=1).fit(rows, labels)
    converted = convert_xgboost(fitted, initial_types=[("X", FloatTensorType([None, 5]))], target_opset=15)
    given = {key: value for key, value in fitted.get_params().items() if value is not None}
    return samples(
        "xgboost", converted.SerializeToString(), {"X": rows}, labels, _accuracy(), "label",
        manifest={"training": {"hyperparameters": given}},
    )  # fmt: skip


def words() -> Brought:
    """TF-IDF of short texts, as scikit-learn's vectorisers become."""
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import StringTensorType
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    good = ["Great fun", "Really good work", "I like this", "good and great"]
    bad = ["Awful noise", "really bad work", "I hate this", "bad and awful"]
    texts, labels = good * 12 + bad * 12, [1] * 48 + [0] * 48
    fitted = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, labels)
    converted = to_onnx(
        fitted, initial_types=[("text", StringTensorType([None]))], target_opset=17, options={"zipmap": False}
    )
    rows = np.array(texts)
    return samples(
        "tf-idf", converted.SerializeToString(), {"text": rows}, np.array(labels), _accuracy(), "label"
    )


def nodes_and_edges() -> Brought:
    """A graph network: two inputs whose first axes are free and their own."""
    model = graph(
        [node("Gather", "x source", "sent", axis=0), node("ReduceSum", "sent axis", "y", keepdims=0)],
        {"x": (TensorProto.FLOAT, ["nodes", 2]), "source": (TensorProto.INT64, ["edges"])},
        {"y": (TensorProto.FLOAT, [2])},
        {"axis": np.array([0])},
    ).SerializeToString()
    chance = np.random.default_rng(SEED)
    asked = [
        {"x": _floats(chance, (3 + k % 3, 2)), "source": np.arange(k % 3, dtype=np.int64)} for k in range(12)
    ]
    return requests("graph-net", model, asked, {"name": "mae", "output": "y", "range": [0, 1]}, "y")


def requests(
    name: str, model: bytes, asked: list[Feeds], metric: Mapping[str, Any], expect: str, **more: Any
) -> Brought:
    """A version whose rows are whole requests, of shapes that differ."""
    told = [answers(model, feeds)[expect] for feeds in asked]
    inputs = {f"requests/{i}/inputs/{k}": v for i, feeds in enumerate(asked) for k, v in feeds.items()}
    expected = {f"requests/{i}/expected/{expect}": value for i, value in enumerate(told)}
    target = more.pop("target", None) or {"target": np.stack(told)}
    manifest = {"rows": "requests", **more.pop("manifest", {})}
    tolerance = {"atol": np.float64(1e-5), "rtol": np.float64(1e-4)}
    end_to_end, confidence = inputs | expected | tolerance, inputs | target
    return Brought(name, model, metric, end_to_end, confidence, asked[1], manifest=manifest, **more)


def fixed_batch_image() -> Brought:
    """An image classifier exported with a batch of one."""
    chance = np.random.default_rng(SEED)
    weights = _floats(chance, (2, 3, 3, 3))
    model = graph(
        [
            node("Conv", "image w", "c"),
            node("GlobalAveragePool", "c", "p"),
            node("Flatten", "p", "z"),
            node("Softmax", "z", "probabilities", axis=-1),
        ],
        {"image": (TensorProto.FLOAT, [1, 3, 8, 8])},
        {"probabilities": (TensorProto.FLOAT, [1, 2])},
        {"w": weights},
    ).SerializeToString()
    images = _floats(chance, (40, 1, 3, 8, 8))
    told = np.stack([answers(model, {"image": image})["probabilities"] for image in images])
    tolerance = {"atol": np.float64(1e-5), "rtol": np.float64(1e-4)}
    return Brought(
        "fixed-batch",
        model,
        {"name": "roc_auc", "output": "probabilities", "range": [0.5, 1.0]},
        {"inputs/image": images[:PROVEN], "expected/probabilities": told[:PROVEN], **tolerance},
        {"inputs/image": images, "target": (told[:, 0, 1] > np.median(told[:, 0, 1])).astype(np.int64)},
        {"image": images[0]},
    )


def segmentation() -> Brought:
    """A label for each pixel: an output of three axes, a target of the same."""
    model = graph(
        [
            node("Conv", "image w", "scores", pads=[1, 1, 1, 1]),
            node("ArgMax", "scores", "mask", axis=1, keepdims=0),
        ],
        {"image": (TensorProto.FLOAT, ["n", 1, 6, 6])},
        {"mask": (TensorProto.INT64, ["n", 6, 6])},
        {"w": _floats(np.random.default_rng(SEED), (3, 1, 3, 3))},
    ).SerializeToString()  # fmt: skip
    images = _floats(np.random.default_rng(SEED + 1), (30, 1, 6, 6))
    target = answers(model, {"image": images})["mask"]
    return samples("segmentation", model, {"image": images}, target, _accuracy("mask"), "mask")


def detection() -> Brought:
    """Boxes, scores and labels of one image a request; how many, the image decides."""
    model = graph(
        [
            node("ReduceMax", "candidates", "best", axes=[1], keepdims=0),
            node("Greater", "best least", "keep"),
            node("Compress", "candidates keep", "boxes", axis=0),
            node("Compress", "best keep", "scores", axis=0),
            node("Compress", "kinds keep", "labels", axis=0),
        ],
        {"candidates": (TensorProto.FLOAT, ["n", 4]), "kinds": (TensorProto.INT64, ["n"])},
        {
            "boxes": (TensorProto.FLOAT, ["kept", 4]),
            "scores": (TensorProto.FLOAT, ["kept"]),
            "labels": (TensorProto.INT64, ["kept"]),
        },
        {"least": np.float32(12)},
    )
    # ReduceMax with axes as an attribute is of opset 13; 17 still reads it.
    chance, asked = np.random.default_rng(SEED), []
    for _ in range(12):
        corner = chance.random((5, 2), dtype=np.float32) * 10
        size = 1 + chance.random((5, 2), dtype=np.float32) * 5
        asked.append(
            {
                "candidates": np.concatenate([corner, corner + size], axis=1),
                "kinds": chance.integers(0, 2, 5),
            }
        )
    data = model.SerializeToString()
    told = [answers(data, feeds) for feeds in asked]
    target = {
        f"requests/{i}/target": np.column_stack([one["boxes"], one["labels"].astype(np.float32)])
        for i, one in enumerate(told)
    }  # fmt: skip
    metric = {"name": "map", "output": "boxes", "scores": "scores", "labels": "labels", "range": [0.5, 1.0]}
    return requests("detector", data, asked, metric, "boxes", target=target, task="detection")


def two_files() -> Brought:
    """Weights beside the graph, as torch.onnx.export writes them."""
    chance = np.random.default_rng(SEED)
    model = graph(
        [node("MatMul", "x w", "y")],
        {"x": (TensorProto.FLOAT, ["n", 16])},
        {"y": (TensorProto.FLOAT, ["n", 1])},
        {"w": _floats(chance, (16, 1))},
    )
    folder = Path(tempfile.mkdtemp(prefix="two-files-"))
    onnx.save_model(
        model,
        str(folder / "model.onnx"),
        save_as_external_data=True,
        location="model.onnx.data",
        size_threshold=0,
    )
    rows = _floats(chance, (40, 16))
    data = (folder / "model.onnx").read_bytes()
    target = answers(data, {"x": rows}, folder)["y"]
    return samples(
        "two-files", data, {"x": rows}, target, {"name": "mae", "output": "y", "range": [0, 1]}, "y",
        files={"weights": ("model.onnx.data", (folder / "model.onnx.data").read_bytes())},
        folder=folder, task="regression",
    )  # fmt: skip


def zip_map() -> Brought:
    """What scikit-learn's converter makes by default: a map of class to probability for each row."""
    from skl2onnx import to_onnx
    from sklearn.linear_model import LogisticRegression

    rows, labels = _blobs(3)
    fitted = LogisticRegression().fit(rows, labels)
    model = to_onnx(fitted, rows[:1], target_opset=17).SerializeToString()
    return samples("zip-map", model, {"X": rows}, labels, _accuracy("output_label"), "output_label")


def quantised() -> Brought:
    """A network of two layers whose weights have eight bits."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    chance = np.random.default_rng(SEED)
    plain = graph(
        [
            node("MatMul", "x w1", "h"),
            node("Relu", "h", "r"),
            node("MatMul", "r w2", "z"),
            node("ArgMax", "z", "label", axis=1, keepdims=0),
        ],
        {"x": (TensorProto.FLOAT, ["n", 8])},
        {"label": (TensorProto.INT64, ["n"])},
        {"w1": _floats(chance, (8, 16)), "w2": _floats(chance, (16, 3))},
    )
    folder = Path(tempfile.mkdtemp(prefix="quantised-"))
    onnx.save(plain, folder / "plain.onnx")
    quantize_dynamic(folder / "plain.onnx", folder / "model.onnx", weight_type=QuantType.QInt8)
    model = (folder / "model.onnx").read_bytes()
    rows = _floats(chance, (60, 8))
    return samples(
        "quantised", model, {"x": rows}, answers(model, {"x": rows})["label"], _accuracy(), "label"
    )


def recurrent() -> Brought:
    """A step of a GRU: its state goes in and comes back, and has no batch."""
    chance = np.random.default_rng(SEED)
    model = graph(
        [node("GRU", "x w r b  state", "y next", hidden_size=4)],
        {"x": (TensorProto.FLOAT, [5, 1, 3]), "state": (TensorProto.FLOAT, [1, 1, 4])},
        {"y": (TensorProto.FLOAT, [5, 1, 1, 4]), "next": (TensorProto.FLOAT, [1, 1, 4])},
        {"w": _floats(chance, (1, 12, 3)), "r": _floats(chance, (1, 12, 4)), "b": _floats(chance, (1, 24))},
    )
    model.graph.node[0].input[:] = ["x", "w", "r", "b", "", "state"]
    data = model.SerializeToString()
    rows = {"x": _floats(chance, (20, 5, 1, 3)), "state": _floats(chance, (20, 1, 1, 4))}
    each = [{key: value[i] for key, value in rows.items()} for i in range(20)]
    told = np.stack([answers(data, feeds)["next"] for feeds in each])
    tolerance = {"atol": np.float64(1e-5), "rtol": np.float64(1e-4)}
    return Brought(
        "recurrent", data, {"name": "mae", "output": "next", "range": [0, 1]},
        {**{f"inputs/{k}": v[:PROVEN] for k, v in rows.items()}, "expected/next": told[:PROVEN], **tolerance},
        {**{f"inputs/{k}": v for k, v in rows.items()}, "target": told},
        each[0], manifest={"rows": "requests"}, task="regression",
    )  # fmt: skip


def text_labels() -> Brought:
    """Classes that are words, and columns of probabilities in their order."""
    from skl2onnx import to_onnx
    from sklearn.linear_model import LogisticRegression

    rows, labels = _blobs(3)
    names = np.array(["healthy", "ill"])[labels]
    fitted = LogisticRegression().fit(rows, names)
    model = to_onnx(fitted, rows[:1], target_opset=17, options={"zipmap": False}).SerializeToString()
    metric = {"name": "log_loss", "output": "probabilities", "range": [0, 5], "classes": ["healthy", "ill"]}
    return samples("text-labels", model, {"X": rows}, names, metric, "label")


def neighbours() -> Brought:
    """Nearest neighbours, for which the converter writes a Scan."""
    from skl2onnx import to_onnx
    from sklearn.neighbors import KNeighborsClassifier

    rows, labels = _blobs(4)
    fitted = KNeighborsClassifier(5).fit(rows, labels)
    model = to_onnx(fitted, rows[:1], target_opset=17, options={"zipmap": False}).SerializeToString()
    return samples("neighbours", model, {"X": rows}, labels, _accuracy(), "label")


def several_labels() -> Brought:
    """Any number of labels for one row."""
    chance = np.random.default_rng(SEED)
    model = graph(
        [
            node("MatMul", "x w", "z"),
            node("Sigmoid", "z", "p"),
            node("Greater", "p half", "b"),
            node("Cast", "b", "label", to=TensorProto.INT64),
        ],
        {"x": (TensorProto.FLOAT, ["n", 4])},
        {"label": (TensorProto.INT64, ["n", 3]), "p": (TensorProto.FLOAT, ["n", 3])},
        {"w": np.eye(4, 3, dtype=np.float32), "half": np.float32(0.5)},
    ).SerializeToString()  # fmt: skip
    rows = _floats(chance, (60, 4))
    target = (rows[:, :3] > 0).astype(np.int64)
    metric = {"name": "f1_macro", "output": "label", "range": [0.5, 1.0]}
    return samples("several-labels", model, {"x": rows}, target, metric, "label")


KINDS: tuple[Callable[[], Brought], ...] = (
    imputer,
    gradient_boosting,
    words,
    nodes_and_edges,
    fixed_batch_image,
    segmentation,
    detection,
    two_files,
    zip_map,
    quantised,
    recurrent,
    text_labels,
    neighbours,
    several_labels,
)


def _blobs(width: int, gaps: float = 0.0) -> tuple[Array, Array]:
    chance = np.random.default_rng(SEED)
    rows = _floats(chance, (160, width))
    labels = (rows[:, 0] + rows[:, 1] > 0).astype(np.int64)
    rows[chance.random(rows.shape) < gaps] = np.nan
    return rows, labels


def _floats(chance: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return chance.normal(size=shape).astype(np.float32)


def _accuracy(output: str = "label") -> dict[str, Any]:
    return {"name": "accuracy", "output": output, "range": [0.5, 1.0]}
