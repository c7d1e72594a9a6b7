"""The metrics a confidence set may be judged by: the one table of their names, directions and parameters.

Pure constants: the examiner computes them, the confidence gate reads the direction,
the manifest refuses a range that a metric can never reach.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from math import inf

NEGATED = "neg_"
"""scikit-learn's scorers say a loss with its sign turned: `neg_log_loss`."""
FIRST, LAST = "first", "last"
CLASS_AXES = (FIRST, LAST)
CORNERS, SIZES, CENTRES = "xyxy", "xywh", "cxcywh"
BOXES = (CORNERS, SIZES, CENTRES)
IOU = 0.5
"""The share by which a box must overlap, as PASCAL VOC has it and most papers since."""
OWN = "own"
"""A metric that the version brings along: the graph in files.metric."""


class Kind(StrEnum):
    """What a metric is computed from: labels, class probabilities, numbers, boxes, or its own graph."""

    LABEL = "label"
    PROBABILITY = "probability"
    REGRESSION = "regression"
    DETECTION = "detection"
    OWN = "own"


class Reading(StrEnum):
    """What several values of one row are: places that are judged alike, or labels that each are yes or no."""

    PLACES = "places"
    LABELS = "labels"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: its name, its direction, what it needs, and the values it can take.

    higher_is_better  of a metric of the version's own, the manifest says it instead.
    low, high         the smallest and greatest value that is possible at all.
    parameters        names of further manifest fields under `metric` that it understands.
    aliases           other names that mean the same, scikit-learn's among them.
    """

    name: str
    kind: Kind
    higher_is_better: bool
    low: float
    high: float
    parameters: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()

    @property
    def reads_labels(self) -> bool:
        """Whether rows of several yes-or-no labels mean something else to it than as many places."""
        return "reading" in self.parameters

    def also(self, *aliases: str) -> Metric:
        return replace(self, aliases=aliases)


def _labels(name: str, low: float = 0.0, *parameters: str) -> Metric:
    return Metric(name, Kind.LABEL, True, low, 1.0, ("ignore", *parameters))


def _probabilities(name: str, higher: bool, high: float, *parameters: str) -> Metric:
    return Metric(name, Kind.PROBABILITY, higher, 0.0, high, ("classes", "class_axis", "ignore", *parameters))


def _errors(name: str, *parameters: str) -> Metric:
    return Metric(name, Kind.REGRESSION, False, 0.0, inf, ("ignore", *parameters))


def _averaged(name: str, *aliases: str) -> Iterator[Metric]:
    """A score of one class, and its three averages over classes or labels."""
    yield _labels(name, 0.0, "positive").also(f"{name}_score", f"{name}_binary", *aliases)
    for average in ("micro", "macro", "weighted"):
        yield _labels(f"{name}_{average}", 0.0, "reading")


_ALL = (
    _labels("accuracy", 0.0, "reading").also("accuracy_score"),
    _labels("subset_accuracy").also("exact_match"),
    _labels("balanced_accuracy").also("balanced_accuracy_score"),
    Metric("hamming", Kind.LABEL, False, 0.0, 1.0, ("ignore",), ("hamming_loss",)),
    *_averaged("precision"),
    *_averaged("recall", "sensitivity"),
    *_averaged("f1", "dice"),
    _labels("jaccard", 0.0, "positive").also("jaccard_score", "jaccard_binary", "iou"),
    _labels("jaccard_macro", 0.0, "reading").also("mean_iou", "miou"),
    _labels("matthews", -1.0).also("matthews_corrcoef", "mcc"),
    _labels("cohen_kappa", -1.0).also("cohen_kappa_score"),
    _probabilities("roc_auc", True, 1.0, "positive", "reading").also("roc_auc_score", "auc"),
    _probabilities("roc_auc_ovr", True, 1.0, "reading").also("roc_auc_macro"),
    _probabilities("average_precision", True, 1.0, "positive", "reading").also("average_precision_score"),
    _probabilities("average_precision_macro", True, 1.0, "reading"),
    _probabilities("top_k", True, 1.0, "k").also("top_k_accuracy", "top_k_accuracy_score"),
    _probabilities("log_loss", False, inf).also("cross_entropy"),
    _probabilities("brier", False, 2.0, "positive").also("brier_score", "brier_score_loss"),
    _probabilities("ece", False, 1.0).also("expected_calibration_error"),
    _errors("mae").also("mean_absolute_error"),
    _errors("mse").also("mean_squared_error"),
    _errors("rmse").also("root_mean_squared_error"),
    _errors("median_ae").also("median_absolute_error"),
    _errors("mape").also("mean_absolute_percentage_error"),
    _errors("pinball", "quantile").also("mean_pinball_loss"),
    Metric("r2", Kind.REGRESSION, True, -inf, 1.0, ("ignore",), ("r2_score",)),
    Metric("d2_absolute", Kind.REGRESSION, True, -inf, 1.0, ("ignore",), ("d2_absolute_error_score",)),
    Metric(
        "mean_average_precision",
        Kind.DETECTION,
        True,
        0.0,
        1.0,
        ("scores", "labels", "boxes", "iou"),
        ("map", "map_50"),
    ),
    Metric(OWN, Kind.OWN, True, -inf, inf, ("higher_is_better",)),
)

METRICS: Mapping[str, Metric] = {metric.name: metric for metric in _ALL}

NAMES: Mapping[str, str] = {
    **{alias: metric.name for metric in _ALL for alias in metric.aliases},
    **{name: name for name in METRICS},
}
"""Every name under which a metric is understood -> the one it is kept under."""


def known_name(word: str) -> tuple[str, bool] | None:
    """(the metric's own name, whether the word turns its sign); None for a word that is no metric's."""
    plain = word.strip().lower().replace("-", "_").replace(" ", "_")
    if plain in NAMES:
        return NAMES[plain], False
    name = NAMES.get(plain.removeprefix(NEGATED)) if plain.startswith(NEGATED) else None
    return (name, True) if name is not None and not METRICS[name].higher_is_better else None
