"""Whether a metric, a target and an output fit each other, from their forms alone.

Asked twice: in the inspection of an upload, where shapes may have free axes, and by the examiner, who
has the arrays. What the first lets through, the second does not refuse for its form.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from formats.dtypes import DTYPES
from formats.types import FREE, Signature, TensorSpec
from registry.manifest.facts import ROWS, MetricRange
from registry.manifest.metrics import LAST, METRICS, Kind, Reading

Shape = tuple[int, ...]

SAMPLES = ROWS[0]
MOST_ORDERED = 1 << 25
"""Scores that one metric sorts, all rows' places and classes together: what an examination has memory for."""
ORDERED = frozenset(
    {
        *("roc_auc", "roc_auc_ovr", "average_precision", "average_precision_macro"),
        *("median_ae", "d2_absolute"),
    }
)


class Misfit(ValueError):
    """Why a metric cannot be computed from a target and an output, in one sentence.

    `field` is the one of the manifest in which it can be mended.
    """

    def __init__(self, message: str, field: str = "files.confidence") -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True)
class Truth:
    """A confidence set's target as its header tells it.

    rows   how many there are.
    shape  of one row's target; a free axis where rows differ.
    kind   numpy's letter: b, i, u, f, or U for texts.
    """

    rows: int
    shape: Shape
    kind: str

    @property
    def is_text(self) -> bool:
        return self.kind in "US"


def settled(
    metric: MetricRange,
    truth: Truth,
    outputs: Sequence[TensorSpec],
    rows: str,
    graph: Signature | None = None,
) -> MetricRange:
    """The metric with its output named: the declared one, or the only one that fits the target.

    rows   samples or requests: what one row of the sets is.
    graph  what the version's own metric takes and gives, where it brings one along.

    Raises Misfit.
    """
    by_name = {output.name: output for output in outputs}
    if metric.output is None:
        return settled(
            replace(metric, output=_implied(metric, truth, outputs, rows)), truth, outputs, rows, graph
        )
    if metric.output not in by_name:
        raise Misfit(f"The version has no output {metric.output!r}: it has {sorted(by_name)}.", _OUTPUT)
    for field in ("scores", "labels"):
        name = getattr(metric, field)
        if name is not None and (name not in by_name or by_name[name].datatype == "BYTES"):
            numbers = sorted(output.name for output in outputs if output.datatype != "BYTES")
            raise Misfit(
                f"The version has no output {name!r} of numbers: it has {numbers}.", f"metric.{field}"
            )
    if reason := misfit(metric, truth, by_name[metric.output], rows):
        raise reason
    if graph is not None:
        fits_graph(graph, truth, by_name[metric.output], rows)
    return metric


_OUTPUT = "metric.output"


def _implied(metric: MetricRange, truth: Truth, outputs: Sequence[TensorSpec], rows: str) -> str:
    reasons = {output.name: misfit(metric, truth, output, rows) for output in outputs}
    fitting = [output for output in outputs if reasons[output.name] is None]
    if len(fitting) > 1 and METRICS[metric.name].kind is Kind.PROBABILITY:
        # A label is a number too: where there are scores, they are meant.
        fitting = [output for output in fitting if output.datatype.startswith("FP")] or fitting
    if len(fitting) == 1:
        return fitting[0].name
    if len(outputs) == 1 and (only := reasons[outputs[0].name]):
        raise only
    names = [output.name for output in fitting or outputs]
    words = "all fit" if fitting else "none fits"
    raise Misfit(f"metric.output is missing: of the outputs {names} {words} {metric.name}.", _OUTPUT)


def misfit(metric: MetricRange, truth: Truth, output: TensorSpec, rows: str) -> Misfit | None:
    """Why `metric` cannot be computed from this target and this output, None where it can."""
    # An output without axes is a scalar, or one whose axes the graph does not tell.
    shape = (output.shape[1:] if rows == SAMPLES else output.shape) if output.shape else None
    try:
        _FITS[METRICS[metric.name].kind](metric, truth, output, shape)
    except Misfit as reason:
        return reason
    return None


def _fits_labels(metric: MetricRange, truth: Truth, output: TensorSpec, shape: Shape | None) -> None:
    if truth.is_text != (output.datatype == "BYTES"):
        ours, theirs = ("texts", "numbers") if truth.is_text else ("numbers", "texts")
        raise Misfit(f"The target holds {ours}, the output {output.name} gives {theirs}.")
    if shape is not None and not agree(shape, truth.shape):
        hint = "; are these scores of classes? A label is one value" if _columns(shape, truth.shape) else ""
        raise Misfit(
            f"{metric.name} compares labels one by one: a row of {output.name} has shape {list(shape)},"
            f" a row of the target {list(truth.shape)}{hint}.",
            _OUTPUT,
        )
    _fits_reading(metric, truth)


