"""What a signature calls allowed, held in requests: worked out once per version.

Each request is judged by itself, before it joins others: a value of one client fails nobody else.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from formats.dtypes import DTYPES, FLOATS, Array
from formats.types import CLIP, COUNT, REFUSE, Signature, TensorSpec
from scoring.telemetry import Meter
from scoring.tensors import Block, bad_value
from scoring.worker.exchange import Exchange

Number = int | np.generic
_FEW = 64
"""Up to so many values a list is faster than numpy's set-up, and a text can be shown."""
_NAMED = 20
"""Choices within a sentence; the signature has them all."""


class Choices:
    """An input that takes some values only. NaN is none of them, and taken where it is a value at all."""

    def __init__(self, spec: TensorSpec) -> None:
        self.spec = spec
        self.rule = spec.choices_rule()
        made = spec.choices if spec.datatype == "BYTES" else _exact(spec.choices, spec.datatype)
        self._known = frozenset(made)
        self._array = np.array(made, dtype=DTYPES[spec.datatype])
        named = ", ".join(str(choice) for choice in spec.choices[:_NAMED])
        more = len(spec.choices) - _NAMED
        self.words = f"is none of {named}" + (f" and {more} more" if more > 0 else "")

    def outside(self, values: list[str] | Array) -> Sequence[int] | Array:
        """The places of values that are none of the choices."""
        few = values if isinstance(values, list) else values.tolist() if len(values) <= _FEW else None
        if few is None:
            strange = ~np.isin(values, self._array)
            return np.flatnonzero(strange & ~np.isnan(values) if self.spec.missing else strange)
        if self._known.issuperset(few):
            return ()
        return [
            place
            for place, value in enumerate(few)
            if value not in self._known and not (self.spec.missing and value != value)
        ]


class Range:
    """An input whose numbers lie between two ends. NaN lies nowhere: whether it is taken is not said here."""

    def __init__(self, spec: TensorSpec, ends: tuple[float, float]) -> None:
        self.spec = spec
        self.rule = spec.range_rule()
        self.words = f"is outside of {ends[0]:g} to {ends[1]:g}"
        self.low, self.high = _ends(ends, spec.datatype)

    def outside(self, values: list[str] | Array) -> Sequence[int] | Array:
        if isinstance(values, list):
            return ()
        return np.flatnonzero((values < self.low) | (values > self.high))

    def clipped(self, values: Array) -> bytes:
        """The values with those outside moved to the nearest end."""
        return np.clip(values, self.low, self.high).astype(values.dtype, copy=False).tobytes()


class Allowed:
    """The checks of one version, by the place of its inputs."""

    def __init__(self, checks: Sequence[tuple[int, Sequence[Choices | Range]]]) -> None:
        self._checks = checks

    def hold(self, exchange: Exchange, meter: Meter) -> None:
        """Refuse, clip or count what the inputs do not take. Raises BadTensor with input, row and feature."""
        for place, checks in self._checks:
            block = exchange.blocks[place]
            if block is None:
                continue
            passed = 0
            for check in checks:
                block, count = _held(check, block, exchange)
                passed += count
            if passed:
                exchange.blocks[place] = block
                name = checks[0].spec.name
                meter.outside[name] += passed
                meter.beyond[name] += 1


def allowed(signature: Signature) -> Allowed | None:
    """The checks that a version's requests are put to; None where its inputs declare no limits."""
    checks = [(place, found) for place, spec in enumerate(signature.inputs) if (found := _checks(spec))]
    return Allowed(checks) if checks else None


def _checks(spec: TensorSpec) -> list[Choices | Range]:
    found: list[Choices | Range] = [Choices(spec)] if spec.choices else []
    if spec.range is not None and spec.datatype not in ("BYTES", "BOOL"):
        found.append(Range(spec, spec.range))
    return found


def _held(check: Choices | Range, block: Block, exchange: Exchange) -> tuple[Block, int]:
    """The block as the model gets it, and how many of its values are beyond the limit and let pass."""
    spec = check.spec
    raw = block.raw
    values = raw if isinstance(raw, list) else np.frombuffer(raw, DTYPES[spec.datatype])
    places = check.outside(values)
    if not len(places):
        return block, 0
    if check.rule == REFUSE:
        first = int(places[0])
        raise bad_value(spec, block.shape, first, f"{_shown(values[first])} {check.words}")
    if check.rule == COUNT:
        exchange.outside = f"input {spec.name!r} holds {_shown(values[int(places[0])])}, which {check.words}"
    if check.rule == CLIP and isinstance(check, Range) and isinstance(values, np.ndarray):
        return Block(block.shape, check.clipped(values), block.settled), len(places)
    return block, len(places)


def _ends(ends: tuple[float, float], datatype: str) -> tuple[Number, Number]:
    """The ends as numbers of the datatype: an FP32 is compared with the FP32 that is meant."""
    dtype = DTYPES[datatype]
    with np.errstate(over="ignore"):
        if datatype in FLOATS:
            return dtype.type(ends[0]), dtype.type(ends[1])
    bounds = np.iinfo(dtype)
    low, high = math.ceil(ends[0]), math.floor(ends[1])
    least, most = int(bounds.min), int(bounds.max)
    return min(max(low, least), most), min(max(high, least), most)


def _exact(choices: Sequence[str | float], datatype: str) -> list[str | float]:
    """The choices as numbers of the datatype; those that it cannot be are left out, nothing equals them."""
    dtype = DTYPES[datatype]
    with np.errstate(over="ignore"):
        if datatype in FLOATS:
            return [np.asarray(choice, dtype).item() for choice in choices]
    if dtype.kind == "b":
        return [choice for choice in choices if isinstance(choice, bool)]
    bounds = np.iinfo(dtype)
    return [int(choice) for choice in choices if choice == int(choice) and bounds.min <= choice <= bounds.max]


def _shown(value: object) -> str:
    text = str(value) if isinstance(value, np.generic) else repr(value)
    return text if len(text) <= _FEW else f"{text[:_FEW]}…"
