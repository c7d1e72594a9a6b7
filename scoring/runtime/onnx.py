"""One ONNX graph in onnxruntime: loaded from verified bytes, described in the protocol's words, run."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
import onnxruntime

from formats.dtypes import Array
from formats.serving import Serving
from formats.types import TensorSpec
from scoring.errors import BadModel, CorruptArtifact
from scoring.runtime.runs import RunOptions
from scoring.runtime.words import refusal

ELEMENTS = {
    "bool": "BOOL",
    "uint8": "UINT8",
    "uint16": "UINT16",
    "uint32": "UINT32",
    "uint64": "UINT64",
    "int8": "INT8",
    "int16": "INT16",
    "int32": "INT32",
    "int64": "INT64",
    "float16": "FP16",
    "float": "FP32",
    "double": "FP64",
    "string": "BYTES",
}
_SYMBOL = 200
"""Of an axis' name, which comes from the file and goes into sentences."""
_TENSOR = re.compile(r"(optional\()?tensor\((\w+)\)\)?")
_MAP = re.compile(r"(seq\()?map\((\w+),(?:tensor\()?(\w+)\)?\)\)?")
_FOLDER = "session.model_external_initializers_file_folder_path"
NOWHERE = "/nonexistent"
MAPPED_BYTES = 256 << 20
"""Larger graphs are read by onnxruntime from their file, so that two copies are never in memory."""

Row = Mapping[object, object]
Value = Array | Row | list[Row]
"""What onnxruntime gives: a tensor, or what older converters make of probabilities."""


class _Run(Protocol):
    def __call__(
        self, names: Sequence[str], feed: Mapping[str, Array], options: RunOptions | None, /
    ) -> list[Array]: ...


Axes = Sequence[int | str | None]
"""A length, the graph's own name of an axis, or nothing."""


class _Node(Protocol):
    """An input or output, as onnxruntime tells of it."""

    name: str
    type: str
    shape: Axes | None


@dataclass(frozen=True, slots=True)
class Options:
    """How a session is made: as the node can, and as the policy says. One thread and no spinning: the default
    pool escapes its CPU pin."""

    threads: int = 1
    providers: tuple[str, ...] = ("CPUExecutionProvider",)
    provider_options: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    serving: Serving = field(default_factory=Serving)

    def session_providers(self) -> list[str | tuple[str, dict[str, object]]]:
        """The providers in order, with their options, as a session takes them."""
        options = self.provider_options
        return [(name, dict(options[name])) if name in options else name for name in self.providers]

    def session_options(self, folder: Path | None = None) -> object:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.add_session_config_entry("session.inter_op.allow_spinning", "0")
        options.add_session_config_entry(_FOLDER, str(folder or NOWHERE))
        if not self.serving.prepack:
            options.add_session_config_entry("session.disable_prepacking", "1")
        return options


class Graph:
    """One loaded graph with its tensors. A map output `o` is served as `o.keys` and `o.values`.

    `weights` names the inputs that the graph fills itself where nobody sends them.
    """

    run: _Run
    """Outputs that are tensors, by name. Raises whatever onnxruntime raises."""

    def __init__(self, session: Any) -> None:
        self._session = session
        # The wrapper's own checks cost as much as a small model's run, and the signature has made them.
        self.run = getattr(session, "_sess", session).run
        filled = tuple(_input_spec(node, optional=True) for node in session.get_overridable_initializers())
        self.weights = frozenset(spec.name for spec in filled)
        self.inputs = tuple(_input_spec(node) for node in session.get_inputs()) + filled
        self._maps = {node.name for node in session.get_outputs() if "map(" in node.type}
        self.outputs = tuple(spec for node in session.get_outputs() for spec in _output_specs(node))

    def sources(self, names: Sequence[str]) -> list[str]:
        """The graph's own outputs from which the named ones are read, each once."""
        return list(dict.fromkeys(self._source(name) for name in names))

    def values(
        self, names: Sequence[str], feed: Mapping[str, Array], options: RunOptions | None = None
    ) -> Sequence[Value]:
        """The same of any outputs: those that are maps come as such."""
        return self.run(names, feed, options)

    def pick(self, name: str, sources: Mapping[str, Value]) -> Array:
        """The output `name` as an array, out of what `values` returned by source."""
        source = self._source(name)
        value = sources[source]
        if source not in self._maps:
            return np.asarray(value)
        return _from_maps(cast("Row | list[Row]", value), keys=name.endswith(".keys"))

    def has_maps(self) -> bool:
        return bool(self._maps)

    def _source(self, name: str) -> str:
        stem = name.rpartition(".")[0]
        return stem if stem in self._maps else name


