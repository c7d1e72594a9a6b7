"""Columns of many rows in one file: what was written is read back, and what is no table is refused."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest

from formats.tables import BadTable, Table, Writer, cut

ROWS = 5
NUMBERS = {
    "bool": np.array([1, 0, 1, 1, 0], bool),
    "int64": np.arange(ROWS) - 2,
    "uint8": np.arange(ROWS, dtype=np.uint8),
    "fp16": np.linspace(0, 1, ROWS, dtype=np.float16),
    "fp32 of a matrix": np.arange(ROWS * 6, dtype=np.float32).reshape(ROWS, 2, 3),
    "big-endian": np.arange(ROWS, dtype=">f8"),
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "rows.table"


def written(path, fill, most=1 << 20):
    with Writer(path, ROWS, most=most) as table:
        fill(table)
    return Table(path)


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_of_one_shape_come_back(path, name):
    array = NUMBERS[name]
    table = written(path, lambda t: t.even(name, [array[:2], array[2:]]))
    column = table.columns[name]
    assert (column.values(slice(None)) == array).all()
    assert (column.values(np.array([4, 0])) == array[[4, 0]]).all()
    assert column.beginning(3, 4) == array[3].reshape(-1)[:4].tolist()
    assert table.rows == ROWS


def test_texts_come_back_and_are_compared_by_a_hash(path):
    texts = np.array(["red", "", "gr\u00fcn", "red", "x" * 5000])
    column = written(path, lambda t: t.even("colour", [texts])).columns["colour"]
    assert [column.beginning(row, 9) for row in range(4)] == [["red"], [""], ["gr\u00fcn"], ["red"]]
    assert len(column.beginning(4, 9)[0]) == 2000
    hashes = column.hashes(slice(None))
    assert hashes[0] == hashes[3]
    assert len(set(hashes.tolist())) == 4


def test_two_texts_are_not_one_text_that_reads_the_same(path):
    pairs = np.array([["ab", "c"], ["a", "bc"], ["abc", ""], ["", "abc"], ["ab", "c"]])
    hashes = written(path, lambda t: t.even("pairs", [pairs])).columns["pairs"].hashes(slice(None))
    assert len(set(hashes.tolist())) == 4


@pytest.mark.parametrize("kind", [np.float32, np.str_])
def test_rows_of_different_shapes_come_back(path, kind):
    rows = [np.arange(n * 2).reshape(n, 2).astype(kind) for n in (3, 0, 1, 2, 7)]
    column = written(path, lambda t: t.uneven("boxes", rows)).columns["boxes"]
    for index, row in enumerate(rows):
        assert column.beginning(index, 100) == row.reshape(-1).tolist()
        assert column.size(index) == row.size
        if kind is np.float32:
            assert (column.row(index) == row).all()
            assert column.row(index).shape == row.shape


def test_rows_of_different_rank_are_refused(path):
    with pytest.raises(BadTable, match="differ in rank"):
        written(path, lambda t: t.uneven("odd", [np.zeros(2), np.zeros((2, 2))]))


def test_a_row_that_was_cut_says_how_large_it_was(path):
    images = np.arange(ROWS * 100).reshape(ROWS, 10, 10)
    column = written(path, lambda t: t.even("image", [cut(images, 64)], whole=100)).columns["image"]
    assert column.beginning(1, 64) == list(range(100, 164))
    assert column.size(1) == 100


def test_what_grows_too_large_leaves_no_file(path):
    with pytest.raises(BadTable, match=r"more than 1,000 bytes"):
        written(path, lambda t: t.even("large", [np.zeros((ROWS, 1000))]), most=1000)
    assert list(path.parent.iterdir()) == []


def test_small_facts_go_with_it(path):
    assert written(path, lambda t: t.tell({"metric": "accuracy", "graded": False})).about == {
        "metric": "accuracy",
        "graded": False,
    }


def rewritten(path, change):
    """The file with its head changed, everything else as it was."""
    data = path.read_bytes()
    at, length, magic = struct.unpack("<QQ8s", data[-24:])
    head = json.loads(data[at : at + length])
    change(head)
    new = json.dumps(head).encode()
    path.write_bytes(data[:at] + new + struct.pack("<QQ8s", at, len(new), magic))


@pytest.mark.parametrize(
    "change",
    [
        lambda head: head["columns"][0]["parts"]["values"].update(at=1 << 30),
        lambda head: head["columns"][0]["parts"]["values"].update(items=1 << 30),
        lambda head: head["columns"][0]["parts"]["values"].update(at=-8),
        lambda head: head["columns"][0].update(datatype="OBJECT"),
        lambda head: head["columns"][0].update(datatype="BYTES"),
        lambda head: head["columns"][0].update(shape=[2]),
        lambda head: head["columns"][0].update(parts={}),
        lambda head: head.update(rows=6),
    ],
)
def test_a_head_that_lies_is_refused(path, change):
    written(path, lambda t: t.even("x", [np.arange(ROWS)]))
    rewritten(path, change)
    with pytest.raises(BadTable):
        Table(path)


def test_a_file_that_was_cut_short_is_refused(path):
    written(path, lambda t: t.even("x", [np.arange(ROWS)]))
    whole = path.read_bytes()
    for size in (0, 5, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(BadTable):
            Table(path)


def test_ends_that_lie_are_refused_when_the_row_is_read(path):
    written(path, lambda t: t.uneven("x", [np.zeros(n) for n in (1, 2, 3, 4, 5)]))
    data = path.read_bytes()
    for lie in (0, 1 << 60):
        place = 15 * 8 + 8  # the second of the ends, which follow the fifteen numbers
        path.write_bytes(data[:place] + lie.to_bytes(8, "little") + data[place + 8 :])
        with pytest.raises(BadTable):
            Table(path).columns["x"].row(1)
