"""Large weights beside the graph instead of in it, so that all workers of a node map one copy of them.

Pure, over bytes. ONNX is protobuf: a message is a row of fields, a field a key and a value. Only three kinds
of fields are looked into (model → graph → initializer); everything else is carried over as it stands, so the
graph that onnxruntime sees is the same to the byte, but for where its weights are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

LEAST_BYTES = 64 << 10
"""Smaller weights stay in the graph: they are worth no page of their own."""
PAGE = 4096
"""Bytes: what begins on one can be mapped by itself."""
_GRAPH, _INITIALIZER, _RAW_DATA, _EXTERNAL_DATA, _DATA_LOCATION = 7, 5, 9, 13, 14
"""Numbers of fields in onnx.proto."""
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
"""Kinds of fields on the wire of protocol buffers."""
_EXTERNAL = 1
"""ONNX' `DataLocation.EXTERNAL`."""


class Malformed(ValueError):
    """Bytes that are no protobuf message."""


class Piece(NamedTuple):
    """Bytes of the source that belong at a place of the weights' file."""

    start: int
    size: int
    at: int


class Split(NamedTuple):
    """A graph without its large weights, and which bytes of the source these are."""

    graph: bytes
    pieces: tuple[Piece, ...]


class _Field(NamedTuple):
    number: int
    kind: int
    start: int
    content: int
    end: int


def split(source: memoryview, location: str) -> Split:
    """Move every large initializer of an ONNX file into a file `location` beside it.

    The weights' file holds each piece at its place, which is a multiple of a page, and zeros between.
    A file that is not mostly such weights (trees, say) is left alone: no pieces, and no graph.
    Raises Malformed.
    """
    if 2 * sum(_large(source)) < len(source):
        return Split(b"", ())
    pieces: list[Piece] = []
    out = bytearray()
    for field in _fields(source, 0, len(source)):
        if (field.number, field.kind) == (_GRAPH, _BYTES):
            _put(out, _GRAPH, _graph(source, field, location, pieces))
        else:
            out += source[field.start : field.end]
    return Split(bytes(out), tuple(pieces))


def _large(source: memoryview) -> Iterator[int]:
    """The sizes of what would be moved, found without copying anything."""
    for graph in _fields(source, 0, len(source)):
        if (graph.number, graph.kind) != (_GRAPH, _BYTES):
            continue
        for tensor in _fields(source, graph.content, graph.end):
            if (tensor.number, tensor.kind) == (_INITIALIZER, _BYTES):
                for field in _fields(source, tensor.content, tensor.end):
                    size = field.end - field.content
                    if (field.number, field.kind) == (_RAW_DATA, _BYTES) and size >= LEAST_BYTES:
                        yield size


def _graph(source: memoryview, graph: _Field, location: str, pieces: list[Piece]) -> bytes:
    out = bytearray()
    for field in _fields(source, graph.content, graph.end):
        if (field.number, field.kind) == (_INITIALIZER, _BYTES):
            out += _initializer(source, field, location, pieces)
        else:
            out += source[field.start : field.end]
    return bytes(out)


def _initializer(source: memoryview, tensor: _Field, location: str, pieces: list[Piece]) -> bytes:
    fields = list(_fields(source, tensor.content, tensor.end))
    raw = [field for field in fields if (field.number, field.kind) == (_RAW_DATA, _BYTES)]
    elsewhere = any(field.number in {_EXTERNAL_DATA, _DATA_LOCATION} for field in fields)
    if len(raw) != 1 or elsewhere or raw[0].end - raw[0].content < LEAST_BYTES:
        return bytes(source[tensor.start : tensor.end])
    size = raw[0].end - raw[0].content
    last = pieces[-1] if pieces else Piece(0, 0, 0)
    at = -(-(last.at + last.size) // PAGE) * PAGE
    pieces.append(Piece(raw[0].content, size, at))
    kept = bytearray()
    for field in fields:
        if field is not raw[0]:
            kept += source[field.start : field.end]
    for key, value in (("location", location), ("offset", str(at)), ("length", str(size))):
        entry = bytearray()
        _put(entry, 1, key.encode())
        _put(entry, 2, value.encode())
        _put(kept, _EXTERNAL_DATA, bytes(entry))
    kept += _varint(_DATA_LOCATION << 3 | _VARINT) + _varint(_EXTERNAL)
    out = bytearray()
    _put(out, _INITIALIZER, bytes(kept))
    return bytes(out)


def _fields(source: memoryview, at: int, end: int) -> Iterator[_Field]:
    while at < end:
        start = at
        key, at = _read_varint(source, at, end)
        number, kind = key >> 3, key & 7
        content = at
        if kind == _VARINT:
            _, at = _read_varint(source, at, end)
        elif kind == _BYTES:
            size, content = _read_varint(source, at, end)
            at = content + size
        elif kind in {_FIXED32, _FIXED64}:
            at += 4 if kind == _FIXED32 else 8
        else:
            raise Malformed(f"a field of kind {kind} is not protobuf")
        if at > end:
            raise Malformed("a field is longer than its message")
        yield _Field(number, kind, start, content, at)


def _read_varint(source: memoryview, at: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while at < end and shift < 70:
        byte = source[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
    raise Malformed("a number has no end")


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _put(out: bytearray, number: int, content: bytes) -> None:
    out += _varint(number << 3 | _BYTES) + _varint(len(content)) + content
