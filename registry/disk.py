"""Disks that are full or take no writes: how full each place is, and what an error of theirs means.

Errors come as the system's, as SQLite's or as PostgreSQL's, and often wrapped; a person gets one sentence,
and every edge the same code for it.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from registry.errors import DomainError

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
LEAST_BYTES, LEAST_FILES = 4 << 20, 16
"""With less a place counts as full: a write may still go well, the next one will not."""
_SQLITE_READ_ONLY, _SQLITE_FULL, _SQLITE_AWAY = 8, 13, {5, 6, 10, 14}
_POSTGRESQL_READ_ONLY, _POSTGRESQL_FULL = "25006", "53100"
_POSTGRESQL_AWAY = ("08", "53", "57P")
_DONE = "nothing was changed. Send this again when"


class NoRoom(DomainError):
    """A disk of ours is full."""

    code = "no_room"


class ReadOnly(DomainError):
    """A disk or database of ours takes no writes."""

    code = "read_only"


class DatabaseAway(DomainError):
    """The database does not answer, cannot be opened, or is busy for too long."""

    code = "database_away"


@dataclass(frozen=True, slots=True)
class Place:
    """A folder that somebody writes to, as its file system stands now. `name` is what people call it."""

    name: str
    free_bytes: int
    free_files: int | None
    writable: bool

    @property
    def full(self) -> bool:
        files = LEAST_FILES if self.free_files is None else self.free_files
        return self.free_bytes < LEAST_BYTES or files < LEAST_FILES

    @property
    def refusal(self) -> DomainError | None:
        """What to say to whoever would need this place, None while it can be written to."""
        if not self.writable:
            return ReadOnly(f"The disk of {self.name} is read-only.")
        return NoRoom(f"The disk of {self.name} is full.") if self.full else None

    def sentence(self, floor: int) -> str:
        """What is wrong, or will be soon: less than `floor` bytes are free. Empty where all is well."""
        if (refusal := self.refusal) is not None:
            return str(refusal)
        if self.free_bytes < floor:
            return f"The disk of {self.name} has {self.free_bytes / 2**20:,.0f} MiB left."
        return ""


def place(name: str, folder: Path) -> Place:
    """How the folder stands; one that is not there yet, as the folder in which it will be made."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    found = os.statvfs(folder)
    writable = not found.f_flag & os.ST_RDONLY and os.access(folder, os.W_OK | os.X_OK)
    # some file systems (btrfs, network ones) count no files
    files = found.f_favail if found.f_files else None
    return Place(name, found.f_bavail * found.f_frsize, files, writable)


def is_full(error: OSError) -> bool:
    return error.errno in FULL


def told(error: BaseException | None) -> DomainError | None:
    """The refusal behind an error, however it is wrapped; None where no disk and no database is to blame."""
    for one in _causes(error):
        refusal = _of_system(one) or _of_sqlite(one) or _of_postgresql(one)
        if refusal is not None:
            return refusal
    return None


def cause(refusal: DomainError) -> str:
    """Its first words alone: what is wrong, for work that waits and need not be sent again."""
    return str(refusal).partition(f": {_DONE}")[0].rstrip(".")


def _causes(error: BaseException | None) -> Iterator[object]:
    while error is not None:
        yield error
        error = error.__cause__


def _of_system(error: object) -> DomainError | None:
    if isinstance(error, OSError) and is_full(error):
        return NoRoom(f"The server's disk is full: {_DONE} there is room.")
    if isinstance(error, OSError) and error.errno == errno.EROFS:
        return ReadOnly(f"The server's disk takes no writes: {_DONE} it does.")
    return None


def _of_sqlite(error: Any) -> DomainError | None:
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else _of_database(code & 0xFF, _SQLITE_FULL, _SQLITE_READ_ONLY, _SQLITE_AWAY)


def _of_postgresql(error: object) -> DomainError | None:
    code = getattr(error, "pgcode", "")
    if code is None:  # the connection itself: there is nobody to give a code
        return DatabaseAway(_AWAY) if type(error).__name__ in ("OperationalError", "InterfaceError") else None
    away = {code} if code.startswith(_POSTGRESQL_AWAY) else set()
    return _of_database(code, _POSTGRESQL_FULL, _POSTGRESQL_READ_ONLY, away)


_AWAY = f"The database cannot be used just now: {_DONE} it can."


def _of_database(code: object, full: object, read_only: object, away: set[Any]) -> DomainError | None:
    if code == full:
        return NoRoom(f"The database has no room left on its disk: {_DONE} there is some.")
    if code == read_only:
        return ReadOnly(f"The database takes no writes: {_DONE} it does.")
    return DatabaseAway(_AWAY) if code in away else None
