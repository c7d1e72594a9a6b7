"""A file outside the database that saw each head of the log as it was committed.

One line per committed change, `seq digest` of its last event, appended and synced: the chain covers what
lies before it. A kill between the commit and the line leaves a gap, which is allowed; a line that
contradicts the log, or lies beyond its end, is not.
"""

from __future__ import annotations

import os
from pathlib import Path


def note(path: Path, seq: int, digest: str) -> None:
    """Append one head. Small appends to one file are atomic, so many processes may write it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(handle, f"{seq} {digest}\n".encode())
        os.fdatasync(handle)
    finally:
        os.close(handle)


def read(path: Path) -> dict[int, str]:
    """Every head that was seen, by number; an unfinished last line is left out."""
    try:
        lines = path.read_text().splitlines()
    except FileNotFoundError:
        return {}
    pairs = (line.split(" ") for line in lines)
    return {int(pair[0]): pair[1] for pair in pairs if len(pair) == 2 and len(pair[1]) == 64}
