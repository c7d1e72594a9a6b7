from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile

import numpy as np
import pytest

from formats.types import Signature, TensorSpec
from releases.examiner import archive
from releases.examiner.findings import BadSet
from releases.examiner.loading import load
from releases.examiner.sets import Listed, Stacked
from tests.unit.examiner.conftest import PLAIN

MIXED = Signature(
    (
        TensorSpec("x", "FP32", (-1, 2)),
        TensorSpec("word", "BYTES", (-1,)),
        TensorSpec("n", "INT8", (-1,), (), True),
    ),
    (TensorSpec("label", "INT64", (-1,)),),
)
STATE = Signature((TensorSpec("s", "FP32", (-1, 3)),), (TensorSpec("y", "FP32", (-1,)),))


def loaded(bench, **changes):
    return load(bench.spec(**changes), "confidence")


def saved(bench, **arrays):
    bench.sets["confidence"] = bench.folder / "confidence.npz"
    np.savez(bench.sets["confidence"], allow_pickle=False, **arrays)


def test_stored_arrays_are_maps_of_the_file(bench, rows):
    bench.confidence({"x": rows}, np.zeros(40))

    found = loaded(bench)

    assert isinstance(found.inputs.arrays["x"], np.memmap)
    assert (found.inputs.arrays["x"] == rows).all()
    assert (found.kind, found.rows) == ("samples", 40)


@pytest.mark.parametrize("in_memory", [0, 1 << 20])
def test_compressed_arrays_come_out_the_same(bench, rows, monkeypatch, in_memory):
    monkeypatch.setattr(archive, "IN_MEMORY", in_memory)
    bench.sets["confidence"] = bench.folder / "c.npz"
    np.savez_compressed(bench.sets["confidence"], **{"inputs/x": rows, "target": np.asfortranarray(rows)})

    found = loaded(bench)

    assert (found.inputs.arrays["x"] == rows).all()
    assert (found.target == rows).all()
    assert bool(list(bench.scratch.iterdir())) == (in_memory == 0)


def test_requests_whose_shapes_differ(bench):
    arrays = {f"requests/{i}/inputs/s": np.full((i + 1, 3), i, np.float32) for i in range(11)}
    saved(bench, **arrays, target=np.arange(11))

    found = loaded(bench, signature=STATE)

    assert (found.kind, found.rows) == ("requests", 11)
    assert [found.inputs.row(i)["s"].shape[0] for i in range(11)] == list(range(1, 12))


def test_the_arrays_say_what_a_row_is(bench):
    saved(bench, **{"inputs/s": np.zeros((7, 3), np.float32)})
    assert loaded(bench, signature=STATE).kind == "samples"

    saved(bench, **{"inputs/s": np.zeros((7, 5, 3), np.float32)})
    found = loaded(bench, signature=STATE)
    assert (found.kind, found.inputs.row(2)["s"].shape) == ("requests", (5, 3))


def test_json_lines_of_samples(bench):
    bench.lines(
        "confidence",
        '{"inputs": {"x": [1, 2.5], "word": "ä"}, "target": 1, "slice": {"part": "a"}, "atol": 0.1}\n\n'
        '{"inputs": {"x": [3, 4], "word": "b", "n": null}, "target": 0, "slice": {"part": "b"}}\n',
    )

    found = loaded(bench, signature=MIXED)

    assert isinstance(found.inputs, Stacked)
    assert (found.kind, found.rows, found.tolerance.atol) == ("samples", 2, 0.1)
    assert found.inputs.row(0)["x"].tolist() == [[1, 2.5]]
    assert found.inputs.row(1)["word"].tolist() == ["b"]
    assert found.slices["part"].tolist() == ["a", "b"]


def test_json_lines_of_requests(bench):
    bench.lines(
        "end_to_end",
        '{"inputs": {"s": [[1, 2, 3]]}, "expected": {"y": [1.5]}}\n'
        '{"inputs": {"s": [[1, 2, 3], [4, 5, 6]]}, "expected": {"y": [1.5, "NaN"]}}\n',
    )

    found = load(bench.spec(signature=STATE), "end_to_end")

    assert isinstance(found.inputs, Listed)
    assert found.inputs.row(1)["s"].shape == (2, 3)
    assert np.isnan(found.expected.row(1)["y"][1])


def npy(header: str, data: bytes = b"", version: int = 1) -> bytes:
    text = header.encode()
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H", len(text)) + text + data


