"""`POST /invocations/{model}`: what MLflow's scoring server takes and gives.

A body has one of `inputs`, `instances`, `dataframe_split`, `dataframe_records`, and may have `params`.
Tables answer with one record for each row, tensors with each output by its name, as MLflow's own ONNX
models do. As with MLflow, members beside these are not looked at, and columns that the version has no use
for are dropped; they are counted, because a column with a slip in its name is dropped as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

import msgspec
import orjson
from msgspec import UNSET, UnsetType

from formats.dtypes import Array
from formats.types import FREE, TensorSpec
from scoring.errors import BadRequest, BadTensor
from scoring.protocols.inputs import InputReader, SpecReader
from scoring.protocols.strict import NULL, decode, refuse_duplicates
from scoring.protocols.texts import nested_text, row_texts
from scoring.tensors import Block

Row = dict[str, object]
Columns = Mapping[str, Sequence[object]]


class Split(msgspec.Struct, forbid_unknown_fields=True):
    """A table as pandas' `to_dict(orient="split")` makes it."""

    data: list[list[Any]]
    columns: list[str | int] | None = None
    index: msgspec.Raw | UnsetType = UNSET


class Invocation(msgspec.Struct):
    """Exactly one of the first four is there."""

    inputs: msgspec.Raw | UnsetType = UNSET
    instances: msgspec.Raw | UnsetType = UNSET
    dataframe_split: Split | None = None
    dataframe_records: list[Row] | None = None
    params: dict[str, object] | None = None

    def __post_init__(self) -> None:
        """A null is as good as nothing."""
        if self.inputs == NULL:
            self.inputs = UNSET
        if self.instances == NULL:
            self.instances = UNSET

    def unit(self) -> str | None:
        """The unit in `params.unit`; as with MLflow, params that nobody asked for are not looked at."""
        unit = self.params.get("unit") if self.params else None
        if unit is not None and not isinstance(unit, str):
            raise BadRequest("params.unit must be a text")
        return unit

    def tabular(self) -> bool:
        """True where the answer has a record for each row."""
        return self.inputs is UNSET and self.instances is UNSET


_ABSENT = (UNSET, None)
_FORMS = ("inputs", "instances", "dataframe_split", "dataframe_records")
_decode = msgspec.json.Decoder(Invocation).decode
_decode_rows = msgspec.json.Decoder(list[Row]).decode
_decode_named = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_cells = msgspec.json.Decoder(list[object]).decode


class Taken(NamedTuple):
    """What a request gives to the model, and how many of its columns are of no use to it."""

    blocks: list[Block | None]
    dropped: int = 0


def read(body: bytes) -> Invocation:
    """The request in a body. Raises BadRequest."""
    request = decode(_decode, body)
    if sum(getattr(request, form) not in _ABSENT for form in _FORMS) != 1:
        raise BadRequest(f"the body has exactly one of {', '.join(_FORMS)}")
    # The one key of a plain table or list needs no second look; see strict.py.
    if body.count(b":") != 1:
        refuse_duplicates(body)
    return request


def blocks(request: Invocation, reader: InputReader) -> Taken:
    """The request's tensors in the order of the signature. Raises BadTensor."""
    if request.dataframe_split is not None:
        return _table(_split_columns(request.dataframe_split), reader)
    if request.dataframe_records is not None:
        return _table(_record_columns(request.dataframe_records), reader)
    if request.instances is not UNSET:
        if _opens(request.instances, b"[", b"{"):
            return _table(_record_columns(_cells(_decode_rows, request.instances)), reader)
        return _only(reader, request.instances)
    assert request.inputs is not UNSET  # noqa: S101 - `read` has counted
    return _named(request.inputs, reader) if _opens(request.inputs, b"{") else _only(reader, request.inputs)


def answer(specs: Sequence[TensorSpec], arrays: Sequence[Array], rows: int, *, tabular: bool) -> bytes:
    """The response: `predictions`."""
    names = [orjson.dumps(spec.name) for spec in specs]
    if not tabular or any(array.shape[:1] != (rows,) for array in arrays):
        texts = [nested_text(array) for array in arrays]
        return b'{"predictions":{%b}}' % _members(names, texts)
    columns = [_column(array) for array in arrays]
    records = [b"{%b}" % _members(names, row) for row in zip(*columns, strict=True)]
    return b'{"predictions":[%b]}' % b",".join(records)


def _members(names: Sequence[bytes], texts: Sequence[bytes]) -> bytes:
    return b",".join(b"%b:%b" % pair for pair in zip(names, texts, strict=True))


def _column(array: Array) -> list[bytes]:
    """The text of each row; a row of one element is that element."""
    if array.size == len(array):
        return row_texts(array.reshape(-1))
    return [nested_text(row) for row in array]


