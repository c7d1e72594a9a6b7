"""Small disks that really run full, and disks that really take no writes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from django.db import connection, transaction

MIB = 1 << 20
MISSING = "no small disk can be mounted here: it takes root and the right to mount"
BALLAST = "ballast"


class SmallDisk:
    """A tmpfs of a few megabytes, mounted for one test."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def fill(self, *, but: int = 0) -> None:
        """Leave `but` bytes, rounded down to pages."""
        found = os.statvfs(self.path)
        count = found.f_bavail - but // found.f_frsize
        with (self.path / BALLAST).open("ab") as file:
            file.write(bytes(count * found.f_frsize))

    def make_room(self) -> None:
        (self.path / BALLAST).unlink()

    @contextmanager
    def read_only(self) -> Iterator[None]:
        """Nothing may be open for writing there."""
        _mount("-o", "remount,ro", str(self.path))
        try:
            yield
        finally:
            _mount("-o", "remount,rw", str(self.path))


@contextmanager
def small_disk(folder: Path, megabytes: int = 8) -> Iterator[SmallDisk]:
    """Skips the test where nothing can be mounted."""
    folder.mkdir(parents=True)
    if sys.platform != "linux" or os.geteuid() != 0 or not shutil.which("mount"):
        pytest.skip(MISSING)
    try:
        _mount("-t", "tmpfs", "-o", f"size={megabytes}m,mode=0755", "tmpfs", str(folder))
    except subprocess.CalledProcessError:
        pytest.skip(MISSING)
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def _mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True, capture_output=True)


@contextmanager
def read_only_database() -> Iterator[None]:
    """The database of the test takes no writes, and says so itself."""
    on, off = ("PRAGMA query_only=ON", "PRAGMA query_only=OFF")
    if connection.vendor == "postgresql":
        on, off = "SET transaction_read_only = on", ""
    with suppress(_Undone), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(on)
        yield
        if off:
            with connection.cursor() as cursor:
                cursor.execute(off)
        raise _Undone


@contextmanager
def full_database() -> Iterator[None]:
    """SQLite gets no page more: what needs one fails as on a full disk."""
    if connection.vendor != "sqlite":
        pytest.skip("only SQLite can be told how large it may become")
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA page_count")
        cursor.execute(f"PRAGMA max_page_count={cursor.fetchone()[0]}")
        yield
        cursor.execute("PRAGMA max_page_count=1000000")


class _Undone(Exception):
    """Takes back what PostgreSQL keeps to the end of a transaction."""
