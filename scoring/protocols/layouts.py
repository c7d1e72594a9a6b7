"""Requests that begin as an earlier one did: what is settled by the same bytes is read only once.

A client repeats itself: the names, shapes and parameters around its numbers stay the same to the
byte. The beginning of a request (its JSON up to the first number, or the whole JSON header of a
binary one) is remembered with what the full decoder made of it, and only the numbers are read
again. The decoder's verdict is remembered, not replaced: a beginning that it has not accepted is
never known.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from math import prod

import msgspec
from msgspec import UNSET

from formats.dtypes import DTYPES
from scoring.protocols.inputs import InputReader, SpecReader
from scoring.protocols.oip_answers import Chosen
from scoring.protocols.oip_json import InferRequest, is_plain
from scoring.tensors import Block

Measured = tuple[int, object]
"""Rows of a request, and the key under which it joins others in a run."""
_block = tuple.__new__
"""A Block without its checks of arguments, which cost as much as reading a row of two numbers."""
CLOSING = b"}]}"
"""What follows the numbers of a request that has one input and nothing behind it."""
_DATA = b'"data":'


class JsonLayout:
    """One input whose numbers stand flat between a known beginning and `CLOSING`."""

    def __init__(
        self, reader: SpecReader, shape: tuple[int, ...], chosen: Chosen, measured: Measured
    ) -> None:
        self.chosen = chosen
        self.rows, self.key = measured
        self._shape = shape
        self._decode = reader.flat.decode
        self._pack = reader.packer(shape).pack

    def blocks(self, body: bytes, start: int) -> list[Block | None] | None:
        """The tensor from the list at `start`; None when the numbers need the full decoder's eye."""
        try:
            return [_block(Block, (self._shape, self._pack(*self._decode(body[start:-3])), True))]
        except (msgspec.DecodeError, RecursionError, OverflowError, struct.error):
            return None


class BinaryLayout:
    """Inputs that all lie behind a known header, one after the other."""

    def __init__(
        self, pieces: Sequence[tuple[tuple[int, ...], int, bool]], chosen: Chosen, measured: Measured
    ) -> None:
        self.chosen = chosen
        self.rows, self.key = measured
        self._pieces = pieces
        self._size = sum(size for _, size, _ in pieces)

    def blocks(self, body: bytes, start: int) -> list[Block | None] | None:
        """The tensors behind the header that ends at `start`; None when their length is another."""
        if len(body) - start != self._size:
            return None
        found: list[Block | None] = []
        for shape, size, settled in self._pieces:
            found.append(Block(shape, body[start : start + size], settled))
            start += size
        return found


Layout = JsonLayout | BinaryLayout


def beginning(body: bytes) -> int:
    """Where the first list of numbers begins in a JSON request; 0 when there is none."""
    return max(body.find(b"[", body.find(_DATA)), 0)


def json_layout(
    request: InferRequest, body: bytes, start: int, reader: InputReader, chosen: Chosen, measured: Measured
) -> JsonLayout | None:
    """What a JSON request that was accepted settles for the next one that begins so; None for nothing.

    It has one tensor with its data last: flat numbers from `start` to `CLOSING`, read here once more.
    """
    plain = all(part is UNSET for part in (request.id, request.outputs, request.parameters))
    if not plain or len(request.inputs) != 1 or len(reader.readers) != 1 or not body.endswith(CLOSING):
        return None
    if not is_plain(request, body):
        # A member that is not looked at may hold a list that looks like the tensor's.
        return None
    spec_reader = reader.readers[0]
    if spec_reader.spec.datatype == "BYTES":
        return None
    layout = JsonLayout(spec_reader, tuple(request.inputs[0].shape), chosen, measured)
    return layout if layout.blocks(body, start) is not None else None


def binary_layout(
    request: InferRequest, reader: InputReader, chosen: Chosen, measured: Measured
) -> BinaryLayout | None:
    """The same for a binary header: all inputs binary, of fixed size, in the signature's order."""
    if len(request.inputs) != len(reader.readers):
        return None
    pieces = []
    for tensor, spec_reader in zip(request.inputs, reader.readers, strict=True):
        spec = spec_reader.spec
        if tensor.name != spec.name or tensor.data is not UNSET or spec.datatype in {"BYTES", "BOOL"}:
            return None
        shape = tuple(tensor.shape)
        pieces.append((shape, prod(shape) * DTYPES[spec.datatype].itemsize, spec_reader.settled))
    return BinaryLayout(pieces, chosen, measured)
