"""Folders that are lent to a cell for writing: how full they are, and how they go away again."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

MOST_ENTRIES = 1_000
"""Ours have a dozen; counting a million would be work that a cell can give us."""


@contextmanager
def private_folder(prefix: str = "cell-", *, within: Path | None = None) -> Iterator[Path]:
    """A temporary folder that no other user of the machine can enter; gone at the end, with its content."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=within))
    try:
        yield folder
    finally:
        remove(folder)


@contextmanager
def held_folder(prefix: str, within: Path) -> Iterator[Path]:
    """A folder that `sweep_abandoned` leaves alone while this process lives; gone at the end.

    The lock on it is the process's own, so a kill lets go of it at once.
    """
    while True:
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=within))
        with suppress(FileNotFoundError):  # a sweep came between: another one
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            fcntl.flock(handle, fcntl.LOCK_EX)
            if folder.exists():
                break
            os.close(handle)
    try:
        yield folder
    finally:
        remove(folder)
        os.close(handle)


def sweep_abandoned(prefix: str, within: Path) -> None:
    """Delete the folders of `held_folder` whose process was killed."""
    for folder in within.glob(f"{prefix}*"):
        _remove_unheld(folder)


def _remove_unheld(folder: Path) -> None:
    with suppress(FileNotFoundError, NotADirectoryError, PermissionError, BlockingIOError):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            remove(folder)
        finally:
            os.close(handle)


def remove(folder: Path) -> None:
    """Delete a folder whatever a hostile process has built in it, such as folders 10,000 deep."""
    try:
        shutil.rmtree(folder, ignore_errors=True)
    except RecursionError:
        subprocess.run(["/bin/rm", "-rf", "--", str(folder)], check=False)  # noqa: S603 - our own path


def sweep(folder: Path, older_than_s: float) -> None:
    """Delete what killed processes have left in a folder of temporary ones, and leave what is held."""
    for entry in folder.iterdir():
        with suppress(FileNotFoundError):
            if time.time() - entry.lstat().st_mtime > older_than_s:
                _remove_unheld(entry)


def overfull(folder: Path, most_bytes: int) -> bool:
    """Whether the folder holds more than `most_bytes`, or so many entries that nobody should count them."""
    total = entries = 0
    unseen = [folder]
    while unseen:
        with suppress(OSError), os.scandir(unseen.pop()) as listing:
            for entry in listing:
                entries += 1
                if entries > MOST_ENTRIES:
                    return True
                with suppress(OSError):
                    total += entry.stat(follow_symlinks=False).st_blocks * 512
                if entry.is_dir(follow_symlinks=False):
                    unseen.append(Path(entry.path))
    return total > most_bytes
