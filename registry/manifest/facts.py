"""What a manifest says, as frozen values. Absent optional facts are None or empty."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from formats.weights import is_weights
from registry.manifest.metrics import METRICS

REQUIRED_FILES = ("model", "end_to_end", "confidence", "card")
FILE_KEYS = (
    "model",
    "extractor",
    "end_to_end",
    "confidence",
    "requirements",
    "scoring_code",
    "card",
    "profile",
    "metric",
)
Label = str | int | float | bool
"""A class by its name. Whole numbers stay whole: beyond 2**53 a float would be another label's."""


def is_file_key(key: str) -> bool:
    """Whether a file can have this key: one of FILE_KEYS, or `weights`, `weights_2` and so on."""
    return key in FILE_KEYS or is_weights(key)


ROWS = ("samples", "requests")
ENFORCE = ("refuse", "clip", "count")
STRATEGIES = ("single", "shadow", "canary", "blue_green", "ab_test", "bandit")


@dataclass(frozen=True, slots=True)
class FileFact:
    """One stored file: its name in the manifest, its size in bytes, its SHA-256 in hex."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class DeclaredBytes:
    """What CI says a file's bytes are; compared with what arrives, and no part of the identity."""

    sha256: str | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Training:
    """How the model came to be. `latency_ms` is what training claims for one sample."""

    library: str
    library_version: str
    algorithm: str
    hyperparameters: Mapping[str, object] = field(default_factory=dict)
    image: str | None = None
    latency_ms: float | None = None


@dataclass(frozen=True, slots=True)
class DataReference:
    """A data set by version and location; `column_types` maps a column to its type in words."""

    version: str
    uri: str
    sha256: str | None = None
    rows: int | None = None
    column_types: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DataReferences:
    training: DataReference
    validation: DataReference


@dataclass(frozen=True, slots=True)
class MetricRange:
    """The metric of the confidence set and the range of values that is acceptable.

    output       None: the one output that fits.
    range        (low, high), both ends included.
    margin       how much worse than the champion still counts as not worse; None: the policy's.
    claimed      the value that training saw, shown beside the one measured here.
    classes      labels in the order of the probability columns, where they are not 0, 1, 2, ...
    class_axis   first or last: which axis of a row's output holds the classes, where shapes leave it open.
    positive     the label that precision, recall and the like count.
    reading      whether several values of a row are labels of their own, or places that are judged alike.
    ignore       a target that says that its place is not judged: padding, void.
    scores, labels   of detections: the outputs beside `output`, which has the boxes.
    boxes        how a box is written: xyxy, xywh or cxcywh; None: xyxy.
    higher_is_better   of a metric of the version's own; None: as the table of metrics says.
    iou          from which overlap on a box counts as found; None: 0.5.
    """

    name: str
    output: str | None
    range: tuple[float, float]
    margin: float | None = None
    claimed: float | None = None
    classes: tuple[Label, ...] = ()
    class_axis: str | None = None
    positive: Label | None = None
    reading: str | None = None
    ignore: Label | None = None
    k: int | None = None
    quantile: float | None = None
    scores: str | None = None
    labels: str | None = None
    boxes: str | None = None
    iou: float | None = None
    higher_is_better: bool | None = None

    @property
    def sign(self) -> int:
        """1 where higher is better, else -1."""
        own = self.higher_is_better
        return 1 if (METRICS[self.name].higher_is_better if own is None else own) else -1

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> MetricRange:
        """From a manifest's document, where what was not given is left out."""
        return msgspec.convert({"output": None, **document}, cls)


@dataclass(frozen=True, slots=True)
class TensorFacts:
    """What the graph cannot say about one input or output.

    `choices` and `range` are what a client may send, `enforce` what becomes of another value; `default`
    goes with `optional`. `missing` and `infinite` say whether an input takes NaN and infinities, None: as
    its sets have them; `finite` says both at once, and of an output whether it promises finite numbers.
    `tolerance` is how close an output is to its reference. `sensitive` keeps a tensor out of the
    prediction log; `hash` keeps a keyed hash of each row there.
    """

    description: str | None = None
    unit: str | None = None
    features: tuple[str, ...] = ()
    range: tuple[float, float] | None = None
    choices: tuple[str | float | bool, ...] = ()
    enforce: str | None = None
    sensitive: bool | str = False
    optional: bool = False
    default: str | float | bool | None = None
    consume: str | None = None
    finite: bool | None = None
    missing: bool | None = None
    infinite: bool | None = None
    tolerance: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class SignatureFacts:
    """`intended_break` says in words why clients of the champion have to change, if they have to."""

    inputs: Mapping[str, TensorFacts] = field(default_factory=dict)
    outputs: Mapping[str, TensorFacts] = field(default_factory=dict)
    intended_break: str | None = None


@dataclass(frozen=True, slots=True)
class Built:
    by: str
    at: datetime
    repository: str | None = None
    commit: str | None = None
    run: str | None = None


@dataclass(frozen=True, slots=True)
class ReleaseWish:
    """The release that CI asks for together with the upload; no part of the version's identity."""

    environment: str
    strategy: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Facts:
    """All of a manifest. `files` maps a key to the name of the file beside it (see `is_file_key`).

    `declared` holds the bytes that CI promised for some of these keys.
    """

    model: str
    files: Mapping[str, str]
    training: Training
    data: DataReferences
    metric: MetricRange
    signature: SignatureFacts
    built: Built
    rows: str | None = None
    release: ReleaseWish | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()
    declared: Mapping[str, DeclaredBytes] = field(default_factory=dict)
