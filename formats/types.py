"""Tensors, signatures and version references: the values that every part of the product shares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

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
Choice = str | float | bool
DEFAULT_ATOL = 1e-6
DEFAULT_RTOL = 1e-5


@dataclass(frozen=True, slots=True)
class Tolerance:
    """Floats are the same when |expected - got| <= atol + rtol * |expected|; NaN is the same as NaN."""

    atol: float = DEFAULT_ATOL
    rtol: float = DEFAULT_RTOL


@dataclass(frozen=True, slots=True)
class TensorSpec:
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
    features: tuple[str, ...] = ()
    optional: bool = False
    sensitive: str = ""
    symbols: tuple[str, ...] = field(default=(), compare=False)
    missing: bool = False
    infinite: bool = False
    range: tuple[float, float] | None = None
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

    def to_json(self) -> dict[str, Any]:
        extra = {
            "sensitive": self.sensitive,
            "symbols": list(self.symbols) if any(self.symbols) else [],
            "missing": self.missing,
            "infinite": self.infinite,
            "range": list(self.range) if self.range else [],
            "choices": list(self.choices),
            "enforce": self.enforce,
        }
        document: dict[str, Any] = {
            "name": self.name,
            "datatype": self.datatype,
            "shape": list(self.shape),
            "features": list(self.features),
            "optional": self.optional,
            **{key: value for key, value in extra.items() if value},
        }
        if self.finite is not None:
            document["finite"] = self.finite
        if self.tolerance is not None:
            document["tolerance"] = {"atol": self.tolerance.atol, "rtol": self.tolerance.rtol}
        return document

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> TensorSpec:
        """What an earlier release wrote has fewer members: an absent one means what it meant then."""
        finite, tolerance, limits = (document.get(key) for key in ("finite", "tolerance", "range"))
        return cls(
            name=str(document["name"]),
            datatype=str(document["datatype"]),
            shape=tuple(int(axis) for axis in document["shape"]),
            features=tuple(str(feature) for feature in document.get("features") or ()),
            optional=bool(document.get("optional", False)),
            sensitive=str(document.get("sensitive", "")),
            symbols=tuple(str(symbol) for symbol in document.get("symbols") or ()),
            missing=bool(document.get("missing", False)),
            infinite=bool(document.get("infinite", False)),
            range=_pair(limits) if limits else None,
            choices=tuple(_choice(choice) for choice in document.get("choices") or ()),
            enforce=str(document.get("enforce", "")),
            finite=None if finite is None else bool(finite),
            tolerance=Tolerance(float(tolerance["atol"]), float(tolerance["rtol"])) if tolerance else None,
        )


def _pair(limits: Any) -> tuple[float, float]:
    low, high = limits
    if any(isinstance(end, bool) or not isinstance(end, int | float) for end in (low, high)):
        raise ValueError("a range is two numbers")
    return low, high


def _choice(value: Any) -> Choice:
    if not isinstance(value, str | int | float):
        raise ValueError("a choice is a text or a number")
    return value


@dataclass(frozen=True, slots=True)
class Signature:
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

    def to_json(self) -> dict[str, Any]:
        return {
            "inputs": [spec.to_json() for spec in self.inputs],
            "outputs": [spec.to_json() for spec in self.outputs],
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Signature:
        return cls(
            inputs=tuple(TensorSpec.from_json(spec) for spec in document["inputs"]),
            outputs=tuple(TensorSpec.from_json(spec) for spec in document["outputs"]),
        )


@dataclass(frozen=True, slots=True)
class VersionRef:
    """A model version by name, number and identity digest (64 hex digits)."""

    model: str
    number: int
    digest: str

    def __str__(self) -> str:
        return f"{self.model}/{self.number}"

    def to_json(self) -> dict[str, Any]:
        return {"model": self.model, "number": self.number, "digest": self.digest}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> VersionRef:
        return cls(str(document["model"]), int(document["number"]), str(document["digest"]))
