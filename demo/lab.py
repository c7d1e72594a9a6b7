"""Training: scikit-learn's bundled data, small models, converted to ONNX. Every seed is fixed."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, load_from_string, numpy_helper
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType
from sklearn import datasets
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from threadpoolctl import threadpool_limits

if TYPE_CHECKING:
    from onnx import ModelProto

OPSET = 17
"""Of the converters here all write it, and onnxruntime reads it."""
SEED = 20261120
"""Any number would do; with another one the figures move that texts of the demonstration name."""
DARKEST, TOO_DARK = 16, 700
"""Ink of one pixel at most, and of a whole picture: the darkest one in the data has 433."""

Floats = NDArray[np.float32]
Labels = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Data:
    """One bundled data set, split for good: rows for training, for tuning, and for judging.

    Inputs are float32 of shape (rows, features), targets int64 of shape (rows,).
    """

    name: str
    features: tuple[str, ...]
    train: tuple[Floats, Labels]
    tune: tuple[Floats, Labels]
    judge: tuple[Floats, Labels]


@dataclass(frozen=True, slots=True)
class Trained:
    """A fitted model as ONNX, with what its own library answers on the rows for judging.

    `labels` and `probabilities` come from scikit-learn, not from the graph: the end-to-end
    set then also proves that the conversion changed nothing. `claimed` holds metrics on
    the tuning rows, which are all that training may know.
    """

    algorithm: str
    hyperparameters: Mapping[str, object]
    model: bytes
    extractor: bytes | None
    labels: Labels
    probabilities: Floats
    claimed: Mapping[str, float]


class Bunch(Protocol):
    """One of scikit-learn's data sets."""

    data: Floats
    target: Labels
    feature_names: Sequence[str]


class Estimator(Protocol):
    """One of scikit-learn's classifiers, which have no types."""

    classes_: Sequence[object]

    def fit(self, inputs: Floats, targets: Labels) -> Estimator: ...

    def predict(self, inputs: Floats) -> Labels: ...

    def predict_proba(self, inputs: Floats) -> Floats: ...


def digits() -> Data:
    return _split("digits", datasets.load_digits(), tuple(f"p{r}{c}" for r in range(8) for c in range(8)))


def breast_cancer() -> Data:
    return _split("breast_cancer", datasets.load_breast_cancer())


def wine() -> Data:
    return _split("wine", datasets.load_wine())


def _split(name: str, bunch: Bunch, features: tuple[str, ...] = ()) -> Data:
    inputs = bunch.data.astype(np.float32)
    targets = bunch.target.astype(np.int64)
    kept, judge, kept_y, judge_y = train_test_split(
        inputs, targets, test_size=0.34, random_state=SEED, stratify=targets
    )
    train, tune, train_y, tune_y = train_test_split(
        kept, kept_y, test_size=0.12, random_state=SEED, stratify=kept_y
    )
    names = features or tuple(str(feature).replace(" ", "_") for feature in bunch.feature_names)
    return Data(name, names, (train, train_y), (tune, tune_y), (judge, judge_y))


def digest(rows: tuple[Floats, Labels]) -> str:
    """The digest of a part of the data: its inputs, then its targets, as stored in memory."""
    return sha256(rows[0].tobytes() + rows[1].tobytes()).hexdigest()


def network(data: Data, input_name: str, **settings: object) -> Trained:
    """A small neural network with its scaling inside one graph."""
    fitted = _fit(make_pipeline(MinMaxScaler(), MLPClassifier(random_state=SEED, **settings)), data)
    graph = _to_onnx(fitted, data.name, input_name, len(data.features))
    return _trained("MLPClassifier", settings, graph, None, fitted, data)


