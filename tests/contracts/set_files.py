"""Small sets as files, and the one right verdict on each: what a row is, or the words of the refusal."""

from __future__ import annotations

import io
import json
import warnings
import zipfile
from dataclasses import dataclass
from typing import Any

import numpy as np

from formats.types import Signature, TensorSpec

X = np.arange(6, dtype=np.float32).reshape(3, 2)
Y = np.arange(3, dtype=np.float32)
COLUMN = Y[:, None]

PLAIN = Signature((TensorSpec("x", "FP32", (-1, 2)),), (TensorSpec("y", "FP32", (-1,)),))
TALL = Signature(PLAIN.inputs, (TensorSpec("y", "FP32", (-1, 1)),))
BATCH_OF_1 = Signature((TensorSpec("x", "FP32", (1, 2)),), (TensorSpec("y", "FP32", (1,)),))
WHOLE = Signature((TensorSpec("n", "INT8", (-1,)),), (TensorSpec("k", "INT64", (-1,)),))
WORDS = Signature((TensorSpec("t", "BYTES", (-1,)),), (TensorSpec("label", "BYTES", (-1,)),))
NODES = Signature(
    (TensorSpec("x", "FP32", (-1, 2)), TensorSpec("src", "INT64", (-1,))), (TensorSpec("y", "FP32", (2,)),)
)
OPEN = Signature((TensorSpec("x", "FP32", (-1, -1)),), PLAIN.outputs)
SPARE = Signature((*PLAIN.inputs, TensorSpec("n", "INT8", (-1,), optional=True)), PLAIN.outputs)

TWO_AXES = Signature(
    (TensorSpec("x", "FP32", (-1, 2), symbols=("N", "")), TensorSpec("src", "INT64", (-1,), symbols=("E",))),
    PLAIN.outputs,
)

SAMPLES, REQUESTS = "samples", "requests"


@dataclass(frozen=True, slots=True)
class Case:
    """A file's content and what is right.

    verdict  samples or requests where the set is taken, else words of the refusal
    values   only the values speak against it: at upload they are read, at proof each call looks at its own
    """

    content: bytes
    verdict: str
    which: str = "end_to_end"
    signature: Signature = PLAIN
    rows: str | None = None
    values: bool = False


def npz(**arrays: Any) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, allow_pickle=True, **arrays)
    return stream.getvalue()


def packed(**arrays: Any) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


def twice(content: bytes, name: str) -> bytes:
    stream = io.BytesIO(content)
    with zipfile.ZipFile(stream, "a") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        archive.writestr(name, archive.read(name))
    return stream.getvalue()


def lines(*rows: Any) -> bytes:
    return "\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows).encode()


def e2e(y: Any = Y, x: Any = X, **more: Any) -> bytes:
    return npz(**{"inputs/x": x, "expected/y": y} | more)


def confidence(verdict: str, **arrays: Any) -> Case:
    arrays = {"inputs/x": X, "target": Y} | {name.replace("__", "/"): each for name, each in arrays.items()}
    return Case(npz(**arrays), verdict, "confidence")


def requests(*rows: dict[str, Any]) -> bytes:
    return npz(**{f"requests/{i}/{name}": each for i, row in enumerate(rows) for name, each in row.items()})


def with_nan(array: Any) -> Any:
    made = array.copy()
    made.flat[0] = np.nan
    return made


ROW = {"inputs": {"x": [1, 2]}, "expected": {"y": 1}}
ASKED = {"inputs/x": X, "expected/y": Y}
NODE = {"inputs/x": X, "inputs/src": np.array([0, 2]), "expected/y": np.float32([1, 2])}
NO_EDGE = {"inputs/x": X[:1], "inputs/src": np.empty(0, np.int64), "expected/y": np.float32([0, 1])}

