"""Files that are whole or not there, also after a power cut."""

from __future__ import annotations

import os
from pathlib import Path


def write_atomically(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Replace a file by another in one step. `durable` waits for the disk."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    with fresh.open("wb") as stream:
        stream.write(content)
        if durable:
            stream.flush()
            os.fsync(stream.fileno())
    fresh.replace(path)
    if durable:
        sync_folder(path.parent)


def sweep(folder: Path) -> None:
    """Delete what killed writers left half-done. Only for a folder with one owner, at its start."""
    for path in folder.glob(".*.*"):
        if path.suffix[1:].isdecimal():
            path.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