def zipped(members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", compression) as archive_:
        for name, data in members.items():
            archive_.writestr(name, data)
    return target.getvalue()


class Evil:
    def __reduce__(self):
        return (print, ("pickle ran",))


def objects() -> bytes:
    target = io.BytesIO()
    np.save(target, np.array([Evil()], dtype=object), allow_pickle=True)
    return target.getvalue()


HEAD = "{'descr': '%s', 'fortran_order': False, 'shape': %s, }"
GOOD = npy(HEAD % ("<f4", "(1, 2)"), b"\0" * 8)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"inputs/x.npy": objects()}, "holds object"),
        ({"inputs/x.npy": pickle.dumps(Evil())}, "unreadable"),
        ({"inputs/x.npy": b""}, "unreadable"),
        ({"inputs/x.npy": GOOD[:20]}, "unreadable"),
        ({"inputs/x.npy": GOOD[:-1]}, "does not fit"),
        ({"inputs/x.npy": npy(HEAD % ("<f4", "(4611686018427387904, 4)"))}, "does not fit"),
        ({"inputs/x.npy": npy(HEAD % ("<f4", "(-1, 2)"), b"\0" * 8)}, "does not fit"),
        ({"inputs/x.npy": npy(HEAD % ("<c8", "(1,)"), b"\0" * 8)}, "complex64"),
        ({"inputs/x.npy": npy(HEAD % ("<M8[s]", "(1,)"), b"\0" * 8)}, "datetime"),
        ({"inputs/x.npy": npy("{'descr': __import__('os').system('true')}")}, "unreadable"),
        ({"inputs/x.npy": npy("(" * 3000)}, "unreadable"),
        ({"inputs/x.npy": GOOD.replace(b"NUMPY\x01", b"NUMPY\x03")}, "format 3.0"),
        ({"readme.txt": b"hello"}, "no array"),
        ({"inputs/x.npy": GOOD, "labels.npy": GOOD}, "'labels', which means nothing"),
        ({"inputs/x.npy": GOOD, "requests/0/inputs/x.npy": GOOD}, "both inputs/ and requests/"),
        ({"requests/1/inputs/x.npy": GOOD}, "without a gap"),
        ({"target.npy": GOOD}, "no inputs/x"),
        ({"inputs/x.npy": npy(HEAD % ("<f4", "()"), b"\0" * 4)}, "one per row"),
        ({"inputs/x.npy": npy(HEAD % ("<f4", "(0, 2)"))}, "no rows"),
        ({"inputs/x.npy": GOOD, "atol.npy": GOOD}, "atol must be one number"),
        (
            {"inputs/x.npy": GOOD, "atol.npy": npy(HEAD % ("<f4", "()"), struct.pack("<f", -1))},
            "zero or greater",
        ),
        ({"inputs/x.npy": GOOD, "rtol.npy": npy(HEAD % ("<f4", "()"), struct.pack("<f", np.nan))}, "finite"),
    ],
)
def test_an_npz_that_is_no_set_is_refused_with_a_sentence(bench, capfd, members, said, compression):
    bench.sets["confidence"] = bench.folder / "c.npz"
    bench.sets["confidence"].write_bytes(zipped(members, compression))

    with pytest.raises(BadSet, match=said):
        loaded(bench)

    assert "pickle ran" not in capfd.readouterr().out


@pytest.mark.parametrize(
    "raw",
    [b"PK\x03\x04nothing", b"PK" + b"\0" * 5000, zipped({"a.npy": GOOD}).replace(b"\x14\0", b"\x99\0")],
    ids=["words", "zeros", "version"],
)
def test_a_zip_that_is_none_is_refused(bench, raw):
    bench.sets["confidence"] = bench.folder / "c.npz"
    bench.sets["confidence"].write_bytes(raw)

    with pytest.raises(BadSet, match="not a readable NPZ"):
        loaded(bench)


def test_a_compression_that_numpy_does_not_write_is_refused(bench):
    bench.sets["confidence"] = bench.folder / "c.npz"
    bench.sets["confidence"].write_bytes(zipped({"inputs/x.npy": GOOD}, zipfile.ZIP_BZIP2))

    with pytest.raises(BadSet, match="numpy does not write"):
        loaded(bench)


