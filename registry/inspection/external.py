"""Weights in files beside the graph: each reference lies in a listed file, each file is referred to.

What a graph says about such a file is what onnxruntime would open and map, so nothing is left to it: the
place is one of the names in the manifest, character by character, and the bytes lie inside the file. Nothing
else is ever opened.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import onnx

from registry.inspection import tensors
from registry.inspection.refusals import Refused
from registry.inspection.walk import Anatomy

CODE = "external_data"
READ_BYTES = 1 << 20
"""Smaller constants are read into the graph for the rules that look at values."""
_KNOWN = {"location", "offset", "length", "checksum"}
_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)
Span = tuple[int, int, str]


def refuse(parts: Anatomy, key: str, files: Mapping[str, Path]) -> set[str]:
    """The places that the graph refers to. `files` by place. Raises Refused for the first wrong reference."""
    outside = {id(tensor): tensor for tensor in _outside(parts)}
    initializers = {id(tensor) for tensor in _initializers(parts)}
    spans: dict[str, list[Span]] = defaultdict(list)
    for number, tensor in outside.items():
        if number not in initializers:
            raise _refused(key, tensor, "is no initializer: only these may lie in another file")
        place, span = _span(key, tensor, files)
        spans[place].append(span)
    for place, found in spans.items():
        if clash := _overlap(found):
            message = f"In {place}, the bytes of {clash[0]!r} and {clash[1]!r} overlap."
            raise Refused(CODE, f"files.{key}", message)
    return set(spans)


def refuse_unused(files: Mapping[str, str], used: set[str]) -> None:
    """Raise Refused for a file that no graph refers to. `files`: place to key."""
    for place, key in files.items():
        if place not in used:
            message = (
                f"No graph keeps weights in {place}: leave it out, or give it the name that the graph says."
            )
            raise Refused(CODE, f"files.{key}", message)


def fold_small(parts: Anatomy, files: Mapping[str, Path]) -> None:
    """Read small constants into the graph, as if they had never lain elsewhere."""
    for tensor in _initializers(parts):
        if tensor.data_location != onnx.TensorProto.EXTERNAL:
            continue
        size = tensors.bytes_of(tensor)
        if size > READ_BYTES:
            continue
        said = {entry.key: entry.value for entry in tensor.external_data}
        with files[said["location"]].open("rb") as stream:
            stream.seek(int(said.get("offset", "0")))
            tensor.raw_data = stream.read(size)
        tensor.ClearField("external_data")
        tensor.ClearField("data_location")


def _outside(parts: Anatomy) -> Iterator[onnx.TensorProto]:
    for tensor in parts.tensors():
        if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
            yield tensor


def _initializers(parts: Anatomy) -> Iterator[onnx.TensorProto]:
    for body in parts.bodies:
        if body.graph is not None:
            yield from body.graph.initializer


def _span(key: str, tensor: onnx.TensorProto, files: Mapping[str, Path]) -> tuple[str, Span]:
    """Where the bytes of a constant lie: the place, first byte and end, all inside the file."""
    said = {entry.key: entry.value for entry in tensor.external_data}
    if len(said) != len(tensor.external_data) or not said.keys() <= _KNOWN:
        raise _refused(
            key, tensor, f"says {sorted({e.key for e in tensor.external_data} - _KNOWN)} or one twice"
        )
    place = said.get("location", "")
    if place not in files:
        raise _refused(key, tensor, _elsewhere(place, files))
    if tensor.data_location != onnx.TensorProto.EXTERNAL or tensors.holds_values(tensor):
        raise _refused(key, tensor, f"has values of its own beside those in {place}")
    if trouble := tensors.shape_trouble(tensor) or ("is text" if tensors.is_text(tensor) else ""):
        raise _refused(key, tensor, trouble)
    first, length = (said.get(name, "0") for name in ("offset", "length"))
    needed, size = tensors.bytes_of(tensor), files[place].stat().st_size
    if not _NUMBER.fullmatch(first) or not _NUMBER.fullmatch(length):
        raise _refused(key, tensor, f"has an offset or a length in {place} that is no number")
    if "length" in said and int(length) != needed:
        raise _refused(key, tensor, f"has {needed:,} bytes and claims {int(length):,} of {place}")
    if int(first) + needed > size:
        raise _refused(key, tensor, f"ends at byte {int(first) + needed:,} of {place}, which has {size:,}")
    return place, (int(first), int(first) + needed, tensor.name[:60])


def _elsewhere(place: str, files: Mapping[str, Path]) -> str:
    shown = place[:60]
    if not files:
        return (
            f"lies in another file, {shown!r}: send it too, under files as weights, or save the model in one"
        )
    return f"lies in {shown!r}, which is none of the files beside it: {', '.join(sorted(files))[:200]}"


def _overlap(spans: list[Span]) -> tuple[str, str] | None:
    """Two names whose bytes overlap without being the same; several names may share one constant."""
    last: Span | None = None
    for span in sorted(spans):
        if last is not None and span[0] < last[1] and span[:2] != last[:2]:
            return last[2], span[2]
        last = span if last is None or span[1] >= last[1] else last
    return None


def _refused(key: str, tensor: onnx.TensorProto, words: str) -> Refused:
    return Refused(CODE, f"files.{key}", f"The constant {tensor.name[:60]!r} of the {key} {words}.")
