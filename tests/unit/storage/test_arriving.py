"""A file that is hashed and synced while it arrives: the same account as of a file read at its end."""

from __future__ import annotations

import errno
import hashlib
import os
import threading

import pytest

from registry.storage.arriving import PIECES_WAITING, SYNC_EVERY, WORTH_THREADS, ArrivingFile, mark_of
from registry.storage.base import Stored
from tests.servers import wait_until

PIECE = os.urandom(1 << 18)


def arrived(path, pieces, **how):
    file = ArrivingFile(path, **how)
    for piece in pieces:
        file.write(piece)
    return file.finish()


@pytest.mark.parametrize("sync", [True, False])
@pytest.mark.parametrize("size", [0, 1, WORTH_THREADS, SYNC_EVERY + 12_345])
def test_what_arrives_is_written_counted_and_hashed(tmp_path, size, sync):
    threads = threading.active_count()
    content = (PIECE * (size // len(PIECE) + 1))[:size]
    pieces = [content[at : at + len(PIECE)] for at in range(0, size, len(PIECE))]

    stored = arrived(tmp_path / "x", pieces, sync=sync)

    assert stored == Stored(hashlib.sha256(content).hexdigest(), size)
    assert (tmp_path / "x").read_bytes() == content
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o444
    assert threading.active_count() == threads


def test_all_of_a_large_file_is_synced_when_it_is_finished(tmp_path, monkeypatch):
    synced = []
    real = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda file: (synced.append(os.fstat(file).st_size), real(file)))
    file = ArrivingFile(tmp_path / "x")
    for _ in range(SYNC_EVERY // len(PIECE)):
        file.write(PIECE)
    wait_until(lambda: synced, "a sync while it arrives")
    file.write(PIECE)

    assert file.finish().size == synced[-1] > SYNC_EVERY


@pytest.mark.parametrize("pieces", [SYNC_EVERY // len(PIECE), SYNC_EVERY // len(PIECE) + 40])
def test_a_sync_that_fails_fails_the_file(tmp_path, monkeypatch, pieces):
    """Linux tells a lost write once: an error that nobody took notice of would be lost bytes."""

    def lost(file):
        raise OSError(errno.EIO, "the disk lost it")

    monkeypatch.setattr(os, "fdatasync", lost)
    with pytest.raises(OSError, match="lost it"):
        arrived(tmp_path / "x", [PIECE] * pieces)


def test_a_file_that_is_given_up_leaves_no_thread(tmp_path):
    threads = threading.active_count()
    file = ArrivingFile(tmp_path / "x")
    for _ in range(WORTH_THREADS // len(PIECE) + PIECES_WAITING):
        file.write(PIECE)

    file.close()
    file.close()

    assert threading.active_count() == threads


def test_a_file_that_is_there_is_not_written_to(tmp_path):
    (tmp_path / "x").write_bytes(b"old")

    with pytest.raises(FileExistsError):
        ArrivingFile(tmp_path / "x")


def test_nobody_writes_to_a_file_and_keeps_its_mark(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"weights")
    mark, was = mark_of(path), path.stat()
    assert mark_of(path) == mark

    path.write_bytes(b"weightz")
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))

    assert mark_of(path) != mark