def _fits_scores(metric: MetricRange, truth: Truth, output: TensorSpec, shape: Shape | None) -> None:
    if output.datatype in ("BYTES", "BOOL"):
        raise Misfit(f"{metric.name} needs scores, {output.name} is {output.datatype}.", _OUTPUT)
    if truth.is_text and not metric.classes:
        raise Misfit(
            "The target holds texts, and scores have no names: give the labels in the order of the columns.",
            "metric.classes",
        )
    _fits_reading(metric, truth)
    if shape is None:
        return
    axes = class_axes(metric, shape, truth.shape)
    known = {1 if axis is None else shape[axis] for axis in axes}
    if metric.classes and FREE not in known and not {len(metric.classes), _alone(metric)} & known:
        raise Misfit(
            f"metric.classes has {len(metric.classes)} labels, {output.name} {max(known)} columns.",
            "metric.classes",
        )
    if FREE not in shape + truth.shape:
        class_axis(metric, shape, truth.shape)
    _fits_memory(metric, truth, prod(shape) // max(prod(truth.shape), 1))


def _alone(metric: MetricRange) -> int:
    """One column is the second of two classes."""
    return 1 if len(metric.classes) == 2 else 0


def _fits_numbers(metric: MetricRange, truth: Truth, output: TensorSpec, shape: Shape | None) -> None:
    if truth.is_text or output.datatype == "BYTES":
        texts = "the target" if truth.is_text else f"the output {output.name}"
        raise Misfit(f"{metric.name} needs numbers: {texts} holds texts.")
    if shape is not None and not agree(shape, truth.shape):
        raise Misfit(
            f"{metric.name} compares numbers one by one: a row of {output.name} has shape {list(shape)},"
            f" a row of the target {list(truth.shape)}."
        )
    _fits_memory(metric, truth, 1)


def _fits_boxes(metric: MetricRange, truth: Truth, output: TensorSpec, shape: Shape | None) -> None:
    if truth.is_text or output.datatype in ("BYTES", "BOOL"):
        raise Misfit(f"{metric.name} needs boxes in numbers, and classes as numbers.")
    if len(truth.shape) != 2 or truth.shape[1] not in (4, 5):
        raise Misfit(
            "A row of the target is one image's boxes, of shape (boxes, 5) with the class last, or (boxes, 4)"
            f" where there is one class; it has shape {list(truth.shape)}."
        )
    widths = (4,) if metric.scores else (5, 6)
    if shape is not None and (len(shape) < 2 or shape[-1] not in (FREE, *widths)):
        wanted = "4 numbers" if metric.scores else "4 numbers, the score and the class"
        raise Misfit(
            f"A row of {output.name} has shape {list(shape)}: {metric.name} needs boxes, each of {wanted};"
            " scores and classes of their own are named by metric.scores and metric.labels.",
            _OUTPUT,
        )


def _fits_reading(metric: MetricRange, truth: Truth) -> None:
    if metric.reading == Reading.LABELS and (truth.is_text or len(squeezed(truth.shape)) != 1):
        raise Misfit(
            "reading: labels takes a target of yes or no (0 and 1) of shape (rows, labels),"
            f" it is {'texts' if truth.is_text else 'numbers'} of shape {[truth.rows, *truth.shape]}.",
            "metric.reading",
        )


def _fits_memory(metric: MetricRange, truth: Truth, columns: int) -> None:
    """Only where a row has several places: one value per row is bounded by the set's rows."""
    if metric.name not in ORDERED or FREE in truth.shape or prod(truth.shape) <= 1:
        return
    if (scores := truth.rows * prod(truth.shape) * columns) > MOST_ORDERED:
        raise Misfit(
            f"{metric.name} puts all scores in order, and this set has {scores:,}: at most {MOST_ORDERED:,}"
            " fit. Take fewer rows or places, or a metric that only sums (accuracy, log_loss, mse)."
        )


_FITS: Mapping[Kind, Callable[[MetricRange, Truth, TensorSpec, Shape | None], None]] = {
    Kind.LABEL: _fits_labels,
    Kind.PROBABILITY: _fits_scores,
    Kind.REGRESSION: _fits_numbers,
    Kind.DETECTION: _fits_boxes,
    Kind.OWN: lambda *_: None,
}


EXPECTED, GOT = "expected", "got"
_GRAPH = "files.metric"
_LIKE = {"b": np.bool_, "i": np.int64, "u": np.uint64, "f": np.float64}


def fits_graph(graph: Signature, truth: Truth, output: TensorSpec, rows: str) -> None:
    """Raise Misfit unless a metric's own graph takes this target and this output, and gives a number."""
    named = {spec.name: spec for spec in graph.inputs}
    if set(named) != {EXPECTED, GOT}:
        raise Misfit(f"The metric's graph takes {sorted(named)}: it must take {EXPECTED} and {GOT}.", _GRAPH)
    if len(graph.outputs) != 1 or graph.outputs[0].datatype in ("BYTES", "BOOL"):
        raise Misfit("The metric's graph must give one output, a number per row.", _GRAPH)
    if truth.is_text != (named[EXPECTED].datatype == "BYTES") or not _casts(truth, named[EXPECTED]):
        kind = "texts" if truth.is_text else np.dtype(_LIKE[truth.kind]).name
        raise Misfit(f"The target holds {kind}, the metric's graph takes {named[EXPECTED].datatype}.", _GRAPH)
    if output.datatype != named[GOT].datatype:
        raise Misfit(
            f"The output {output.name} is {output.datatype}, the metric's graph takes {named[GOT].datatype}"
            f" as {GOT}.",
            _GRAPH,
        )
    told = (output.shape[1:] if rows == SAMPLES else output.shape) if output.shape else None
    if by_rows(graph, truth.shape, told) is None:
        raise Misfit(
            f"The metric's graph takes {EXPECTED} of shape {list(named[EXPECTED].shape)} and {GOT} of shape"
            f" {list(named[GOT].shape)}; a row of the target has shape {list(truth.shape)}, of {output.name}"
            f" {'any' if told is None else list(told)}.",
            _GRAPH,
        )


def by_rows(graph: Signature, target: Shape, output: Shape | None) -> bool | None:
    """True where the graph takes row by row, False where it takes many at once, None where neither fits."""
    specs = {spec.name: spec.shape for spec in graph.inputs}
    pairs = [(specs[EXPECTED], target), (specs[GOT], specs[GOT] if output is None else output)]
    many = [(specs[EXPECTED], target), (specs[GOT], specs[GOT][1:] if output is None else output)]
    if all(spec[:1] == (FREE,) and _may_be(spec[1:], row) for spec, row in many):
        return False
    return True if all(_may_be(spec, row) for spec, row in pairs) else None


def _may_be(wanted: Shape, row: Shape) -> bool:
    return len(wanted) == len(row) and all(
        want in (FREE, axis) or axis == FREE for want, axis in zip(wanted, row, strict=True)
    )


def _casts(truth: Truth, spec: TensorSpec) -> bool:
    return truth.is_text or np.can_cast(_LIKE[truth.kind], DTYPES[spec.datatype], "same_kind")


def squeezed(shape: Shape) -> Shape:
    """Without the axes of length 1: a fixed batch of one, a column of its own."""
    return tuple(axis for axis in shape if axis != 1)


def agree(output: Shape, target: Shape) -> bool:
    """Whether a row of the output can hold a value for each of the target's.

    A free axis of the output may have any length, 1 among them; one of the target has several.
    """
    output, target = squeezed(output), squeezed(target)
    if not output:
        return not target
    if output[0] == FREE and agree(output[1:], target):
        return True
    return bool(target) and output[0] in (FREE, target[0]) and agree(output[1:], target[1:])


def class_axes(metric: MetricRange, output: Shape, target: Shape) -> list[int | None]:
    """The axes of a row's output that can hold the classes, the last one first; None: it has no such axis.

    Without it each place has one score, that of the second class. Raises Misfit where nothing can be.
    """
    found = _columns(output, target)
    if metric.class_axis is not None:
        wanted = len(output) - 1 if metric.class_axis == LAST else 0
        found = [axis for axis in found if axis == wanted]
    elif agree(output, target):
        return [None, *(axis for axis in found if output[axis] == FREE)]
    if not found:
        raise Misfit(
            f"{metric.name} needs scores for each value of the target: a row of the output has shape"
            f" {list(output)}, a row of the target {list(target)}; only an axis of classes may be more.",
            _OUTPUT,
        )
    return list(found)


def _columns(output: Shape, target: Shape) -> list[int]:
    ends = sorted({len(output) - 1, 0}, reverse=True) if output else []
    return [axis for axis in ends if agree(output[:axis] + output[axis + 1 :], target)]


def class_axis(metric: MetricRange, output: Shape, target: Shape) -> int | None:
    """The one axis, of shapes as they are; axes that differ from row to row are free, and hold no classes.

    Raises Misfit where there is none, or it could be two.
    """
    axes = class_axes(metric, output, target)
    found = [axis for axis in axes if axis is None or output[axis] != FREE]
    if len(found) != 1:
        raise Misfit(
            f"A row of the output has shape {list(output)}, a row of the target {list(target)}: the classes"
            " can be on the first axis or on the last. Say which.",
            "metric.class_axis",
        )
    return found[0]