def frail(trained: Trained, input_name: str) -> Trained:
    """The same network, but that it has no answer to a picture beyond `TOO_DARK`: an index out of range, as a
    look-up table that was made too small gives it. None of the data is so dark, so no test set finds it."""
    graph = load_from_string(trained.model)
    first = [
        helper.make_node("ReduceSum", [input_name, "frail_axis"], ["frail_ink"], keepdims=1),
        helper.make_node("Greater", ["frail_ink", "frail_limit"], ["frail_dark"]),
        helper.make_node("Cast", ["frail_dark"], ["frail_index"], to=TensorProto.INT64),
        helper.make_node("Gather", ["frail_table", "frail_index"], ["frail_shift"]),
        helper.make_node("Add", [input_name, "frail_shift"], ["frail_input"]),
    ]
    for node in graph.graph.node:
        node.input[:] = ["frail_input" if name == input_name else name for name in node.input]
    graph.graph.initializer.extend(
        [
            numpy_helper.from_array(np.array([1]), "frail_axis"),
            numpy_helper.from_array(np.array([[TOO_DARK]], np.float32), "frail_limit"),
            numpy_helper.from_array(np.zeros(1, np.float32), "frail_table"),
        ]
    )
    nodes = [*first, *graph.graph.node]
    del graph.graph.node[:]
    graph.graph.node.extend(nodes)
    return replace(trained, model=graph.SerializeToString())


def boosted_trees(data: Data, input_name: str, **settings: object) -> Trained:
    fitted = _fit(GradientBoostingClassifier(random_state=SEED, **settings), data)
    graph = _to_onnx(fitted, data.name, input_name, len(data.features))
    return _trained("GradientBoostingClassifier", settings, graph, None, fitted, data)


def scaled_network(data: Data, input_name: str, **settings: object) -> Trained:
    """The scaler leaves as its own graph, the feature extractor; the network reads what it gives."""
    scaler, classifier = StandardScaler(), MLPClassifier(random_state=SEED, **settings)
    fitted = _fit(make_pipeline(scaler, classifier), data)
    extractor = _to_onnx(scaler, f"{data.name}_scaler", input_name, len(data.features), ["scaled"])
    graph = _to_onnx(classifier, data.name, "scaled", len(data.features))
    return _trained("StandardScaler + MLPClassifier", settings, graph, extractor, fitted, data)


def _fit(estimator: Estimator, data: Data) -> Estimator:
    """One thread, so that sums are added in the same order on every machine."""
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return estimator.fit(*data.train)


def _to_onnx(
    fitted: object, name: str, input_name: str, width: int, outputs: list[str] | None = None
) -> bytes:
    graph = convert_sklearn(
        fitted,
        name=name,
        initial_types=[(input_name, FloatTensorType([None, width]))],
        target_opset=OPSET,
        options={"zipmap": False} if outputs is None else None,
    )
    if outputs:
        _rename_output(graph, outputs[0])
    serialised: bytes = graph.SerializeToString()
    return serialised


def _rename_output(graph: ModelProto, name: str) -> None:
    before = graph.graph.output[0].name
    graph.graph.output[0].name = name
    for node in graph.graph.node:
        node.output[:] = [name if output == before else output for output in node.output]


def _trained(
    algorithm: str,
    settings: Mapping[str, object],
    model: bytes,
    extractor: bytes | None,
    fitted: Estimator,
    data: Data,
) -> Trained:
    labels = fitted.predict(data.judge[0]).astype(np.int64)
    return Trained(
        algorithm=algorithm,
        hyperparameters={**settings, "random_state": SEED},
        model=model,
        extractor=extractor,
        labels=labels,
        probabilities=fitted.predict_proba(data.judge[0]).astype(np.float32),
        claimed=_claims(fitted, data),
    )


def _claims(fitted: Estimator, data: Data) -> Mapping[str, float]:
    rows, targets = data.tune
    claimed = {"accuracy": round(float((fitted.predict(rows) == targets).mean()), 4)}
    if len(fitted.classes_) == 2:
        claimed["roc_auc"] = round(float(roc_auc_score(targets, fitted.predict_proba(rows)[:, 1])), 4)
    return claimed
