"""What a set's file may do to its reader, and what the reader makes of it."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile

import numpy as np
import pytest

from formats.sets import BadSet, Listed, Place, Ragged, SetLimits, Stacked, archive, columns, open_set
from formats.types import Signature, TensorSpec
from tests.contracts.set_files import PLAIN, SPARE, WHOLE, X, Y, e2e, lines, npz, packed, requests


@pytest.fixture
def opened(tmp_path):
    def open_(content, which="end_to_end", signature=PLAIN, **named):
        path = tmp_path / "set"
        path.write_bytes(content)
        return open_set(path, which, signature, **named)

    return open_


@pytest.fixture
def scratch(tmp_path):
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


def test_stored_arrays_are_maps_of_the_file(opened, scratch):
    found = opened(e2e()).load(scratch)

    assert isinstance(found.inputs.arrays["x"], np.memmap)
    np.testing.assert_array_equal(found.inputs.rows(1, 3)["x"], X[1:])
    assert found.inputs.row(1)["x"].shape == (1, 2)


@pytest.mark.parametrize("in_memory", [0, 1 << 20])
@pytest.mark.parametrize("order", ["C", "F"])
def test_packed_arrays_come_out_the_same(opened, scratch, monkeypatch, in_memory, order):
    monkeypatch.setattr(archive, "IN_MEMORY", in_memory)

    found = opened(packed(**{"inputs/x": np.array(X, order=order), "expected/y": Y})).load(scratch)

    np.testing.assert_array_equal(found.inputs.arrays["x"], X)
    assert bool(list(scratch.iterdir())) == (in_memory == 0)


def test_truths_have_the_machines_byte_order(opened, scratch):
    found = opened(npz(**{"inputs/x": X, "target": Y.astype(">i8")}), "confidence").load(scratch)

    assert found.target.dtype.isnative
    assert found.target.tolist() == [0, 1, 2]


def test_each_request_may_have_its_own_truth(opened, scratch):
    rows = [
        {"inputs/x": X[:n], "target": np.zeros((n, 4)), "weight": n, "group": "ab"[n % 2]} for n in (1, 2)
    ]

    found = opened(requests(*rows), "confidence").load(scratch)

    assert isinstance(found.inputs, Listed)
    assert isinstance(found.target, Ragged)
    assert [target.shape for target in found.target] == [(1, 4), (2, 4)]
    assert (found.weight.tolist(), found.group.tolist()) == ([1, 2], ["b", "a"])


def test_truths_of_one_shape_are_one_array(opened, scratch):
    found = opened(requests(*({"inputs/x": X, "target": np.arange(3)} for _ in range(12))), "confidence")

    assert found.target().shape == (3,)
    assert found.load(scratch).target.shape == (12, 3)


def test_boxes_may_differ_where_images_do_not(opened, scratch):
    content = {
        "inputs/x": X[:2],
        "requests/0/target": np.zeros((2, 4)),
        "requests/1/target": np.zeros((0, 4)),
    }

    opening = opened(npz(**content), "confidence")

    assert opening.target().shape == (-1, 4)
    found = opening.load(scratch)
    assert isinstance(found.inputs, Stacked)
    assert [len(boxes) for boxes in found.target] == [2, 0]


def test_an_optional_input_may_be_missing_in_a_row(opened, scratch):
    rows = [{"inputs/x": X, "inputs/n": np.int8([1, 2, 3])}, {"inputs/x": X}]

    found = opened(requests(*({**row, "target": 1} for row in rows)), "confidence", SPARE).load(scratch)

    assert [set(found.inputs.row(row)) for row in (0, 1)] == [{"x", "n"}, {"x"}]


# values


def gaps(opened, content, signature=PLAIN, **named):
    return opened(content, signature=signature, **named).gaps()["x"]


@pytest.mark.parametrize("order", ["C", "F"])
def test_gaps_are_told_with_their_row_and_feature(opened, order):
    made = np.array(np.tile(X, (200_000, 1)), order=order)
    made[412_345, 1] = np.nan
    made[500_000, 0] = -np.inf

    seen = gaps(opened, e2e(np.zeros(len(made)), made))

    assert (seen.missing, seen.infinite) == (Place(412_345, 1), Place(500_000, 0))
    assert (
        seen.missing.words(TensorSpec("x", "FP32", (-1, 2), ("age", "income")))
        == "row 412345, feature income"
    )


def test_gaps_of_requests_are_told_with_theirs(opened):
    holed = X.copy()
    holed[2, 0] = np.nan

    seen = gaps(opened, requests({"inputs/x": X, "expected/y": Y}, {"inputs/x": holed, "expected/y": Y}))

    assert seen.missing == Place(1, 0)
    assert seen.infinite is None


def test_numbers_too_large_for_the_input_are_refused(opened):
    with pytest.raises(BadSet, match=r"inputs/x holds 1e\+39, which is no FP32"):
        gaps(opened, e2e(x=np.array([[1, 2], [3, 1e39]]), y=Y[:2]))


@pytest.mark.parametrize("word", ["null", "NaN", '"NaN"'])
def test_words_for_nothing_are_nan_in_lines(opened, word):
    row = f'{{"inputs": {{"x": [1, {word}]}}, "expected": {{"y": {word}}}}}'

    assert gaps(opened, lines(row)).missing == Place(0, 1)


def test_a_word_is_no_gap_where_texts_are_meant(opened, scratch):
    signature = Signature((TensorSpec("t", "BYTES", (-1,)),), PLAIN.outputs)
    found = opened(lines({"inputs": {"t": "NaN"}, "target": "NaN"}), "confidence", signature).load(scratch)

    assert found.inputs.arrays["t"].tolist() == ["NaN"]
    assert found.target.tolist() == ["NaN"]


@pytest.mark.parametrize(
    "numbers", [[2**53 + 1, 2**53], [2**63, 1], [2**64 - 1, 0], [-(2**63), 2**53 + 1], [1.0, 2**53 + 1]]
)
def test_whole_numbers_keep_all_their_digits(opened, scratch, numbers):
    datatype = "INT64" if max(numbers) < 2**63 else "UINT64"
    signature = Signature((TensorSpec("n", datatype, (-1, 2)),), PLAIN.outputs)
    whole = [int(number) for number in numbers]

    found = opened(lines({"inputs": {"n": numbers}, "target": whole}), "confidence", signature).load(scratch)

    assert found.inputs.arrays["n"].tolist() == [whole]
    assert found.target.tolist() == [whole]


@pytest.mark.parametrize("block", [1, 1024])
def test_labels_beyond_a_floats_digits_stay_apart_over_lines(opened, scratch, monkeypatch, block):
    monkeypatch.setattr(columns, "BLOCK", block)
    rows = [{"inputs": {"n": 1}, "target": target} for target in (2**63 + 1, 2**53 + 1, 3)]

    found = opened(lines(*rows), "confidence", WHOLE).load(scratch)

    assert found.target.tolist() == [2**63 + 1, 2**53 + 1, 3]


def test_lines_come_out_alike_however_many_there_are(opened, scratch):
    rows = [{"inputs": {"x": [row, row]}, "expected": {"y": row}} for row in range(2500)]
    rows[2000]["inputs"]["x"][1] = "NaN"

    found = opened(lines(*rows)).load(scratch)

    assert found.inputs.arrays["x"][:, 0].tolist() == list(range(2500))
    assert np.flatnonzero(np.isnan(found.inputs.arrays["x"][:, 1])).tolist() == [2000]
    assert found.expected.arrays["y"].tolist() == list(range(2500))
    rows[2000]["inputs"]["x"][1] = "none"
    with pytest.raises(BadSet, match="inputs/x of line 2001 is no FP32"):
        opened(lines(*rows))


def test_labels_that_no_type_holds_are_refused(opened):
    rows = [{"inputs": {"n": 1}, "target": target} for target in (2**63 + 1, -1)]

    with pytest.raises(BadSet, match="no type of 64 bits"):
        opened(lines(*rows), "confidence", WHOLE)


# hostile files


def npy(header: str, data: bytes = b"", version: int = 1) -> bytes:
    text = header.encode()
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H", len(text)) + text + data


def zipped(members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", compression) as made:
        for name, data in members.items():
            made.writestr(name, data)
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
TRUTH = npy(HEAD % ("<f4", "(1,)"), b"\0" * 4)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize(
    ("member", "said"),
    [
        (objects(), "inputs/x as object"),
        (pickle.dumps(Evil()), "cannot be read"),
        (b"", "cannot be read"),
        (GOOD[:20], "cannot be read"),
        (npy(HEAD % ("<f4", "(4611686018427387904, 4)")), "unpacks to|too large"),
        (npy(HEAD % ("<f4", "(0, 4611686018427387904)")), "too large"),
        (npy(HEAD % ("<U0", "(1, 4611686018427387904)")), "no length"),
        (npy(HEAD % ("<f4", "(-1, 2)"), b"\0" * 8), "no array has"),
        (npy(HEAD % ("<c8", "(1,)"), b"\0" * 8), "complex64"),
        (npy(HEAD % ("<M8[s]", "(1,)"), b"\0" * 8), "datetime"),
        (npy("{'descr': __import__('os').system('true')}"), "cannot be read"),
        (npy("(" * 3000), "cannot be read"),
        (GOOD.replace(b"NUMPY\x01", b"NUMPY\x03"), "do not need"),
        (b"\x93NUMPY\x02\0" + struct.pack("<I", 2_000_000) + b" " * 2_000_000, "a header of 2,000,000 bytes"),
    ],
)
def test_an_array_that_is_none_is_refused_with_a_sentence(opened, capfd, member, said, compression):
    content = zipped({"inputs/x.npy": member, "expected/y.npy": TRUTH}, compression)

    with pytest.raises(BadSet, match=said):
        opened(content).gaps()

    assert "pickle ran" not in capfd.readouterr().out


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize(("data", "said"), [(b"\0" * 7, "cut off"), (b"\0" * 9, "more bytes")])
def test_a_header_that_lies_about_its_bytes_is_refused(opened, data, said, compression):
    content = zipped(
        {"inputs/x.npy": npy(HEAD % ("<f4", "(1, 2)"), data), "expected/y.npy": TRUTH}, compression
    )

    with pytest.raises(BadSet, match=said):
        opened(content)


@pytest.mark.parametrize("place", [20, 24])
def test_a_directory_that_lies_about_a_stored_array_is_refused_before_anybody_maps_it(opened, place):
    """Reading would stop where the header says, mapping would go by the directory's sizes."""
    content = bytearray(zipped({"inputs/x.npy": GOOD, "expected/y.npy": TRUTH}))
    (content[content.rindex(b"PK\x01\x02") + place],) = b"\xff"

    with pytest.raises(BadSet, match=r"expected/y (with more bytes|cut off)"):
        opened(bytes(content))


