"""What is written is read by another program: pyarrow."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta, timezone

import pyarrow
import pyarrow.parquet
import pytest

from formats import parquet
from formats.parquet import Column, written

COLUMNS = (
    Column("name", parquet.TEXT),
    Column("count", parquet.WHOLE),
    Column("share", parquet.NUMBER),
    Column("at", parquet.TIME),
    Column("context", parquet.WHOLE, optional=True),
    Column("words", parquet.TEXT, optional=True),
)
NOON = datetime(2026, 11, 29, 12, 0, 0, 123456, UTC)


def row(n):
    return (
        f"Äpfel {n}",
        (-1) ** n * (2**62 + n),
        n / 7,
        NOON + timedelta(microseconds=n),
        n if n % 3 else None,
        "" if n % 2 else None,
    )


def read(data):
    return pyarrow.parquet.ParquetFile(io.BytesIO(data))


@pytest.mark.parametrize("rows", [0, 1, 7, 8, 9, 1000])
def test_every_value_comes_back(rows):
    file = read(b"".join(written(COLUMNS, map(row, range(rows)), at_once=300)))
    names = [column.name for column in COLUMNS]
    assert file.read().to_pylist() == [dict(zip(names, row(n), strict=True)) for n in range(rows)]
    assert file.metadata.num_row_groups == -(-rows // 300)
    assert file.metadata.num_rows == rows


def test_more_row_groups_than_a_short_list_has():
    assert read(b"".join(written(COLUMNS, map(row, range(40)), at_once=2))).metadata.num_row_groups == 20


def test_what_columns_hold_is_told():
    schema = read(b"".join(written(COLUMNS, [row(1)]))).schema_arrow
    assert [(field.type, field.nullable) for field in schema] == [
        (pyarrow.string(), False),
        (pyarrow.int64(), False),
        (pyarrow.float64(), False),
        (pyarrow.timestamp("us", tz="UTC"), False),
        (pyarrow.int64(), True),
        (pyarrow.string(), True),
    ]


def test_a_time_of_another_zone_is_the_same_moment():
    elsewhere = NOON.astimezone(timezone(timedelta(hours=5, minutes=30)))
    file = read(b"".join(written([Column("at", parquet.TIME)], [(elsewhere,)])))
    assert file.read().to_pylist() == [{"at": NOON}]


def test_so_many_rows_are_held_as_one_group_has():
    asked = []

    def rows():
        for n in range(10):
            asked.append(n)
            yield row(n)

    pieces = written(COLUMNS, rows(), at_once=4)
    assert next(pieces) == b"PAR1"
    assert asked == []
    next(pieces)
    assert len(asked) == 4


def test_a_row_of_another_length_is_no_row():
    with pytest.raises(ValueError, match=r"shorter|longer"):
        list(written(COLUMNS, [row(1)[:3]]))
