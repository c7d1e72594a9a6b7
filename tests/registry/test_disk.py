"""What full and read-only disks do to us, seen on real ones."""

from __future__ import annotations

import errno
import sqlite3
from collections import deque

import psycopg2
import pytest
from django.db import OperationalError

from registry import disk, witness
from registry.storage.errors import StoreFull
from registry.storage.local import LocalStore
from tests.disks import MIB, small_disk

HEAD = "a" * 64


@pytest.fixture
def small(tmp_path):
    with small_disk(tmp_path / "small") as made:
        yield made


@pytest.fixture
def database(small):
    """A database as the product opens it, with one row."""
    connection = sqlite3.connect(small.path / "db.sqlite3", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE t (text)")
    connection.execute("INSERT INTO t VALUES ('kept')")
    yield connection
    connection.close()


def insert(connection, size):
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("INSERT INTO t VALUES (?)", ["x" * size])
    connection.execute("COMMIT")


def test_a_database_on_a_full_disk_is_told_of_and_goes_on_when_there_is_room(small, database):
    small.fill()

    with pytest.raises(sqlite3.Error) as caught:
        insert(database, MIB)
    refusal = disk.told(caught.value)

    assert isinstance(refusal, disk.NoRoom)
    assert str(refusal).startswith("The database has no room left on its disk: nothing was changed.")
    assert database.execute("SELECT count(*) FROM t").fetchone() == (1,)
    small.make_room()
    insert(database, MIB)
    assert database.execute("SELECT count(*) FROM t").fetchone() == (2,)


def test_a_database_on_a_read_only_disk_is_told_of(small, database):
    database.close()
    with small.read_only():
        other = sqlite3.connect(small.path / "db.sqlite3", isolation_level=None)
        with pytest.raises(sqlite3.Error) as caught:
            other.execute("BEGIN IMMEDIATE")
        other.close()

    assert disk.told(caught.value).code in ("read_only", "database_away")


def test_a_store_on_a_full_disk_keeps_nothing_of_what_it_refuses(small):
    store = LocalStore(small.path / "artifacts")
    small.fill(but=64 << 10)
    large = small.path.parent / "large"
    large.write_bytes(bytes(MIB))

    with large.open("rb") as stream, pytest.raises(StoreFull, match="no room left"):
        store.put(stream)

    assert [path for path in (small.path / "artifacts").rglob("*") if path.is_file()] == []
    small.make_room()
    with large.open("rb") as stream:
        assert store.exists(store.put(stream).digest)


def test_a_store_on_a_read_only_disk_says_so(small, tmp_path):
    (tmp_path / "one").write_bytes(b"1")
    with (
        small.read_only(),
        (tmp_path / "one").open("rb") as stream,
        pytest.raises(OSError, match="Read-only") as caught,
    ):
        LocalStore(small.path / "artifacts").put(stream)

    assert isinstance(disk.told(caught.value), disk.ReadOnly)


def test_a_witness_on_a_full_disk_has_whole_lines_before_and_after(small):
    path = small.path / "heads.log"
    for number in range(1, 11):
        witness.note(path, number, HEAD)
    small.fill()
    # up to the page's end there is room, and not for a whole line
    fitting = 4096 // len(f"1 {HEAD}\n") + 1
    with pytest.raises(OSError, match="No space"):
        deque(witness.note(path, number, HEAD) for number in range(11, fitting + 1))
    told = witness.read(path)
    small.make_room()
    witness.note(path, 100, HEAD)
    after = witness.read(path)

    assert 50 < told.last < fitting
    assert (told.faults, after.faults, after.last) == ((), (), 100)
    assert len(after.heads) == told.last + 1 == path.read_text().count("\n")


def test_a_line_that_a_kill_has_cut_does_not_spoil_the_next_one(tmp_path):
    path = tmp_path / "heads.log"
    witness.note(path, 1, HEAD)
    with path.open("a") as file:
        file.write("2 aaaa")
    witness.note(path, 3, HEAD)

    assert witness.read(path) == witness.Witness({1: HEAD, 3: HEAD})


def test_a_place_says_how_it_stands_before_and_when_it_is_full(small):
    well = disk.place("the store", small.path / "not" / "there yet")
    small.fill(but=5 * MIB)
    low = disk.place("the store", small.path)
    small.fill(but=MIB)
    full = disk.place("the store", small.path)
    with small.read_only():
        closed = disk.place("the store", small.path)

    assert (well.refusal, well.sentence(6 * MIB)) == (None, "")
    assert (low.refusal, low.sentence(6 * MIB)) == (None, "The disk of the store has 5 MiB left.")
    assert full.sentence(0) == str(full.refusal) == "The disk of the store is full."
    assert closed.sentence(0) == str(closed.refusal) == "The disk of the store is read-only."


CODES = {
    "a full disk": (OSError(errno.ENOSPC, "x"), "no_room"),
    "a used-up quota": (OSError(errno.EDQUOT, "x"), "no_room"),
    "a read-only disk": (OSError(errno.EROFS, "x"), "read_only"),
    "another trouble of the system": (OSError(errno.ENOENT, "x"), None),
    "a mistake": (ValueError("x"), None),
    "nothing": (None, None),
    "a lost connection": (psycopg2.OperationalError("server closed the connection"), "database_away"),
}


@pytest.mark.parametrize("name", CODES)
def test_each_trouble_has_its_code(name):
    error, code = CODES[name]

    refusal = disk.told(error)

    assert (refusal.code if refusal else None) == code


def test_it_is_found_beneath_what_wraps_it():
    inner = sqlite3.connect(":memory:")
    inner.execute("PRAGMA query_only=ON")
    with pytest.raises(sqlite3.OperationalError) as caught:
        inner.execute("CREATE TABLE t (x)")
    outer = OperationalError("attempt to write a readonly database")
    outer.__cause__ = caught.value

    assert disk.told(outer).code == "read_only"
    inner.close()
