"""Files that are whole or absent, also after a power cut: temporary file, fsync, link, fsync of folders."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from registry.disk import is_full
from registry.storage.errors import StoreFull
from scoring.crashpoints import crashpoint

READABLE_BY_ALL = 0o444
"""Cells are other users; what stands under its digest is never written again."""
PREFIX, LEFT_BEHIND_AFTER_S = "put-", 24 * 3600


@contextmanager
def temporary_file(folder: Path) -> Iterator[IO[bytes]]:
    """A new file in `folder` that is gone at the end, whatever happens; its `.name` is the path.

    Raises StoreFull when the disk has no room for what is written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _sweep(folder)
    with (
        full_disk_said(folder),
        tempfile.NamedTemporaryFile(dir=folder, prefix=PREFIX, delete=False) as file,
    ):
        try:
            yield file.file
        finally:
            with suppress(FileNotFoundError):
                os.unlink(file.name)


@contextmanager
def full_disk_said(folder: Path) -> Iterator[None]:
    """A disk without room for `folder` is a StoreFull."""
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise StoreFull(f"There is no room left in {folder}.", folder=str(folder)) from error
        raise


def publish(file: IO[bytes], target: Path, *, root: Path, replace: bool = False) -> bool:
    """Make a finished temporary file visible as `target` at once; False if something was there already.

    Durable when it returns, in both cases: every folder from `target` up to
    `root` is synced, because whoever made it may not have come to that yet.
    """
    file.flush()
    os.fchmod(file.fileno(), READABLE_BY_ALL)
    os.fsync(file.fileno())
    crashpoint("store.publishing")
    target.parent.mkdir(parents=True, exist_ok=True)
    made = True
    try:
        if replace:
            os.replace(file.name, target)
        else:
            os.link(file.name, target)
    except FileExistsError:
        made = False
    for folder in target.parents:
        sync_folder(folder)
        if folder == root:
            break
    return made


def _sweep(folder: Path) -> None:
    """Delete what killed processes have left; by age, because other machines may write here too."""
    for path in folder.glob(f"{PREFIX}*"):
        with suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > LEFT_BEHIND_AFTER_S:
                path.unlink()


def sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
