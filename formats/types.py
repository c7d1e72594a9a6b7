"""Tensors, signatures and version references: the values that every part of the product shares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One input or output. `datatype` is the Open Inference Protocol's word, -1 in `shape` a free axis.

    `features` names the columns of the last axis, where it has names. `sensitive` is empty, or what
    the prediction log does with the tensor.
    Raises ValueError on a datatype that the protocol does not know and on an axis below -1.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    features: tuple[str, ...] = ()
    optional: bool = False
    sensitive: str = ""

    def __post_init__(self) -> None:
        if self.datatype not in DATATYPES:
            raise ValueError(f"tensor {self.name!r}: datatype {self.datatype!r} is not one of the protocol's")
        if any(axis < FREE for axis in self.shape):
            raise ValueError(f"tensor {self.name!r}: shape {list(self.shape)} has an axis below -1")
        if self.sensitive not in ("", OMITTED, HASHED):
            raise ValueError(
                f"tensor {self.name!r}: {self.sensitive!r} says nothing about a sensitive tensor"
            )

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "datatype": self.datatype,
            "shape": list(self.shape),
            "features": list(self.features),
            "optional": self.optional,
            **({"sensitive": self.sensitive} if self.sensitive else {}),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> TensorSpec:
        return cls(
            name=str(document["name"]),
            datatype=str(document["datatype"]),
            shape=tuple(int(axis) for axis in document["shape"]),
            features=tuple(str(feature) for feature in document.get("features") or ()),
            optional=bool(document.get("optional", False)),
            sensitive=str(document.get("sensitive", "")),
        )


@dataclass(frozen=True, slots=True)
class Signature:
    """What a version takes and gives, in the order of its graph."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

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
