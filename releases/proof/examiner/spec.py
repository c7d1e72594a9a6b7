"""What the cell is asked to do, read from JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from formats.sets import RowKind
from formats.types import Signature
from registry.manifest import MetricRange
from releases.proof.examiner.result import Part


class BadSpec(ValueError):
    """A spec that our own side wrote wrongly."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How long to measure, in seconds, and in how many blocks."""

    seconds: Annotated[float, Meta(gt=0, le=3600)] = 3.0
    blocks: Annotated[int, Meta(ge=3, le=1000)] = 20


@dataclass(frozen=True, slots=True)
class Champion:
    """What there is of the champion: its predictions on this confidence set, a server that runs it."""

    predictions: Path | None = None
    socket: Path | None = None


@dataclass(frozen=True, slots=True)
class OwnMetric:
    """The server that runs the version's own metric, a cell by itself, and what its graph takes and gives."""

    socket: Path
    signature: Signature


@dataclass(frozen=True, slots=True)
class Spec:
    """An examination.

    sets      paths by "end_to_end" and "confidence".
    rows      what a row of the sets is; None where the sets themselves must say it.
    scratch   a folder that is ours to write: predictions, reference answers, inflated arrays.
    timeout   seconds that one call may take.
    pause     while this file is there, nothing is asked.
    """

    socket: Path
    model: str
    version: int
    sets: dict[str, Path]
    signature: Signature
    metric: MetricRange
    scratch: Path
    do: tuple[Part, ...] = ("end_to_end", "confidence")
    rows: RowKind | None = None
    champion: Champion | None = None
    own_metric: OwnMetric | None = None
    benchmark: Timing = field(default_factory=Timing)
    seed: int = 0
    token: str | None = None
    timeout: float = 30.0
    pause: Path | None = None


def parse(data: bytes) -> Spec:
    """The spec. Raises BadSpec with the field that is wrong."""
    try:
        return msgspec.json.decode(data, type=Spec, dec_hook=_decoded)
    except (msgspec.DecodeError, KeyError, TypeError, ValueError) as error:
        raise BadSpec(f"the spec is malformed: {error}") from error


def _decoded(kind: type, value: Any) -> Any:
    if kind is Path:
        return Path(value)
    raise NotImplementedError(kind)
