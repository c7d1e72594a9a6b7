"""The metrics a confidence set may be judged by: the one table that knows their direction.

Pure constants: the examiner computes them, the confidence gate reads the direction,
the manifest refuses a range that a metric can never reach.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import inf


class Kind(StrEnum):
    """What a metric is computed from: the predicted label, class probabilities, or a number."""

    LABEL = "label"
    PROBABILITY = "probability"
    REGRESSION = "regression"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: its name, its direction, what it needs, and the values it can take.

    low, high         the smallest and greatest value that is possible at all.
    parameters        names of further manifest fields under `metric` that it understands.
    """

    name: str
    kind: Kind
    higher_is_better: bool
    low: float
    high: float
    parameters: tuple[str, ...] = ()


def _labels(name: str, low: float = 0.0, *parameters: str) -> Metric:
    return Metric(name, Kind.LABEL, True, low, 1.0, parameters)


def _probabilities(name: str, higher: bool, high: float, *parameters: str) -> Metric:
    return Metric(name, Kind.PROBABILITY, higher, 0.0, high, ("classes", *parameters))


def _errors(name: str, *parameters: str) -> Metric:
    return Metric(name, Kind.REGRESSION, False, 0.0, inf, parameters)


_ALL = (
    _labels("accuracy"),
    _labels("balanced_accuracy"),
    _labels("precision", 0.0, "positive"),
    _labels("precision_macro"),
    _labels("precision_weighted"),
    _labels("recall", 0.0, "positive"),
    _labels("recall_macro"),
    _labels("recall_weighted"),
    _labels("f1", 0.0, "positive"),
    _labels("f1_macro"),
    _labels("f1_weighted"),
    _labels("matthews", -1.0),
    _labels("cohen_kappa", -1.0),
    _probabilities("roc_auc", True, 1.0, "positive"),
    _probabilities("roc_auc_ovr", True, 1.0),
    _probabilities("average_precision", True, 1.0, "positive"),
    _probabilities("top_k", True, 1.0, "k"),
    _probabilities("log_loss", False, inf),
    _probabilities("brier", False, 2.0, "positive"),
    _probabilities("ece", False, 1.0),
    _errors("mae"),
    _errors("mse"),
    _errors("rmse"),
    _errors("median_ae"),
    _errors("mape"),
    _errors("pinball", "quantile"),
    Metric("r2", Kind.REGRESSION, True, -inf, 1.0),
    Metric("d2_absolute", Kind.REGRESSION, True, -inf, 1.0),
)

METRICS: Mapping[str, Metric] = {metric.name: metric for metric in _ALL}