def verify(weights: Sequence[tuple[Path, str]]) -> None:
    """Raises CorruptArtifact where a file of weights has another SHA-256 than the one beside it."""
    for path, digest in weights:
        if _digest(path) != digest:
            raise CorruptArtifact(
                f"the weights {digest[:12]} on this node have other bytes: fetch them again"
            )


def load(path: Path, digest: str, options: Options | None = None, folder: Path | None = None) -> Graph:
    """The graph in a file whose SHA-256 is `digest`.

    folder  where the verified files of weights lie that the graph names; they are mapped into memory. A
            graph that names any without it is refused, wherever the process stands.

    Raises CorruptArtifact when the bytes are others, BadModel when onnxruntime refuses them.
    """
    source: str | bytes
    if folder is None and path.stat().st_size > MAPPED_BYTES:
        found = _digest(path)
        source = str(path)
    else:
        source = content = path.read_bytes()
        found = hashlib.sha256(content).hexdigest()
    if found != digest:
        raise CorruptArtifact(f"{path.name[:12]} on this node has digest {found[:12]}: fetch it again")
    wanted = options or Options()
    try:
        session = onnxruntime.InferenceSession(
            source, wanted.session_options(folder), providers=wanted.session_providers()
        )
    except Exception as error:
        raise BadModel(refusal(error)) from error
    return Graph(session)


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def run_options() -> RunOptions:
    """A handle by which another thread can end a run."""
    options: RunOptions = onnxruntime.RunOptions()
    return options


def _input_spec(node: _Node, *, optional: bool = False) -> TensorSpec:
    match = _TENSOR.fullmatch(node.type)
    if match is None or match[2] not in ELEMENTS:
        raise BadModel(f"input {node.name!r} is a {node.type}: only tensors can be sent")
    return TensorSpec(
        node.name,
        ELEMENTS[match[2]],
        _shape(node.shape),
        optional=optional or match[1] is not None,
        symbols=_symbols(node.shape),
    )


def _output_specs(node: _Node) -> tuple[TensorSpec, ...]:
    if match := _TENSOR.fullmatch(node.type):
        if match[2] in ELEMENTS:
            return (TensorSpec(node.name, ELEMENTS[match[2]], _shape(node.shape)),)
    elif match := _MAP.fullmatch(node.type):
        shape = (-1, -1) if match[1] else (-1,)
        return (
            TensorSpec(f"{node.name}.keys", ELEMENTS[match[2]], shape),
            TensorSpec(f"{node.name}.values", ELEMENTS[match[3]], shape),
        )
    raise BadModel(
        f"output {node.name!r} is a {node.type}: make it a tensor, in scikit-learn by the option zipmap=False"
    )


def _shape(axes: Axes | None) -> tuple[int, ...]:
    return tuple(axis if isinstance(axis, int) and axis >= 0 else -1 for axis in axes or ())


def _symbols(axes: Axes | None) -> tuple[str, ...]:
    """The graph's names of its axes, as long as they are names."""
    named = tuple(axis[:_SYMBOL] if isinstance(axis, str) else "" for axis in axes or ())
    return named if any(named) else ()


def _from_maps(value: Row | list[Row], *, keys: bool) -> Array:
    rows = value if isinstance(value, list) else [value]
    table = [list(row) if keys else list(row.values()) for row in rows]
    if len({len(row) for row in table}) > 1:
        raise BadModel("the rows of a map output have different keys")
    texts = bool(table and table[0] and isinstance(table[0][0], str))
    array = np.array(table, dtype=object if texts else None)
    if array.dtype == np.float64:
        array = array.astype(np.float32)
    return array if isinstance(value, list) else array[0]