@pytest.mark.parametrize("name", ["inputs/x", "../../etc/passwd.npy\x00", "inputs/\n.npy", "readme.txt"])
def test_a_member_with_a_strange_name_is_refused(opened, name):
    with pytest.raises(BadSet, match=r"no array with a printable name|cannot be read|has no inputs"):
        opened(zipped({name: GOOD}))


@pytest.mark.parametrize(
    "raw",
    [b"PK" + b"\0" * 5000, zipped({"a.npy": GOOD}).replace(b"\x14\0", b"\x99\0")],
    ids=["zeros", "version"],
)
def test_a_zip_that_is_none_is_refused(opened, raw):
    with pytest.raises(BadSet, match="cannot be read as NPZ"):
        opened(raw)


def test_a_compression_that_numpy_does_not_write_is_refused(opened):
    with pytest.raises(BadSet, match="uncommon way"):
        opened(zipped({"inputs/x.npy": GOOD}, zipfile.ZIP_BZIP2))


def test_a_bomb_is_refused_by_counting(opened):
    content = packed(**{"inputs/x": np.zeros((4_000_000, 2), np.float32), "expected/y": Y})
    assert len(content) < 100_000

    with pytest.raises(BadSet, match="unpacks to"):
        opened(content, limits=SetLimits(content_bytes=10_000_000))


