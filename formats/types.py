"""Tensors, signatures and version references: the values that every part of the product shares."""

from __future__ import annotations

import msgspec

from formats.documents import Document

DATATYPES = frozenset(
    {
        "BOOL",
        *("UINT8", "UINT16", "UINT32", "UINT64"),
        *("INT8", "INT16", "INT32", "INT64"),
        *("FP16", "FP32", "FP64"),
        "BYTES",
    }
)
FREE = -1
"""An axis of any length."""
OMITTED, HASHED = "omit", "hash"
"""What the prediction log does with a sensitive tensor: leave it out, or keep a keyed hash of each row."""
REFUSE, CLIP, COUNT = "refuse", "clip", "count"
"""What becomes of a value outside its limits: the request is refused, the value set to the nearest end of
its range, or left as it is and counted."""
SAMPLES, REQUESTS = "samples", "requests"
"""What one row is: a place on the first axis that all inputs share, or one whole request."""
Choice = str | int | float | bool
DEFAULT_ATOL = 1e-6
"""Around zero, where a relative tolerance allows nothing: what rounding leaves of float32 sums that cancel
out."""
DEFAULT_RTOL = 1e-5
"""Some 80 steps of a float32: what libraries differ by in sums of a few thousand products."""


class Tolerance(Document, frozen=True):
    """Floats are the same when |expected - got| <= atol + rtol * |expected|; NaN is the same as NaN."""

    atol: float = DEFAULT_ATOL
    rtol: float = DEFAULT_RTOL


class TensorSpec(Document, frozen=True, eq=False, omit_defaults=True):
    """One input or output. `datatype` is the Open Inference Protocol's word, -1 in `shape` a free axis.

    features   names of the columns of the last axis, where it has names
    sensitive  empty, or what the prediction log does with the tensor
    symbols    the graph's own names of the axes, empty where an axis has none; () where none has
    missing    NaN is a value of this input; infinite: infinities are
    range, choices, enforce  what an input's values are held to, and how; empty: choices refuse, ranges count
    finite     True: an output promises finite numbers; None: nothing is promised
    tolerance  how close an output is to its reference, where the set's own word is not to count

    Raises ValueError for what cannot be.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    # Defaults that are made are written, as they always were; the others are left out.
    features: tuple[str, ...] = msgspec.field(default_factory=lambda: ())
    optional: bool = msgspec.field(default_factory=bool)
    sensitive: str = ""
    symbols: tuple[str, ...] = ()
    missing: bool = False
    infinite: bool = False
    range: tuple[int | float, int | float] | None = None
    choices: tuple[Choice, ...] = ()
    enforce: str = ""
    finite: bool | None = None
    tolerance: Tolerance | None = None

    def __post_init__(self) -> None:
        if self.datatype not in DATATYPES:
            raise ValueError(f"tensor {self.name!r}: datatype {self.datatype!r} is not one of the protocol's")
        if any(axis < FREE for axis in self.shape):
            raise ValueError(f"tensor {self.name!r}: shape {list(self.shape)} has an axis below -1")
        if self.sensitive not in ("", OMITTED, HASHED):
            raise ValueError(
                f"tensor {self.name!r}: {self.sensitive!r} says nothing about a sensitive tensor"
            )
        if self.enforce not in ("", REFUSE, CLIP, COUNT):
            raise ValueError(f"tensor {self.name!r}: limits are not enforced by {self.enforce!r}")
        if self.range is not None and not self.range[0] <= self.range[1]:
            raise ValueError(f"tensor {self.name!r}: the range {list(self.range)} has no values")

    def range_rule(self) -> str:
        """What becomes of a value outside the range; empty without one."""
        return (self.enforce or COUNT) if self.range is not None else ""

    def choices_rule(self) -> str:
        """What becomes of a value that is none of the choices (it has no nearest end); empty without any."""
        return (COUNT if self.enforce == COUNT else REFUSE) if self.choices else ""

    def where(self, row: int | None, feature: int | None) -> str:
        """A value's place in words: `row 537, feature b`; None where it has no row, or no place in it."""
        words = [] if row is None else [f"row {row}"]
        if feature is not None:
            named = self.features[feature] if feature < len(self.features) else str(feature)
            words.append(f"feature {named}")
        return ", ".join(words)

    def __eq__(self, other: object) -> bool:
        """Whatever the graph calls its axes, a client sends and gets the same."""
        return isinstance(other, TensorSpec) and self._promises() == other._promises()

    def __hash__(self) -> int:
        return hash(self._promises())

    def _promises(self) -> tuple[object, ...]:
        return tuple(getattr(self, name) for name in self.__struct_fields__ if name != "symbols")


class Signature(Document, frozen=True):
    """What a version takes and gives, in the order of its graph."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

    def row_kind(self, said: str | None = None) -> str:
        """What one row is: as `said`, else as the graph's shapes and symbols say.

        Rows are samples where one axis runs through all inputs: each begins with a free axis, and no
        two give theirs different names.
        """
        if said is not None and said != SAMPLES:
            return said
        if not all(spec.shape[:1] == (FREE,) for spec in self.inputs):
            return REQUESTS
        named = {spec.symbols[0] for spec in self.inputs if spec.symbols and spec.symbols[0]}
        return SAMPLES if said == SAMPLES or len(named) <= 1 else REQUESTS


class VersionRef(Document, frozen=True):
    """A model version by name, number and identity digest (64 hex digits)."""

    model: str
    number: int
    digest: str

    def __str__(self) -> str:
        return f"{self.model}/{self.number}"
