"""A file outside the database that saw each head of the log as it was committed.

One line per committed change, `seq digest` of its last event, appended and synced: the chain covers what
lies before it. A kill between the commit and the line leaves a gap, which is allowed. The file is only ever
appended to, so what it said first is what it saw: a later line that says something else is a finding and
never the newer truth, and so are a line that is no head, a missing file and a long silence.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

LONGEST_GAP = 1000
"""So many events in a row are seen by no kill: a change has few, and each that is committed is noted."""
_HEAD = re.compile(r"([1-9][0-9]{0,18}) ([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Witness:
    """What the file says: the digest that was first seen of each number, and what is wrong with the file."""

    heads: Mapping[int, str] = field(default_factory=dict)
    faults: tuple[str, ...] = ()

    @property
    def last(self) -> int:
        return max(self.heads, default=0)


@dataclass(frozen=True, slots=True)
class Standing:
    """How log and witness stand to each other, said alike wherever it is shown."""

    tone: str
    word: str
    sentence: str

    @property
    def alarming(self) -> bool:
        return self.tone == "danger"


def note(path: Path, seq: int, digest: str) -> None:
    """Append one head."""
    append(path, f"{seq} {digest}")


def append(path: Path, line: str) -> None:
    """Append a line and sync it. Small appends to one file are atomic, so many processes may write it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(handle, f"{line}\n".encode())
        os.fdatasync(handle)
    finally:
        os.close(handle)


def read(path: Path) -> Witness | None:
    """What the file says, None where there is none. A last line without an end was torn, and is left out."""
    try:
        mark = path.stat()
    except FileNotFoundError:
        return None
    return _parsed(path, mark.st_ino, mark.st_size, mark.st_mtime_ns)


@lru_cache(maxsize=1)
def _parsed(path: Path, *_: int) -> Witness:
    heads: dict[int, str] = {}
    faults = []
    whole = path.read_bytes().decode("utf-8", "replace").rpartition("\n")[0]
    for number, line in enumerate(whole.split("\n") if whole else (), start=1):
        found = _HEAD.fullmatch(line)
        if found is None:
            faults.append(f"line {number} of the witness is no head of a log")
        elif heads.setdefault(int(found[1]), found[2]) != found[2]:
            faults.append(f"line {number} of the witness contradicts what it saw before of event {found[1]}")
    return Witness(heads, tuple(faults))


def judge(seen: Witness | None, head: int, digest_of: Callable[[int], str | None]) -> Standing:
    """Whether log and witness agree. `head` is the log's last number; `digest_of` tells a line's digest."""
    if head == 0 and not (seen and (seen.heads or seen.faults)):
        return Standing("positive", "agrees", "Nothing has been recorded yet.")
    if seen is None or not seen.heads:
        said = "is missing" if seen is None else "is empty"
        word = said.removeprefix("is ")
        return Standing("danger", word, f"The witness file {said}; the log has {head} events.")
    if reason := _contradiction(seen, head, digest_of):
        return Standing("danger", "disagrees", f"{reason[0].upper()}{reason[1:]}.")
    if head - seen.last > 10:
        return Standing("caution", "behind", f"The witness has not seen the last {head - seen.last} events.")
    return Standing("positive", "agrees", f"The witness has seen event {seen.last} of {head}.")


def _contradiction(seen: Witness, head: int, digest_of: Callable[[int], str | None]) -> str:
    if seen.faults:
        return seen.faults[0]
    if seen.last > head:
        return f"the witness saw event {seen.last}, the log ends at {head}"
    if digest_of(seen.last) != seen.heads[seen.last]:
        return f"event {seen.last} is not the one that the witness saw"
    marks = sorted({0, *seen.heads, head})
    for before, after in pairwise(marks):
        if after - before > LONGEST_GAP:
            return f"the witness saw none of the events {before + 1} to {after - 1}"
    return ""
