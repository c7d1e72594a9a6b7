"""Folders that are lent to a cell for writing: how full they are, and how they go away again."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

MOST_ENTRIES = 1_000


@contextmanager
def private_folder(prefix: str = "cell-", *, within: Path | None = None) -> Iterator[Path]:
    """A temporary folder that no other user of the machine can enter; gone at the end, with its content."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=within))
    try:
        yield folder
    finally:
        remove(folder)


def remove(folder: Path) -> None:
    """Delete a folder whatever a hostile process has built in it, such as folders 10,000 deep."""
    try:
        shutil.rmtree(folder, ignore_errors=True)
    except RecursionError:
        subprocess.run(["/bin/rm", "-rf", "--", str(folder)], check=False)  # noqa: S603 - our own path


def sweep(folder: Path, older_than_s: float) -> None:
    """Delete what killed processes have left in a folder of temporary ones."""
    for entry in folder.iterdir():
        with suppress(FileNotFoundError):
            if time.time() - entry.lstat().st_mtime > older_than_s:
                remove(entry)


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
