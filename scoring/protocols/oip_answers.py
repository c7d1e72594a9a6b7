"""Answers of the Open Inference Protocol, on sheets prepared once per wanted outputs and shapes."""

from __future__ import annotations

from collections.abc import Sequence
from struct import pack
from typing import Any, NamedTuple

import numpy as np
import orjson

from formats.dtypes import DTYPES, Array
from formats.types import TensorSpec
from scoring.protocols.texts import flat_text
from scoring.protocols.written import BINARY, JSON, Written

Chosen = tuple[tuple[int, bool], ...]
"""Which outputs go out, as places in the signature, and whether as binary."""
Shapes = tuple[tuple[int, ...], ...]
_MOST_SHEETS = 256
"""Shapes and choices of outputs of a version; each has some 100 bytes."""


class Answering(NamedTuple):
    """The version whose answers they are."""

    model: str
    number: int
    digest: str
    specs: Sequence[TensorSpec]


class Sheet:
    """An answer with holes for what differs from request to request: the ids, the data, the sizes."""

    def __init__(self, answering: Answering, chosen: Chosen, shapes: Shapes) -> None:
        model, number, digest, specs = answering
        heads = [
            _head(specs[place], shape, binary) for (place, binary), shape in zip(chosen, shapes, strict=True)
        ]
        opening = b'{"model_name":%b,"model_version":"%d",' % (_literal(orjson.dumps(model)), number)
        middle = b'%b"parameters":{"request_id":"%b",'
        identity = b'"version_digest":%b},"outputs":[' % _literal(orjson.dumps(digest))
        self._template = opening + middle + identity + b",".join(heads) + b"]}"
        self._texts = [place for place, binary in chosen if not binary]
        self._pieces = [(place, binary, specs[place].datatype) for place, binary in chosen]

    def fill(self, named: bytes, request_id: bytes, arrays: Sequence[Array]) -> Written:
        """The answer. `named` is the client's own id as a JSON member with its comma, or nothing."""
        if len(self._texts) == len(self._pieces):
            texts = [flat_text(arrays[place])[1:-1] for place in self._texts]
            return Written(self._template % (named, request_id, *texts), JSON)
        data: list[Any] = []
        raws = []
        for place, binary, datatype in self._pieces:
            if binary:
                raws.append(_raw(arrays[place], datatype))
                data.append(len(raws[-1]))
            else:
                data.append(flat_text(arrays[place])[1:-1])
        body = self._template % (named, request_id, *data)
        return Written(
            b"".join((body, *raws)), BINARY, b"Inference-Header-Content-Length: %d\r\n" % len(body)
        )

    def fill_row(
        self, named: bytes, request_id: bytes, columns: Sequence[Sequence[bytes]], row: int
    ) -> bytes:
        """The body for one row of a run whose rows are texts already. For sheets without binary outputs."""
        return self._template % (named, request_id, *[column[row] for column in columns])

    def is_text(self) -> bool:
        return len(self._texts) == len(self._pieces)


class Sheets:
    """The sheets of one version, made as they are wanted."""

    def __init__(self, of: Answering) -> None:
        self._of = of
        self._made: dict[tuple[Chosen, Shapes], Sheet] = {}

    def get(self, chosen: Chosen, shapes: Shapes) -> Sheet:
        """The sheet for outputs of these shapes, one for each that is chosen."""
        sheet = self._made.get((chosen, shapes))
        if sheet is None:
            if len(self._made) >= _MOST_SHEETS:
                self._made.clear()
            sheet = self._made[chosen, shapes] = Sheet(self._of, chosen, shapes)
        return sheet


def named(client_id: object) -> bytes:
    """The client's own id as a member of the answer."""
    return b'"id":%b,' % orjson.dumps(client_id)


def _head(spec: TensorSpec, shape: tuple[int, ...], binary: bool) -> bytes:
    head = _literal(orjson.dumps({"name": spec.name, "datatype": spec.datatype, "shape": shape}))[:-1]
    return head + (b',"parameters":{"binary_data_size":%d}}' if binary else b',"data":[%b]}')


def _literal(text: bytes) -> bytes:
    return text.replace(b"%", b"%%")


def _raw(array: Array, datatype: str) -> bytes:
    if datatype != "BYTES":
        return np.ascontiguousarray(array, dtype=DTYPES[datatype]).tobytes()
    texts = [text.encode() for text in array.reshape(-1).tolist()]
    return b"".join(pack("<I", len(text)) + text for text in texts)
