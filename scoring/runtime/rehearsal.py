"""A version's reference answers, given again before it may serve: the same graphs, the same rows, here."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from time import thread_time
from typing import Any

import msgspec
import numpy as np

from formats.answers import Tolerances, elements, first_difference
from formats.dtypes import DTYPES, Array
from formats.types import FREE, Signature, TensorSpec, Tolerance
from scoring.errors import BadModel, CorruptArtifact, WrongAnswers
from scoring.protocols import oip_json
from scoring.protocols.inputs import InputReader
from scoring.protocols.oip_json import InferRequest
from scoring.runtime.runs import Runs
from scoring.tensors import Block, to_array

FORMAT = 1
"""As `examiner.answers` writes: raised when an older node would read answers wrongly."""
END_TO_END = "end_to_end"
MOST_ROWS = 1000
"""A node runs them before each switch: of a model of 1 ms they take a second."""
_WARM_UPS = 3
"""First runs allocate and lay out weights; they are not what a run takes."""


class Header(Tolerances, frozen=True, kw_only=True):
    """First line of the artifact: its format, and how close floats must be."""

    format: int


class Expected(msgspec.Struct):
    name: str
    datatype: str
    shape: list[int]
    data: list[Any]


class Reference(msgspec.Struct):
    """One row: a request as a client would send it, and the outputs that it had at proof."""

    set: str
    row: int
    request: msgspec.Raw
    outputs: list[Expected]


def rehearse(
    pipe: Runs, signature: Signature, reader: InputReader, answers: tuple[Path, str] | None
) -> float:
    """Warm the version up and compare its answers with those at proof.

    answers  file and its SHA-256; None when the version has none yet (it is being proven).
    returns  the median of the runs, in seconds.

    Raises CorruptArtifact, BadModel on an unreadable artifact, WrongAnswers on the first row that differs.
    """
    times = []
    if answers is None:
        return warm(pipe, signature)
    tolerances, references = read(*answers)
    names = [spec.name for spec in signature.outputs]
    for reference in references:
        request = oip_json.read(bytes(reference.request))
        feed = feed_of(request, signature, reader)
        started = thread_time()
        arrays = pipe.run(feed)
        times.append(thread_time() - started)
        _compare(reference, dict(zip(names, arrays, strict=True)), tolerances)
    return float(np.median(times)) if times else 0.0


def read(path: Path, digest: str) -> tuple[Tolerances, Iterator[Reference]]:
    """Tolerances and end-to-end rows, at most the first 1,000."""
    with path.open("rb") as stream:
        if hashlib.file_digest(stream, "sha256").hexdigest() != digest:
            raise CorruptArtifact("the reference answers on this node have another digest: fetch them again")
        stream.seek(0)
        try:
            header = msgspec.json.decode(stream.readline(), type=Header)
        except msgspec.DecodeError as error:
            raise BadModel(f"the reference answers are unreadable: {error}") from error
    if header.format != FORMAT:
        raise BadModel(f"the reference answers have format {header.format}, this node reads {FORMAT}")
    return header, _rows(path)


def _rows(path: Path) -> Iterator[Reference]:
    decoder = msgspec.json.Decoder(Reference)
    count = 0
    with path.open("rb") as stream:
        stream.readline()
        for line in stream:
            if count >= MOST_ROWS:
                return
            try:
                reference = decoder.decode(line)
            except msgspec.DecodeError as error:
                raise BadModel(f"the reference answers are unreadable: {error}") from error
            if reference.set == END_TO_END:
                count += 1
                yield reference


def feed_of(request: InferRequest, signature: Signature, reader: InputReader) -> dict[str, Array]:
    """The arrays of one request by input name."""
    found: list[Block | None] = oip_json.blocks(request, reader)
    return {
        spec.name: to_array([block], spec, block.shape)
        for spec, block in zip(signature.inputs, found, strict=True)
        if block is not None
    }


def warm(pipe: Runs, signature: Signature) -> float:
    """Do the slow first runs; the last one's seconds.

    Zeros may be no valid input: what the version says to them does not matter.
    """
    seconds = 0.0
    feed = {spec.name: _zeros(spec) for spec in signature.inputs if not spec.optional}
    for _ in range(_WARM_UPS):
        started = thread_time()
        try:
            pipe.run(feed)
        except Exception:
            return 0.0
        seconds = thread_time() - started
    return seconds


def _zeros(spec: TensorSpec) -> Array:
    shape = tuple(1 if axis == FREE else axis for axis in spec.shape)
    if spec.datatype == "BYTES":
        return np.full(shape, "", dtype=object)
    from_block = to_array([Block(shape, bytes(_size(spec, shape)))], spec, shape)
    return np.array(from_block)


def _size(spec: TensorSpec, shape: Sequence[int]) -> int:
    return math.prod(shape) * DTYPES[spec.datatype].itemsize


def _compare(reference: Reference, arrays: Mapping[str, Array], tolerances: Tolerances) -> None:
    for expected in reference.outputs:
        array = arrays.get(expected.name)
        if array is None:
            raise WrongAnswers(f"row {reference.row}: the version has no output {expected.name!r} here")
        if list(array.shape) != expected.shape:
            raise WrongAnswers(
                f"row {reference.row}, output {expected.name!r}: shape {list(array.shape)} here,"
                f" {expected.shape} at proof"
            )
        if not equal(array, expected, tolerances.on(expected.name)):
            raise WrongAnswers(
                f"row {reference.row}, output {expected.name!r}: this node answers otherwise than at proof"
            )


def equal(array: Array, expected: Expected, tolerance: Tolerance) -> bool:
    """Whether an output is as at proof; onnxruntime's texts are objects."""
    flat = array.reshape(-1)
    have = flat.astype(np.str_) if flat.dtype.kind == "O" else flat
    return first_difference(elements(expected.datatype, expected.data), have, tolerance) is None