def test_a_member_that_unpacks_to_more_than_its_header_says_is_not_unpacked(opened):
    """The header says one row; behind it are thirty million bytes."""
    member = npy(HEAD % ("<f4", "(1, 2)"), b"\0" * 30_000_000)

    with pytest.raises(BadSet, match="more bytes"):
        opened(zipped({"inputs/x.npy": member, "expected/y.npy": TRUTH}, zipfile.ZIP_DEFLATED))


def test_no_more_is_unpacked_than_the_directory_says(opened, scratch, monkeypatch):
    """The directory agrees with the header on three million bytes; behind them are thirty."""
    monkeypatch.setattr(archive, "IN_MEMORY", 0)
    wide = Signature((TensorSpec("x", "FP32", (-1, 750_000)),), PLAIN.outputs)
    said = npy(HEAD % ("<f4", "(1, 750000)"), b"\0" * 3_000_000)
    content = bytearray(
        zipped({"expected/y.npy": TRUTH, "inputs/x.npy": said + b"\0" * 27_000_000}, zipfile.ZIP_DEFLATED)
    )
    place = content.rindex(b"PK\x01\x02") + 24
    content[place : place + 4] = struct.pack("<I", len(said))

    opening = opened(bytes(content), signature=wide)

    with pytest.raises(BadSet, match="CRC"):
        opening.gaps()
    with pytest.raises(BadSet, match="CRC"):
        opening.load(scratch)
    assert sum(path.stat().st_size for path in scratch.iterdir()) <= len(said) + len(TRUTH)


def test_limits_are_kept(opened):
    for limits, said in (
        (SetLimits(file_bytes=10), "bytes, more than 10"),
        (SetLimits(rows=2), "rows, more than 2"),
        (SetLimits(members=1), "arrays, more than 1"),
    ):
        with pytest.raises(BadSet, match=said):
            opened(e2e(), limits=limits)
    with pytest.raises(BadSet, match="save it as NPZ"):
        opened(lines({"inputs": {"x": [1, 2]}}), limits=SetLimits(text_bytes=5))


def test_trouble_of_the_machine_is_no_bad_set(opened, scratch, monkeypatch):
    opening = opened(packed(**{"inputs/x": X, "expected/y": Y}))
    monkeypatch.setattr(archive, "IN_MEMORY", 0)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archive.Archive, "_unpacked", full)

    with pytest.raises(OSError, match="No space"):
        opening.load(scratch)
