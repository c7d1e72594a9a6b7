"""What stays of the confidence set's rows for people to look at: inputs, truth and this version's answers.

Two tables: `rows.table` depends on the set alone, so that all versions with the same set share its bytes;
`answers.table` has this version's answers, row by row. An input that is sensitive is not in it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from formats.answers import Tolerances
from formats.dtypes import Array, datatype_of
from formats.sets import Listed, TestSet
from formats.tables import BadTable, Writer, cut
from formats.tables.writing import row_hash
from formats.types import Signature
from registry.manifest import METRICS, Kind
from releases.proof.examiner.result import ANSWERS_TABLE, ROWS_TABLE
from releases.proof.examiner.spec import Spec
from releases.proof.examiner.wanted import Wanted
from releases.statistics import arrays
from releases.statistics.arrays import Entries, Ragged
from releases.statistics.rows import Judged, Labels

MOST_ELEMENTS = 64
"""Of one row's tensor: so many a page can show; images are told by their size."""
MOST_ROWS_BYTES, MOST_ANSWERS_BYTES = 1 << 30, 512 << 20
"""Beyond it rows are told by number alone: what is kept stays for the version's life."""
_BLOCK = 1 << 16
"""Rows as an array at once: some MB, whatever a set has."""


def keep(spec: Spec, found: TestSet, target: Entries, answers: Entries, judged: Judged) -> str | None:
    """Write both tables; a sentence on why there are none, where they would be too large."""
    wanted = Wanted.of(spec.metric).names
    if hidden := [each.name for each in spec.signature.outputs if each.sensitive and each.name in wanted]:
        return f"output {hidden[0]!r} is sensitive: its answers are not kept to be looked at"
    tolerance = Tolerances.of(found.tolerance, spec.signature).on(wanted[0])
    try:
        with Writer(spec.scratch / ANSWERS_TABLE, found.rows, most=MOST_ANSWERS_BYTES) as table:
            _column(table, "answer", answers)
            if isinstance(judged, Labels) and len(judged.target) == found.rows:
                table.even("right", [np.asarray(judged.target == judged.predicted)])
            table.tell({
                "output": wanted[0],
                "graded": METRICS[spec.metric.name].kind is not Kind.LABEL,
                "atol": tolerance.atol,
                "rtol": tolerance.rtol,
            })  # fmt: skip
        with Writer(spec.scratch / ROWS_TABLE, found.rows, most=MOST_ROWS_BYTES) as table:
            _inputs(table, found, spec.signature)
            _column(table, "truth", target)
            table.even("digest", _digests(found, target))
    except BadTable as reason:
        for name in (ANSWERS_TABLE, ROWS_TABLE):
            (spec.scratch / name).unlink(missing_ok=True)
        return f"rows and answers are not kept to be looked at: {reason}"
    return None


def _column(table: Writer, name: str, entries: Entries) -> None:
    if isinstance(entries, Ragged):
        table.uneven(name, entries.rows())
    else:
        table.even(name, (np.asarray(entries[start:stop]) for start, stop in _blocks(len(entries))))


def _inputs(table: Writer, found: TestSet, signature: Signature) -> None:
    """The first elements of every input that is not sensitive: a page shows no more of an image."""
    shown = [spec.name for spec in signature.inputs if not spec.sensitive]
    inputs = found.inputs
    for name in shown:
        if isinstance(inputs, Listed) and name in inputs.entries:
            table.uneven(f"input/{name}", _listed(inputs, name, found.rows))
            continue
        stacked = (inputs.stacked if isinstance(inputs, Listed) else inputs.arrays).get(name)
        if stacked is not None:
            size = int(np.prod(stacked.shape[1:]))
            parts = (cut(stacked[start:stop], MOST_ELEMENTS) for start, stop in _blocks(found.rows))
            table.even(f"input/{name}", parts, whole=size if size > MOST_ELEMENTS else 0)


def _listed(inputs: Listed, name: str, rows: int) -> Iterator[Array]:
    """One flat array for each row, empty where the row does not have it."""
    entries = inputs.entries[name]
    nothing = next(iter(entries.values()))().reshape(-1)[:0]
    for row in range(rows):
        yield entries[row]().reshape(-1)[:MOST_ELEMENTS] if row in entries else nothing


def _blocks(rows: int) -> Iterator[tuple[int, int]]:
    return ((start, min(start + _BLOCK, rows)) for start in range(0, rows, _BLOCK))


def _digests(found: TestSet, target: Entries) -> Iterator[Array]:
    """Eight bytes for each row, which it has in every set where its inputs and its truth are the same."""
    for start, stop in _blocks(found.rows):
        if isinstance(found.inputs, Listed) or isinstance(target, Ragged):
            contents: Any = (_content(found, target, row) for row in range(start, stop))
        else:
            named = sorted(found.inputs.rows(start, stop).items())
            columns = [_bytes(name, array) for name, array in [*named, ("", target[start:stop])]]
            contents = (row.tobytes() for row in np.concatenate(columns, axis=1))
        found_digests = b"".join(hashlib.blake2b(row, digest_size=8).digest() for row in contents)
        yield np.frombuffer(found_digests, "<u8")


def _content(found: TestSet, target: Entries, row: int) -> bytes:
    inputs = found.inputs
    told = inputs.row(row) if isinstance(inputs, Listed) else {n: a[row] for n, a in inputs.arrays.items()}
    named = [*sorted(told.items()), ("", arrays.entry(target, row))]
    return b"".join(_bytes(name, array[np.newaxis]).tobytes() for name, array in named)


def _bytes(name: str, array: Array) -> Array:
    """Rows of bytes, all alike in length: what the column is, then its content; texts by their hash."""
    head = f"{name}\0{datatype_of(array)}\0{array.shape[1:]}\0".encode()
    if array.dtype.kind == "U":
        hashes = [
            row_hash(text.encode("utf-8", "surrogatepass") for text in row.reshape(-1)) for row in array
        ]
        content = np.frombuffer(b"".join(hashes), np.uint8).reshape(len(array), 8)
    else:
        plain = array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
        content = np.frombuffer(plain, np.uint8).reshape(len(array), len(plain) // len(array))
    heads = np.broadcast_to(np.frombuffer(head, np.uint8), (len(array), len(head)))
    return np.concatenate([heads, content], axis=1)
