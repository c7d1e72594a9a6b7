"""A version's inputs, prepared for reading: what the signature allows is worked out once, not per request."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from itertools import chain, repeat
from typing import Any

import msgspec

from formats.dtypes import DTYPES, FLOATS
from formats.types import FREE, SAMPLES, Signature, TensorSpec
from scoring.errors import BadTensor
from scoring.protocols import elements
from scoring.protocols.strict import NOT_UTF_8
from scoring.tensors import Block, bad_value

CODES = {
    "BOOL": "?",
    "UINT8": "B",
    "UINT16": "H",
    "UINT32": "I",
    "UINT64": "Q",
    "INT8": "b",
    "INT16": "h",
    "INT32": "i",
    "INT64": "q",
    "FP16": "e",
    "FP32": "f",
    "FP64": "d",
}
_UNREAD = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What a fast decoder raises for what has to be read value by value."""
_REMEMBERED = 64
"""Layouts of a version that clients send: then all are forgotten and worked out anew, at some 20 us."""
_MOST_ELEMENTS = 1 << 31
"""More cannot be in any body: shapes are multiplied before it is looked at."""


class SpecReader:
    """Reads one input of a version into a Block.

    least   the fewest rows that it may have: 1 where the first axis is the one of the request's rows.
    """

    def __init__(self, spec: TensorSpec, least: int = 1) -> None:
        self.spec = spec
        self._least = least
        self.settled = spec.datatype not in FLOATS or (spec.missing and spec.infinite)
        """Whether raw bytes of it cannot hold what it does not take."""
        self._element = _element(spec.datatype)
        self._code = CODES.get(spec.datatype, "")
        self.flat = msgspec.json.Decoder(list[self._element])  # type: ignore[name-defined]
        self._nested = _nested(self._element, len(spec.shape)) if len(spec.shape) > 1 else self.flat
        self._known: dict[tuple[int, ...], struct.Struct] = {}

    def json(self, shape: tuple[int, ...], data: msgspec.Raw) -> Block:
        """Flat or nested JSON numbers of a declared shape. Raises BadTensor."""
        packer = self.packer(shape)
        try:
            values = self.flat.decode(data)
        except _UNREAD:
            values = self._unroll(shape, data)
        return self._pack(shape, values, packer)

    def nested(self, data: msgspec.Raw) -> Block:
        """Nested JSON numbers that show their own shape. Raises BadTensor."""
        try:
            values, typed = self._nested.decode(data) if self.spec.shape else None, bool(self.spec.shape)
        except _UNREAD:
            typed = False
        if not typed:
            values = elements.values(self.spec, data)
        shape = elements.shown_shape(self.spec, values)
        packer = self.packer(shape)
        plain = elements.unrolled(self.spec, shape, values) if shape else [values]
        return self._pack(shape, plain if typed else elements.typed(self.spec, shape, plain), packer)

    def binary(self, shape: tuple[int, ...], raw: bytes) -> Block:
        """Raw little-endian elements; BYTES as 4-byte lengths and UTF-8 texts. Raises BadTensor."""
        count = math.prod(self._checked(shape))
        if self.spec.datatype == "BYTES":
            return Block(shape, self._texts(shape, raw, count))
        expected = count * DTYPES[self.spec.datatype].itemsize
        if len(raw) != expected:
            raise self._bad(f"has {len(raw)} bytes where its shape {list(shape)} takes {expected}")
        if self.spec.datatype == "BOOL" and raw.translate(None, b"\x00\x01"):
            raise self._bad("has a byte that is neither 0 nor 1")
        return Block(shape, raw, self.settled)

    def row(self, values: Sequence[Any], shape: tuple[int, ...]) -> Block:
        """Plain values that were decoded elsewhere (named features). Raises BadTensor."""
        packer = self.packer(shape)
        try:
            typed = msgspec.convert(values, list[self._element])  # type: ignore[name-defined]
        except msgspec.ValidationError:
            typed = elements.typed(self.spec, shape, values)
        return self._pack(shape, typed, packer)

    def _pack(self, shape: tuple[int, ...], values: Any, packer: struct.Struct) -> Block:
        if not self._code:
            if len(values) != packer.size:
                raise self._miscounted(shape, len(values))
            return Block(shape, values)
        try:
            return Block(shape, packer.pack(*values))
        except (OverflowError, struct.error):
            if len(values) != math.prod(shape):
                raise self._miscounted(shape, len(values)) from None
            raise self._misfit(shape, values) from None

    def _misfit(self, shape: tuple[int, ...], values: Sequence[object]) -> BadTensor:
        """Where the first number stands that the datatype has no room for."""
        for place, value in enumerate(values):
            try:
                struct.pack(f"<{self._code}", value)
            except (OverflowError, struct.error):
                return bad_value(self.spec, shape, place, f"{value!r:.40} does not fit {self.spec.datatype}")
        return self._bad(f"holds a number that does not fit {self.spec.datatype}")

    def packer(self, shape: tuple[int, ...]) -> struct.Struct:
        """Packs the elements of a shape. Raises BadTensor for a shape that the signature does not have."""
        return self._known.get(shape) or self._learn(shape)

    def _learn(self, shape: tuple[int, ...]) -> struct.Struct:
        count = math.prod(self._checked(shape))
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        # For texts only the struct's size is read: one pad byte for each.
        packer = struct.Struct(f"<{count}{self._code or 'x'}")
        self._known[shape] = packer
        return packer

    def _checked(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        wanted = self.spec.shape
        fits = len(shape) == len(wanted) and all(
            axis >= least and want in (FREE, axis)
            for axis, want, least in zip(shape, wanted, chain([self._least], repeat(0)), strict=False)
        )
        if not fits:
            least = "any, at least 1 row" if self._least else "any"
            raise self._bad(f"has shape {list(shape)}, the signature says {list(wanted)} (-1: {least})")
        if math.prod(shape) > _MOST_ELEMENTS:
            raise self._bad(f"has shape {list(shape)}, which is more than any body holds")
        return shape

    def _unroll(self, shape: tuple[int, ...], data: msgspec.Raw) -> list[object]:
        """The elements of a tensor that is not plainly a flat list of its datatype."""
        try:
            if len(shape) > 1:
                return elements.unrolled(self.spec, shape, self._nested.decode(data))
        except _UNREAD:
            pass
        values = elements.values(self.spec, data)
        if not isinstance(values, list):
            raise self._bad(f"takes {self.spec.datatype} as a list, flat or nested")
        if len(shape) > 1 and any(isinstance(value, list) for value in values):
            values = elements.unrolled(self.spec, shape, values)
        if len(values) != math.prod(shape):
            raise self._miscounted(shape, len(values))
        return elements.typed(self.spec, shape, values)

    def _texts(self, shape: tuple[int, ...], raw: bytes, count: int) -> list[str]:
        pieces: list[bytes] = []
        place = 0
        while place < len(raw) and len(pieces) <= count:
            start = place + 4
            place = start + int.from_bytes(raw[place:start], "little")
            pieces.append(raw[start:place])
        if place != len(raw) or len(pieces) != count:
            raise self._bad(f"has {len(pieces)} texts where its shape takes {count}, or is cut off")
        try:
            return [piece.decode() for piece in pieces]
        except UnicodeDecodeError as error:
            raise bad_value(self.spec, shape, pieces.index(error.object), NOT_UTF_8) from None

    def _miscounted(self, shape: tuple[int, ...], count: int) -> BadTensor:
        return self._bad(f"has {count} elements where its shape {list(shape)} takes {math.prod(shape)}")

    def _bad(self, words: str) -> BadTensor:
        return BadTensor(f"input {self.spec.name!r} {words}", input=self.spec.name)


class InputReader:
    """All inputs of a version, by name. `rows`: what one row of it is, None: as its signature says."""

    def __init__(self, signature: Signature, rows: str | None = None) -> None:
        least = 1 if signature.row_kind(rows) == SAMPLES else 0
        self.readers = tuple(SpecReader(spec, least) for spec in signature.inputs)
        self.index = {spec.name: place for place, spec in enumerate(signature.inputs)}

    def find(self, name: str) -> int:
        """The place of an input. Raises BadTensor for one that the version does not have."""
        place = self.index.get(name)
        if place is None:
            raise BadTensor(f"there is no input {name!r}: this version takes {sorted(self.index)}")
        return place

    def complete(self, blocks: list[Block | None]) -> list[Block | None]:
        """`blocks` again. Raises BadTensor when a required input is not there."""
        for reader, block in zip(self.readers, blocks, strict=True):
            if block is None and not reader.spec.optional:
                raise BadTensor(f"input {reader.spec.name!r} is missing")
        return blocks


def _element(datatype: str) -> type:
    if datatype == "BOOL":
        return bool
    if datatype == "BYTES":
        return str
    return float if datatype in FLOATS else int


def _nested(element: type, depth: int) -> msgspec.json.Decoder[Any]:
    kind: Any = element
    for _ in range(depth):
        kind = list[kind]
    return msgspec.json.Decoder(kind)