def test_a_member_that_inflates_beyond_what_it_says_is_not_read_on(bench, monkeypatch):
    """The directory says 100 bytes; behind it are a million."""
    monkeypatch.setattr(archive, "IN_MEMORY", 0)
    raw = zipped({"inputs/x.npy": b"\0" * 1_000_000}, zipfile.ZIP_DEFLATED)
    place = raw.rindex(b"PK\x01\x02") + 24
    bench.sets["confidence"] = bench.folder / "c.npz"
    bench.sets["confidence"].write_bytes(raw[:place] + struct.pack("<I", 100) + raw[place + 4 :])

    with pytest.raises(BadSet):
        loaded(bench)

    assert sum(path.stat().st_size for path in bench.scratch.iterdir()) <= 200


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"inputs/x": np.zeros((4, 2)), "target": np.zeros(3)}, "target has 3 rows, the set has 4"),
        ({"inputs/x": np.zeros((4, 2)), "slice/a": np.zeros(5)}, "slice/a has 5 rows"),
        ({"inputs/x": np.zeros((4, 2)), "weight": np.array([1, 1, 1, -1])}, "not negative"),
        ({"inputs/x": np.zeros((4, 2)), "weight": np.array([1, 1, 1, np.inf])}, "finite numbers"),
        ({"inputs/x": np.zeros((4, 2)), "weight": np.zeros(4)}, "all weights are zero"),
        ({"inputs/x": np.zeros((4, 2)), "group": np.zeros((4, 2))}, "one value per row"),
        ({"inputs/x": np.zeros((4, 2)), "expected/y": np.zeros(4)}, "no output 'y'"),
        ({"inputs/x": np.zeros((4, 3))}, "neither rows of samples nor of whole requests"),
        ({"inputs/x": np.zeros(4)}, "neither rows"),
        ({"inputs/z": np.zeros((4, 2))}, "no input 'z'"),
    ],
)
def test_arrays_that_do_not_belong_together_are_refused(bench, arrays, said):
    saved(bench, **arrays)

    with pytest.raises(BadSet, match=said):
        loaded(bench)


def test_inputs_that_disagree_on_what_a_row_is(bench):
    saved(bench, **{"inputs/x": np.zeros((4, 2)), "inputs/word": np.full((4, 3), "a")})

    with pytest.raises(BadSet, match="disagree"):
        loaded(bench, signature=MIXED)


def test_the_manifest_may_not_say_otherwise(bench, rows):
    bench.confidence({"x": rows}, np.zeros(40))

    with pytest.raises(BadSet, match="'rows: requests', but the arrays hold samples"):
        loaded(bench, rows="requests")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("nonsense", "line 1 is not JSON"),
        ("[" * 100_000, "line 1 is not JSON"),
        ("[]", "line 1 has no inputs"),
        ('{"inputs": [1]}', "line 1 has no inputs"),
        ('{"inputs": {}}', "no inputs/x"),
        ('{"inputs": {"x": [1, 2]}, "label": 1}', "'label', which means nothing"),
        ('{"inputs": {"x": [1, 2], "y": 1}}', "must name some of"),
        ('{"inputs": {"x": ["a", 2]}}', "x is no FP32"),
        ('{"inputs": {"x": [[1], [2, 3]]}}', "x is no FP32"),
        ('{"inputs": {"x": [1, 2]}, "target": [[1], [2, 3]]}', "target differs"),
        ('{"inputs": {"x": [1, 2]}, "target": {"a": 1}}', "target must be"),
        ('{"inputs": {"x": [1, 2]}, "atol": true}', "atol must be"),
        ('{"inputs": {"x": [1, 2]}, "expected": {"label": 1.5}}', "label is no INT64"),
        ('{"inputs": {"x": [1, 2]}, "expected": {"label": 1e30}}', "label is no INT64"),
        ('{"inputs": {"x": [1, 2]}, "expected": {"label": "1"}}', "label is no INT64"),
        ("", "no rows"),
    ],
)
def test_lines_that_are_no_set_are_refused_with_a_sentence(bench, line, said):
    bench.lines("confidence", line)

    with pytest.raises(BadSet, match=said):
        loaded(bench)


def test_rows_that_mix_texts_and_numbers_are_refused(bench):
    rows = [{"inputs": {"x": [1, 2]}, "target": target} for target in (1, "1")]
    bench.lines("confidence", "\n".join(map(json.dumps, rows)))

    with pytest.raises(BadSet, match="numbers in all rows, or texts"):
        loaded(bench)


def test_there_must_be_a_set(bench):
    with pytest.raises(BadSet, match="no confidence set"):
        load(bench.spec(signature=PLAIN), "confidence")
