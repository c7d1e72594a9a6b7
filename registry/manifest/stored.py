"""A manifest as it is stored: JSON, in which what was not given is left out. Checked once, when it was read.

The same facts as facts.py has, in the spelling of `Manifest.document`; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Required, TypedDict

from formats.types import Choice


class StoredTensor(TypedDict, total=False):
    """What the graph cannot say about one input or output."""

    description: str
    unit: str
    features: Sequence[str]
    range: Sequence[float]
    choices: Sequence[Choice]
    enforce: str
    sensitive: bool | str
    optional: bool
    default: Choice
    consume: str
    finite: bool
    missing: bool
    infinite: bool
    tolerance: Mapping[str, float]


class StoredSignature(TypedDict, total=False):
    inputs: Mapping[str, StoredTensor]
    outputs: Mapping[str, StoredTensor]
    intended_break: str


class StoredMetric(TypedDict, total=False):
    """The metric of the confidence set and the range of values that is acceptable."""

    name: Required[str]
    output: str
    range: Required[Sequence[float]]
    margin: float
    claimed: float
    classes: Sequence[Choice]
    class_axis: str
    positive: Choice
    reading: str
    ignore: Choice
    k: int
    quantile: float
    scores: str
    labels: str
    boxes: str
    iou: float
    higher_is_better: bool


class StoredManifest(TypedDict, total=False):
    """All of it."""

    model: str
    files: Mapping[str, str]
    training: Mapping[str, object]
    data: Mapping[str, Mapping[str, object]]
    metric: StoredMetric
    signature: StoredSignature
    built: Mapping[str, str]
    rows: Literal["samples", "requests"]
    tags: Mapping[str, str]
    aliases: Sequence[str]
    release: Mapping[str, object]


class StoredSpec(TypedDict, total=False):
    """One tensor of a version's stored signature, as TensorSpec writes itself."""

    name: Required[str]
    datatype: Required[str]
    shape: Sequence[int]
    features: Sequence[str]
    optional: bool
    range: Sequence[float]
    choices: Sequence[Choice]
