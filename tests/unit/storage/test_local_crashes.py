"""The local store under kill -9 and on a full disk."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import signal
import subprocess
import sys

import pytest

from registry.storage import Stored
from registry.storage.errors import StoreFull
from registry.storage.local import LocalStore

PUT_AND_DIE = """
import hashlib, io, os, signal, sys
from pathlib import Path
from registry.storage.local import LocalStore

name, when = sys.argv[2:4]
real = getattr(os, name)

def dying(*arguments, **named):
    if when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    answer = real(*arguments, **named)
    os.kill(os.getpid(), signal.SIGKILL)

setattr(os, name, dying)
content = b"x" * 100_000
if len(sys.argv) == 5:
    from registry.storage import Stored
    spooled = Path(sys.argv[4])
    spooled.write_bytes(content)
    LocalStore(Path(sys.argv[1])).adopt(spooled, Stored(hashlib.sha256(content).hexdigest(), len(content)))
LocalStore(Path(sys.argv[1])).put(io.BytesIO(content))
"""


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("name", ["fchmod", "fsync", "link", "unlink"])
def test_a_kill_at_any_step_leaves_a_whole_artifact_or_none(tmp_path, name, when):
    died = subprocess.run([sys.executable, "-c", PUT_AND_DIE, tmp_path, name, when], check=False)
    assert died.returncode == -signal.SIGKILL

    visible = [path for path in tmp_path.glob("sha256/*/*/*") if path.is_file()]
    assert len(visible) == (name == "unlink" or (name, when) == ("link", "after"))
    assert all(path.read_bytes() == b"x" * 100_000 for path in visible)

    store = LocalStore(tmp_path)
    stored = store.put(io.BytesIO(b"x" * 100_000))
    with store.open(stored.digest) as stream:
        assert stream.read() == b"x" * 100_000


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("name", ["fchmod", "fsync", "link"])
def test_a_kill_at_any_step_of_an_adoption_leaves_a_whole_artifact_or_none(tmp_path, name, when):
    store, spooled = tmp_path / "store", tmp_path / "spooled"
    died = subprocess.run([sys.executable, "-c", PUT_AND_DIE, store, name, when, spooled], check=False)
    assert died.returncode == -signal.SIGKILL

    visible = [path for path in store.glob("sha256/*/*/*") if path.is_file()]
    assert len(visible) == ((name, when) == ("link", "after"))
    assert all(path.read_bytes() == b"x" * 100_000 for path in visible)


def adoptable(folder, content=b"weights"):
    path = folder / "spooled"
    path.write_bytes(content)
    return path, Stored(hashlib.sha256(content).hexdigest(), len(content))


def test_an_adopted_file_is_the_very_file_synced_before_it_is_visible(tmp_path, monkeypatch):
    path, stored = adoptable(tmp_path)
    store, steps = LocalStore(tmp_path / "store"), []
    for name in ("fsync", "link"):
        real = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *given, n=name, r=real: (steps.append(n), r(*given))[1])

    assert store.adopt(path, stored)

    assert store.path(stored.digest).samefile(path)
    assert store.path(stored.digest).stat().st_mode & 0o777 == 0o444
    assert steps[:3] == ["fsync", "link", "fsync"], "bytes, name, folder"


@pytest.mark.parametrize("reason", [errno.EXDEV, errno.EPERM, errno.EMLINK])
def test_a_file_that_cannot_be_linked_is_not_adopted(tmp_path, monkeypatch, reason):
    def refused(*arguments: object) -> None:
        raise OSError(reason, "not here")

    monkeypatch.setattr(os, "link", refused)
    path, stored = adoptable(tmp_path)

    assert not LocalStore(tmp_path / "store").adopt(path, stored)
    assert path.exists()


@pytest.mark.parametrize("where", ["fsync", "link"])
def test_a_full_disk_is_said_so_to_who_gives_a_file(tmp_path, monkeypatch, where):
    def no_room(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    path, stored = adoptable(tmp_path)
    monkeypatch.setattr(os, where, no_room)

    with pytest.raises(StoreFull, match="no room"):
        LocalStore(tmp_path / "store").adopt(path, stored)


def test_an_adopted_file_heals_an_artifact_that_was_cut_short(tmp_path):
    store = LocalStore(tmp_path / "store")
    path, stored = adoptable(tmp_path)
    damaged = store.path(stored.digest)
    damaged.parent.mkdir(parents=True)
    damaged.write_bytes(b"wei")

    assert store.adopt(path, stored)

    assert damaged.read_bytes() == b"weights"


def test_an_artifact_cut_short_by_the_disk_is_healed_by_the_next_upload(tmp_path):
    store = LocalStore(tmp_path)
    digest = store.put(io.BytesIO(b"weights")).digest
    store.path(digest).unlink()
    store.path(digest).write_bytes(b"wei")

    store.put(io.BytesIO(b"weights"))

    assert store.path(digest).read_bytes() == b"weights"


@pytest.mark.parametrize("where", ["fsync", "link"])
def test_a_full_disk_is_said_so_and_leaves_nothing(tmp_path, monkeypatch, where):
    def no_room(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, where, no_room)

    with pytest.raises(StoreFull, match="no room"):
        LocalStore(tmp_path).put(io.BytesIO(b"x"))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_nobody_can_write_to_a_stored_artifact(tmp_path):
    store = LocalStore(tmp_path)
    digest = store.put(io.BytesIO(b"x")).digest

    assert store.path(digest).stat().st_mode & 0o777 == 0o444


def test_what_a_killed_put_left_goes_away_with_a_later_one(tmp_path):
    store = LocalStore(tmp_path)
    (tmp_path / "tmp").mkdir()
    old, new = tmp_path / "tmp" / "put-old", tmp_path / "tmp" / "put-new"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))

    store.put(io.BytesIO(b"x"))

    assert list((tmp_path / "tmp").iterdir()) == [new]