CASES: dict[str, Case] = {
    # shapes
    "expected (n,) for an output (n,)": Case(e2e(), SAMPLES),
    "expected (n,) for an output (n, 1)": Case(
        e2e(),
        r"row of expected/y has shape \[\], the version gives \[1\].*array\[..., None\]",
        signature=TALL,
    ),
    "expected (n, 1) for an output (n, 1)": Case(e2e(COLUMN), SAMPLES, signature=TALL),
    "expected (n, 1) for an output (n,)": Case(e2e(COLUMN), r"has shape \[1\], the version gives \[\]"),
    "one request for a batch of one": Case(e2e(COLUMN, X[:, None]), REQUESTS, signature=BATCH_OF_1),
    "rows without their batch of one": Case(
        e2e(COLUMN), r"has shape \[2\], the version takes \[1, 2\].*array\[:, None\]", signature=BATCH_OF_1
    ),
    "samples of a batch of one": Case(
        e2e(COLUMN, X[:, None]), "takes no batch: say rows: requests", signature=BATCH_OF_1, rows=SAMPLES
    ),
    "an axis more than samples have": Case(e2e(np.zeros((3, 4)), np.zeros((3, 4, 2), np.float32)), REQUESTS),
    "an output without rows": Case(
        e2e(np.zeros((3, 2)), **{"inputs/src": np.arange(3)}),
        "one entry per sample.*say rows: requests",
        signature=NODES,
    ),
    "too few features": Case(e2e(x=X[:, :1]), r"row of inputs/x has shape \[1\], the version takes \[2\]"),
    "an open second axis": Case(e2e(), "say rows: samples, or rows: requests", signature=OPEN),
    "an open second axis, said": Case(e2e(), SAMPLES, signature=OPEN, rows=SAMPLES),
    "an open second axis, each row by itself": Case(
        requests(ASKED, {"inputs/x": X[:, :1], "expected/y": Y}), REQUESTS, signature=OPEN
    ),
    "target (n,)": confidence(SAMPLES),
    "target (n, 1)": confidence(SAMPLES, target=COLUMN),
    "fewer targets than rows": confidence("inputs/x has 3 rows, target has 2", target=Y[:2]),
    "one target": confidence("target is a single value", target=np.float32(1)),
    "no rows": Case(e2e(Y[:0], X[:0]), "no rows"),
    # requests
    "nodes and edges": Case(requests(NODE, NO_EDGE), REQUESTS, signature=NODES),
    "nodes and edges, said": Case(requests(NODE, NO_EDGE), REQUESTS, signature=NODES, rows=REQUESTS),
    "nodes and edges as samples": Case(
        requests(NODE, NO_EDGE), "whole requests: say rows: requests", signature=NODES, rows=SAMPLES
    ),
    "targets of each request": Case(
        requests(
            *(
                {"inputs/x": X[:n], "target": np.float32(n), "weight": 1.5, "group": "a", "slice/s": n}
                for n in (1, 3)
            )
        ),
        REQUESTS,
        "confidence",
    ),
    "a request too few": Case(
        npz(**{"requests/1/inputs/x": X, "requests/1/expected/y": Y}), "no requests/0/inputs/x"
    ),
    "a target too few": Case(
        requests({"inputs/x": X, "target": 1}, {"inputs/x": X}),
        "inputs/x has 2 rows, target has 1",
        "confidence",
    ),
    "an optional input in one request only": Case(
        requests(ASKED | {"inputs/n": np.int8([1, 2, 3])}, ASKED), REQUESTS, signature=SPARE
    ),
    "an input in two forms": Case(e2e(**{"requests/0/inputs/x": X}), "inputs/x in one of the two forms"),
    "two weights for one request": Case(
        requests({"inputs/x": X, "target": 1, "weight": Y}), "weight has one value per row", "confidence"
    ),
    "two axes of different names": Case(
        e2e(**{"inputs/src": np.arange(3)}), r"different names \(N, E\).*requests/<i>", signature=TWO_AXES
    ),
    "two axes of different names as samples": Case(
        e2e(**{"inputs/src": np.arange(3)}), SAMPLES, signature=TWO_AXES, rows=SAMPLES
    ),
    # datatypes and layouts
    "column-major": Case(e2e(x=np.asfortranarray(X)), SAMPLES),
    "big-endian": Case(e2e(Y.astype(">f8"), X.astype(">f4")), SAMPLES),
    "64-bit floats": Case(e2e(Y.astype("f8"), X.astype("f8")), SAMPLES),
    "whole numbers for floats": Case(e2e(Y.astype("i8"), X.astype("i8")), SAMPLES),
    "floats for whole numbers": Case(
        npz(**{"inputs/n": Y, "expected/k": Y.astype("i8")}),
        "is float32, the version takes INT8",
        signature=WHOLE,
    ),
    "expected floats for whole numbers": Case(
        npz(**{"inputs/n": Y.astype("i8"), "expected/k": Y}),
        "expected/k is float32, the version gives INT64",
        signature=WHOLE,
    ),
    "whole numbers that do not fit": Case(
        npz(**{"inputs/n": np.array([1, 128]), "expected/k": np.array([1, 2])}),
        "holds 128, which is no INT8",
        signature=WHOLE,
        values=True,
    ),
    "floats that do not fit": Case(
        e2e(x=np.full((3, 2), 1e39)), "holds 1e.39, which is no FP32", values=True
    ),
    "NaN and infinities": Case(e2e(x=np.array([[np.nan, 1], [np.inf, 2], [3, 4]])), SAMPLES),
    "bool for whole numbers": Case(
        npz(**{"inputs/n": np.array([True, False]), "expected/k": np.array([1, 2])}), SAMPLES, signature=WHOLE
    ),
    "texts": Case(
        npz(**{"inputs/t": np.array(["ä", ""]), "expected/label": np.array(["a", "b"])}),
        SAMPLES,
        signature=WORDS,
    ),
    "bytes": Case(
        npz(**{"inputs/t": np.array([b"a", b"b"]), "expected/label": np.array(["a", "b"])}),
        "inputs/t as bytes: save texts as NumPy U dtype",
        signature=WORDS,
    ),
    "texts that are none": Case(
        npz(**{"inputs/t": np.array(["\ud800", "a"]), "expected/label": np.array(["a", "b"])}),
        "no Unicode",
        signature=WORDS,
        values=True,
    ),
    "texts for numbers": Case(e2e(x=X.astype("U3")), "inputs/x is text, the version takes FP32"),
    "objects": Case(e2e(np.array([None] * 3)), "expected/y as object"),
    "complex numbers": Case(e2e(x=X + 1j), "inputs/x as complex"),
    "128 bits": Case(e2e(X[:, 0].astype(np.longdouble)), "at most 64 bits"),
    # weights, groups, tolerances
    "weights": confidence(SAMPLES, weight=np.array([0, 1, 2])),
    "weights of zero": confidence("All weights are zero", weight=np.zeros(3)),
    "a negative weight": confidence("not negative", weight=np.array([1, -1, 1])),
    "a weight of NaN": confidence("finite numbers", weight=with_nan(Y)),
    "weights as texts": confidence("weight is a number per row", weight=np.array(["1", "2", "3"])),
    "weights (n, 1)": confidence("weight has one value per row", weight=COLUMN),
    "groups (n, 2)": confidence("group has one value per row", group=X),
    "groups and slices": confidence(SAMPLES, group=np.array(["a", "b", "b"]), slice__age=np.array([1, 2, 2])),
    "tolerances": Case(e2e(atol=0.5, rtol=np.float32([0])), SAMPLES),
    "a tolerance below zero": Case(e2e(atol=-1.0), "atol must be one finite number of at least 0"),
    "a tolerance of NaN": Case(e2e(rtol=np.nan), "rtol must be one finite number"),
    "two tolerances": Case(e2e(atol=np.ones(2)), "atol must be one finite number"),
    "tolerances of a confidence set": confidence("no tolerances", atol=1.0),
    # the file
    "packed": Case(packed(**{"inputs/x": X, "expected/y": Y}), SAMPLES),
    "a member twice": Case(twice(e2e(), "inputs/x.npy"), "inputs/x twice"),
    "cut off": Case(e2e()[:-30], "cannot be read as NPZ"),
    "words behind PK": Case(b"PK\x03\x04 words", "cannot be read as NPZ"),
    "nothing": Case(b"", "The set is empty"),
    "no arrays": Case(npz(), "The set is empty.*inputs/x"),
    "Parquet": Case(b"PAR1\x15\x04PAR1", "is a Parquet file. Save it as NPZ"),
    "CSV": Case(b"age,income,label\n1,2,a\n", "is CSV.*np.savez"),
    "one array": Case(b"\x93NUMPY\x01\x00", "is one NumPy array.*inputs/<name>"),
    "a pickle": Case(b"\x80\x04\x95", "is a pickle, which is never read"),
    "gzip": Case(b"\x1f\x8b\x08", "is packed with gzip"),
    # names
    "scikit-learn's names": Case(
        npz(X=X, y=Y),
        r"arrays 'X', 'y': name them as in np.savez\(.end_to_end.npz., \*\*{.inputs/x.: ..., .expected/y.",
    ),
    "scikit-learn's names for a confidence set": Case(
        npz(X=X, y=Y), r"\"inputs/x\": ..., \"target\": ...", "confidence"
    ),
    "no prefix": confidence("'x' that means nothing here: do you mean 'inputs/x'", x=X),
    "nearly target": confidence("'targets'.*do you mean 'target'", targets=Y),
    "another input": Case(npz(**{"inputs/z": X, "expected/y": Y}), "has no input 'z': it has .'x'."),
    "another output": Case(npz(**{"inputs/x": X, "expected/z": Y}), "has no output 'z'"),
    "no expected outputs": Case(npz(**{"inputs/x": X}), "has expected/<output>"),
    "a target among expected outputs": Case(e2e(target=Y), "has no target"),
    "expected outputs beside a target": confidence("has no expected outputs", expected__y=Y),
    "no target": Case(npz(**{"inputs/x": X}), "has a target", "confidence"),
    # JSON Lines
    "lines": Case(lines(ROW, ROW), SAMPLES),
    "lines with a tolerance": Case(lines({**ROW, "atol": 0.5}, ROW), SAMPLES),
    "a tolerance on the second line": Case(lines(ROW, {**ROW, "atol": 0.5}), "Line 2 has atol.*first line"),
    "lines of requests": Case(
        lines(*({"inputs": {"x": [[0, 0]] * n}, "expected": {"y": [0] * n}} for n in (1, 3))), REQUESTS
    ),
    "lines of one request": Case(lines({"inputs": {"x": [[1, 2]]}, "expected": {"y": [1]}}), REQUESTS),
    "lines with a byte-order mark": Case(b"\xef\xbb\xbf" + lines(ROW) + b"\r\n", SAMPLES),
    "lines of nothing expected": Case(lines(ROW, {"inputs": {"x": [1, 2]}}), "expected/y stands in 1 of 2"),
    "lines with too few features": Case(lines({"inputs": {"x": [1]}, "expected": {"y": 1}}), r"shape \[1\]"),
    "lines of texts for numbers": Case(
        lines({"inputs": {"x": ["a", 2]}, "expected": {"y": 1}}), "inputs/x of line 1 is no FP32"
    ),
    "lines of texts and numbers": Case(
        lines(*({"inputs": {"x": [1, 2]}, "target": target} for target in (1, "1"))),
        "target must be numbers in all rows, or texts in all rows",
        "confidence",
    ),
    "lines of crooked lists": Case(
        lines({"inputs": {"x": [[1], [2, 3]]}, "expected": {"y": 1}}), "its lists differ in length"
    ),
    "lines of fractions": Case(
        lines({"inputs": {"n": 1.5}, "expected": {"k": 1}}), "not whole", signature=WHOLE
    ),
    "lines of 1.0 and true": Case(
        lines({"inputs": {"n": 1.0}, "expected": {"k": True}}), SAMPLES, signature=WHOLE
    ),
    "lines of numbers that do not fit": Case(
        lines({"inputs": {"n": 128}, "expected": {"k": 1}}), "inputs/n of line 1 is no INT8", signature=WHOLE
    ),
    "lines of huge whole numbers": Case(
        lines({"inputs": {"n": 1}, "expected": {"k": 2**63}}),
        "expected/k of line 1 is no INT64",
        signature=WHOLE,
    ),
    "a line that is none": Case(lines(ROW, "nonsense"), "Line 2 is not JSON"),
    "a line of a list": Case(lines(ROW, [1]), "Line 2 is no row"),
    "a line with a name twice": Case(
        b'{"inputs": {"x": [1, 2], "x": [1, 2]}, "expected": {"y": 1}}', "twice"
    ),
    "a line with a strange name": Case(lines({**ROW, "label": 1}), "Line 1 has 'label', which means nothing"),
    "a line without inputs": Case(lines({"expected": {"y": 1}}), "Line 1 is no row"),
    "a deep line": Case(b'{"inputs": ' + b"[" * 100_000, "Line 1 is not JSON"),
    "JSON over several lines": Case(json.dumps(ROW, indent=1).encode(), "JSON over several lines"),
    "one JSON list": Case(json.dumps([ROW]).encode(), "one JSON list"),
}