def _opens(data: msgspec.Raw, *brackets: bytes) -> bool:
    """Whether these brackets come first in the JSON, with nothing but space between."""
    rest = memoryview(data).tobytes()
    for bracket in brackets:
        rest = rest.lstrip(b" \t\r\n")
        if not rest.startswith(bracket):
            return False
        rest = rest[1:65]
    return True


def _cells(decoder: Any, data: msgspec.Raw) -> Any:
    try:
        return decoder(data)
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadTensor(f"the rows are not what this call takes: {error}") from None


def _named(data: msgspec.Raw, reader: InputReader) -> Taken:
    """The inputs by name; or the features of the only one."""
    named = _cells(_decode_named, data)
    if _has_features(named, reader):
        return _table({name: _cells(_decode_cells, cells) for name, cells in named.items()}, reader)
    found: list[Block | None] = [None] * len(reader.readers)
    for name, values in named.items():
        place = reader.find(name)
        if values != NULL or not reader.readers[place].spec.optional:
            found[place] = reader.readers[place].nested(values)
    return Taken(reader.complete(found))


def _only(reader: InputReader, data: msgspec.Raw) -> Taken:
    """The whole data as the one input that has to be there."""
    wanted = [place for place, each in enumerate(reader.readers) if not each.spec.optional]
    if len(wanted) != 1:
        raise BadTensor(f"this version takes {sorted(reader.index)}: name each input")
    found: list[Block | None] = [None] * len(reader.readers)
    found[wanted[0]] = reader.readers[wanted[0]].nested(data)
    return Taken(found)


def _split_columns(split: Split) -> Columns:
    width = len(split.data[0]) if split.data else 0
    names = list(range(width)) if split.columns is None else split.columns
    if any(len(row) != len(names) for row in split.data):
        raise BadTensor(f"dataframe_split has {len(names)} columns, and rows of another length")
    if len(set(map(str, names))) != len(names):
        raise BadTensor("dataframe_split has two columns of one name")
    return {str(name): column for name, column in zip(names, zip(*split.data, strict=True), strict=False)}


def _record_columns(records: Sequence[Row]) -> Columns:
    if any(row.keys() != records[0].keys() for row in records):
        raise BadTensor("the rows have different columns: each has all of them")
    return {name: [row[name] for row in records] for name in (records[0] if records else ())}


def _table(columns: Columns, reader: InputReader) -> Taken:
    """One input for each column; or all columns as the last axis of the only input."""
    lengths = {len(cells) for cells in columns.values()}
    if len(lengths) != 1 or 0 in lengths:
        raise BadTensor("a table has at least one row and one column, and each column as many rows")
    if not _are_features(columns, reader):
        return _inputs(columns, reader)
    only = reader.readers[0]
    names = only.spec.features or tuple(columns)
    if missing := sorted(set(names) - columns.keys()):
        unknown = sorted(columns.keys() - set(names))
        raise BadTensor(f"input {only.spec.name!r}: features missing {missing}, unknown {unknown}")
    rows = list(zip(*(columns[name] for name in names), strict=True))
    block = only.row(list(chain.from_iterable(rows)), (len(rows), len(names)))
    return Taken([block], len(columns) - len(names))


def _are_features(columns: Columns, reader: InputReader) -> bool:
    if len(reader.readers) != 1 or len(reader.readers[0].spec.shape) != 2:
        return False
    return reader.readers[0].spec.name not in columns or _has_features(columns, reader)


def _has_features(columns: Mapping[str, object], reader: InputReader) -> bool:
    """True where every feature of the only input is among the columns."""
    if len(reader.readers) != 1:
        return False
    features = reader.readers[0].spec.features
    return bool(features) and columns.keys() >= set(features)


def _inputs(columns: Columns, reader: InputReader) -> Taken:
    found: list[Block | None] = [None] * len(reader.readers)
    known = [name for name in columns if name in reader.index]
    if not known:
        raise BadTensor(f"the columns are {sorted(columns)}: this version takes {sorted(reader.index)}")
    for name in known:
        place = reader.index[name]
        found[place] = _stacked(reader.readers[place], columns[name])
    return Taken(reader.complete(found), len(columns) - len(known))


def _stacked(reader: SpecReader, cells: Sequence[Any]) -> Block:
    """A column whose cells are the rows of one input."""
    spec = reader.spec
    shape = [len(cells)]
    values = list(cells)
    if len(spec.shape) == 2 and spec.shape[1] in (1, FREE) and not isinstance(values[0], list):
        return reader.row(values, (len(cells), 1))
    for _ in spec.shape[1:]:
        length = len(values[0]) if isinstance(values[0], list) else -1
        if length < 1 or any(not isinstance(each, list) or len(each) != length for each in values):
            raise BadTensor(f"input {spec.name!r} takes lists of shape {list(spec.shape[1:])} in each row")
        shape.append(length)
        values = list(chain.from_iterable(values))
    return reader.row(values, tuple(shape))
