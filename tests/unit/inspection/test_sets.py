"""Sets as files: read without pickle, counted, and fitted to a signature."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import pytest

from formats.types import Signature, TensorSpec
from registry.inspection.refusals import Refused
from registry.inspection.sets import SetLimits, read_set
from registry.manifest import MetricRange
from releases.examiner import loading
from releases.examiner.spec import Spec

X = np.arange(6, dtype=np.float32).reshape(3, 2)
Y = np.arange(3, dtype=np.float32)
PLAIN = Signature((TensorSpec("x", "FP32", (-1, 2)),), (TensorSpec("y", "FP32", (-1,)),))


@pytest.fixture
def read(tmp_path):
    def read_(content, kind="end_to_end", signature=PLAIN, **named):
        path = tmp_path / "set"
        path.write_bytes(content if isinstance(content, bytes) else npz(**content))
        return read_set(path, kind, signature, **named)

    return read_


def npz(**arrays):
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def lines(*rows):
    return "\n".join(json.dumps(row) for row in rows).encode()


def refused(read, content, words, field="files.end_to_end", **named):
    with pytest.raises(Refused, match=words) as caught:
        read(content, **named)
    assert caught.value.refusal.field == field
    assert caught.value.refusal.code in ("bad_set", "too_large")


def test_a_set_comes_in_parts_in_order(read):
    found = read({"inputs/x": X, "expected/y": Y})

    assert (found.rows, found.unit, found.atol, found.rtol) == (3, "samples", 1e-6, 1e-5)
    parts = list(found.parts(2))
    assert [(part.start, part.count) for part in parts] == [(0, 2), (2, 1)]
    np.testing.assert_array_equal(np.concatenate([part.inputs["x"] for part in parts]), X)
    np.testing.assert_array_equal(np.concatenate([part.truths["expected/y"] for part in parts]), Y)


def test_packed_and_column_major_arrays_are_read_alike(read):
    stream = io.BytesIO()
    np.savez_compressed(stream, **{"inputs/x": np.asfortranarray(X), "expected/y": Y.astype(">f4")})

    found = read(stream.getvalue())

    np.testing.assert_array_equal(np.concatenate([part.inputs["x"] for part in found.parts(2)]), X)
    np.testing.assert_array_equal(np.concatenate([part.truths["expected/y"] for part in found.parts(2)]), Y)


def test_tolerances_are_the_sets_own(read):
    found = read({"inputs/x": X, "expected/y": Y, "atol": 0.1, "rtol": np.float32(0)})

    assert (found.atol, found.rtol) == (0.1, 0)


def test_a_confidence_set_has_targets_and_may_have_more(read):
    more = {"weight": Y, "group": np.array(["a", "a", "b"]), "slice/age": np.array(["old", "old", "young"])}

    found = read({"inputs/x": X, "target": Y, **more}, "confidence")

    assert set(found.truths) == {"target", *more}


@pytest.mark.parametrize(
    ("shape", "axes", "declared", "unit"),
    [
        ((-1, 2), (3, 2), None, "samples"),
        ((-1,), (3,), None, "samples"),
        ((2,), (3, 2), None, "requests"),
        ((), (3,), None, "requests"),
        ((1, 2), (3, 1, 2), None, "requests"),
        ((-1, 2), (3, 5, 2), "requests", "requests"),
        ((-1, -1), (3, 5), "samples", "samples"),
        ((-1, -1), (3, 5, 2), "requests", "requests"),
    ],
)
def test_what_a_row_is_follows_from_the_signature(read, shape, axes, declared, unit):
    signature = Signature((TensorSpec("x", "FP32", shape),), (TensorSpec("y", "FP32", (-1,)),))

    found = read({"inputs/x": np.zeros(axes, np.float32), "expected/y": np.zeros((3, 1), np.float32)},
                 signature=signature, unit=declared)  # fmt: skip

    assert (found.unit, found.rows) == (unit, 3)
    part = next(found.parts(1))
    assert part.inputs["x"].shape == ((1, *axes[1:]) if unit == "samples" else axes[1:])


def test_what_a_row_is_must_be_said_where_the_signature_leaves_it_open(read):
    signature = Signature((TensorSpec("x", "FP32", (-1, -1)),), (TensorSpec("y", "FP32", (-1,)),))
    content = {"inputs/x": X, "expected/y": Y}

    refused(read, content, "say rows: samples", field="rows", signature=signature)
    scalar = Signature((TensorSpec("x", "FP32", ()),), PLAIN.outputs)
    refused(read, content, "takes no batch", field="rows", signature=scalar, unit="samples")


def test_requests_of_different_shapes(read):
    signature = Signature((TensorSpec("x", "FP32", (-1, 2)),), (TensorSpec("y", "FP32", (-1,)),))
    content = {
        "requests/0/inputs/x": X,
        "requests/1/inputs/x": X[:1],
        "requests/0/expected/y": Y,
        "requests/1/expected/y": Y[:1],
    }

    found = read(content, signature=signature)

    assert (found.unit, found.rows) == ("requests", 2)
    assert [part.inputs["x"].shape for part in found.parts(100)] == [(3, 2), (1, 2)]
    assert [part.truths["expected/y"][0].shape for part in found.parts(1)] == [(3,), (1,)]


def test_json_lines_are_as_good(read):
    row = {"inputs": {"x": [1, 2.5]}, "expected": {"y": "NaN"}}

    found = read(lines({**row, "atol": 0.5}, row))

    assert (found.rows, found.unit, found.atol) == (2, "samples", 0.5)
    [part] = found.parts(5)
    np.testing.assert_array_equal(part.inputs["x"], np.array([[1, 2.5], [1, 2.5]], np.float32))
    assert np.isnan(part.truths["expected/y"]).all()


def test_json_lines_of_texts_and_targets(read):
    signature = Signature((TensorSpec("t", "BYTES", (-1,)), TensorSpec("n", "INT8", (-1,))), PLAIN.outputs)
    rows = [{"inputs": {"t": "NaN", "n": 1}, "target": "cat", "slice": {"s": 1}}] * 2

    found = read(lines(*rows), "confidence", signature)

    [part] = found.parts(5)
    assert part.inputs["t"].tolist() == ["NaN", "NaN"]
    assert part.inputs["n"].dtype == np.int8
    assert part.truths["target"].tolist() == ["cat", "cat"]


def test_json_lines_of_different_shapes_are_requests(read):
    rows = [{"inputs": {"x": [[0, 0]] * n}, "expected": {"y": [0] * n}} for n in (1, 3)]

    found = read(lines(*rows))

    assert found.unit == "requests"
    assert [part.inputs["x"].shape for part in found.parts(9)] == [(1, 2), (3, 2)]


GOOD_LINE = {"inputs": {"x": [1, 2]}, "expected": {"y": 1}}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"expected/y": Y}, "no inputs"),
        ({"inputs/x": X}, "has expected/"),
        ({"inputs/x": X, "expected/y": Y, "target": Y}, "nothing else"),
        ({"inputs/x": X, "expected/z": Y}, "no output 'z'"),
        ({"inputs/z": X, "expected/y": Y}, "no input 'z'"),
        ({"inputs/x": X[:2], "expected/y": Y}, "2 rows"),
        ({"inputs/x": X[:0], "expected/y": Y[:0]}, "no rows"),
        ({"inputs/x": X.astype("U3"), "expected/y": Y}, "save it as float32"),
        ({"inputs/x": X + 1j, "expected/y": Y}, "save numbers"),
        ({"inputs/x": X, "requests/0/inputs/x": X, "expected/y": Y}, "one of the two forms"),
        ({"inputs/x": X[:, :1], "expected/y": Y}, r"has shape \[1\], the version takes \[2\]"),
        ({"inputs/x": X[:, None], "expected/y": Y}, "rows are samples"),
        ({"inputs/x": X, "expected/y": Y.astype("U3")}, "gives FP32"),
        ({"inputs/x": X, "expected/y": Y, "atol": -1.0}, "at least 0"),
        ({"inputs/x": X, "expected/y": Y, "atol": np.nan}, "at least 0"),
        ({"inputs/x": X, "expected/y": Y, "notes": Y}, "means nothing"),
        ({"inputs/x": X, "expected/y": np.array([None] * 3)}, "no objects|save numbers"),
        ({"inputs/x": X, "expected/y": np.array([b"a"] * 3)}, "U dtype"),
        ({"inputs/x": np.float32(1), "expected/y": Y}, "first axis is the rows"),
        ({"requests/1/inputs/x": X, "requests/1/expected/y": Y}, "numbered 0, 1"),
        (b"", "no inputs"),
        (b"not json", "Line 1 is not JSON"),
        (b"[" * 100_000, "Line 1 is not JSON"),
        (b'{"inputs": 1}', "not an object of inputs"),
        (lines({"inputs": {"x": [1, 2]}, "expected": {"y": 1}, "more": 1}), "Line 1 is not a row"),
        (lines({"inputs": {"x": ["a", "b"]}, "expected": {"y": 1}}), "no FP32"),
        (lines({"inputs": {"x": [1, 2]}, "expected": {"y": 1}}, {"inputs": {"x": [1, 2]}}), "1 of 2 lines"),
        (
            lines(
                {"inputs": {"x": [1, 2]}, "expected": {"y": 1}}, {"inputs": {"x": [1]}, "expected": {"y": 1}}
            ),
            "shape",
        ),
        (b"PK\x03\x04 cut", "cannot be read as NPZ"),
    ],
)
def test_a_malformed_set_is_refused_with_a_sentence(read, content, words):
    refused(read, content, words)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"inputs/x": X}, "has a target"),
        ({"inputs/x": X, "target": Y, "expected/y": Y}, "no expected"),
        ({"inputs/x": X, "target": Y, "group": X}, "one value per row"),
        ({"inputs/x": X, "target": Y, "weight": Y.astype("U3")}, "number per row"),
        ({"inputs/x": X, "target": Y, "atol": 1.0}, "no tolerances"),
    ],
)
def test_a_malformed_confidence_set_is_refused_with_a_sentence(read, content, words):
    refused(read, content, words, "files.confidence", kind="confidence")


def test_a_whole_number_that_does_not_fit_its_datatype_is_refused(read):
    signature = Signature((TensorSpec("n", "INT8", (-1,)),), PLAIN.outputs)

    for wrong in (128, -129, 1.5, 10**30, True):
        refused(read, lines({"inputs": {"n": wrong}, "expected": {"y": 1}}), "no INT8", signature=signature)


def test_a_pickle_inside_is_never_opened(read, tmp_path):
    class Hostile:
        def __reduce__(self):
            return open, (str(tmp_path / "opened"), "w")

    array = np.empty(3, dtype=object)
    array[:] = [Hostile()] * 3
    refused(read, {"inputs/x": X, "expected/y": array}, "save numbers")
    assert not (tmp_path / "opened").exists()


def test_a_zip_bomb_is_refused_by_counting(read):
    stream = io.BytesIO()
    np.savez_compressed(stream, **{"inputs/x": np.zeros((4_000_000, 2), np.float32), "expected/y": Y})
    assert len(stream.getvalue()) < 100_000

    refused(read, stream.getvalue(), "unpacks to", limits=SetLimits(content_bytes=10_000_000))


@pytest.mark.parametrize(("shape", "words"), [((4_000, 2), "cut off"), ((2, 2), "more bytes")])
def test_a_header_that_lies_about_its_bytes_is_refused(read, shape, words):
    stream = io.BytesIO()
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": shape})
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inputs/x.npy", header.getvalue() + X.tobytes())

    refused(read, stream.getvalue(), words)


@pytest.mark.parametrize("name", ["inputs/x", "../../etc/passwd.npy\x00", "inputs/\n.npy"])
def test_a_member_with_a_strange_name_is_refused(read, name):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(name, b"\x93NUMPY")

    refused(read, stream.getvalue(), "no array with a printable name|cannot be read|means nothing")


def test_the_same_member_twice_is_refused(read):
    stream = io.BytesIO(npz(**{"inputs/x": X, "expected/y": Y}))
    with zipfile.ZipFile(stream, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("inputs/x.npy", archive.read("expected/y.npy"))

    refused(read, stream.getvalue(), "twice")


def test_limits_are_kept(read):
    content = {"inputs/x": X, "expected/y": Y}

    refused(read, content, "bytes, more than 10", limits=SetLimits(file_bytes=10))
    refused(read, content, "rows, more than 2", limits=SetLimits(rows=2))
    refused(read, content, "members, more than 1", limits=SetLimits(members=1))
    refused(read, lines({"inputs": {"x": [1, 2]}}), "use NPZ", limits=SetLimits(text_bytes=5))


@pytest.mark.parametrize(
    ("datatype", "dtype", "fits"),
    [
        ("FP32", "f8", True),
        ("FP32", "i8", True),
        ("INT8", "i8", True),
        ("INT64", "f4", False),
        ("BOOL", "i8", False),
        ("UINT8", "b1", True),
        ("BYTES", "f4", False),
    ],
)
def test_numbers_are_taken_as_a_client_library_would_send_them(read, datatype, dtype, fits):
    signature = Signature((TensorSpec("x", datatype, (-1, 2)),), PLAIN.outputs)
    content = {"inputs/x": X.astype(dtype), "expected/y": Y}

    if fits:
        assert read(content, signature=signature).rows == 3
    else:
        refused(read, content, "save it as", signature=signature)


READ_ALIKE = {
    "samples": ({"inputs/x": X, "expected/y": Y, "atol": 0.5}, "end_to_end"),
    "wider numbers": ({"inputs/x": X.astype("f8"), "expected/y": Y.astype("f8")}, "end_to_end"),
    "requests": ({"requests/0/inputs/x": X, "requests/0/expected/y": Y}, "end_to_end"),
    "a confidence set": ({"inputs/x": X, "target": Y, "group": Y, "slice/s": Y}, "confidence"),
    "lines": (lines({**GOOD_LINE, "rtol": 0.1}, GOOD_LINE), "end_to_end"),
    "lines with slices": (lines({"inputs": {"x": [1, 2]}, "target": 1, "slice": {"s": "a"}}), "confidence"),
    "lines of requests": (lines({"inputs": {"x": [[1, 2]]}, "expected": {"y": [1]}}), "end_to_end"),
}


@pytest.mark.parametrize("name", READ_ALIKE)
def test_what_is_taken_here_is_what_the_examiner_reads(tmp_path, name):
    """Two readers, one meaning: a set that may come in can be proven."""
    content, kind = READ_ALIKE[name]
    path = tmp_path / "set"
    path.write_bytes(content if isinstance(content, bytes) else npz(**content))
    unit = "requests" if "requests" in name else None
    metric = MetricRange("rmse", "y", (0, 1))
    order = Spec(path, "m", 1, {kind: path}, PLAIN, metric, scratch=tmp_path, rows=unit)

    ours, theirs = read_set(path, kind, PLAIN, unit=unit), loading.load(order, kind)

    assert (ours.rows, ours.unit) == (theirs.rows, theirs.kind)
    assert (ours.atol, ours.rtol) == (theirs.tolerance.atol, theirs.tolerance.rtol)
    assert {name for name in ours.truths if name.startswith("slice/")} == {
        f"slice/{n}" for n in theirs.slices
    }
    for part in ours.parts(1):
        for tensor, array in part.inputs.items():
            np.testing.assert_array_equal(array, theirs.inputs.row(part.start)[tensor])
