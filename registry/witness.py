"""A file outside the database that saw each head of the log as it was committed.

One line per committed change, `seq digest` of its last event, appended and synced: the chain covers what
lies before it. A kill between the commit and the line leaves a gap, which is allowed. The file is only ever
appended to, so what it said first is what it saw: a later line that says something else is a finding and
never the newer truth, and so are a line that is no head, a missing file and a long silence.

What was lost stays lost. Two people who have looked into it begin the witness anew, by an event that its line
`anew seq digest` names; what was seen before, and how it was lost, is told ever after.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol, TypeVar

ASKED, BEGUN = "witness.asked", "witness.begun"
LONGEST_LINE = 1 << 16
"""A line has 300 bytes: in so many from the end there is a whole one."""
LONGEST_GAP = 1000
"""So many events in a row are seen by no kill: a change has few, and each that is committed is noted."""
FIRST_GAP = 100
"""A witness saw its log from the first change on, or from the one that began it anew: a lost one does not
become whole by going on."""
_MOST = 20
"""So many contradictions of the past are named: one is enough to look."""
_HEAD = re.compile(rb"(anew )?([1-9][0-9]{0,18}) ([0-9a-f]{64})\n")


class _Line(Protocol):
    @property
    def seq(self) -> int: ...

    @property
    def digest(self) -> str: ...


L = TypeVar("L", bound=_Line)


@dataclass(frozen=True, slots=True)
class Witness:
    """What the file says: the digest that was first seen of each number, and what is wrong with the file.

    `begun` is the event that began it anew, nought where none did; `before` is what it said until then.
    """

    heads: Mapping[int, str] = field(default_factory=dict)
    faults: tuple[str, ...] = ()
    begun: int = 0
    before: Witness | None = None

    @property
    def last(self) -> int:
        return max(self.heads, default=0)


@dataclass(frozen=True, slots=True)
class Beginning:
    """What the log says of a witness that was begun anew: by whom, and what had been found."""

    seq: int
    asked: str
    begun: str
    found: str

    def __str__(self) -> str:
        by = f"{self.asked} and {self.begun}"
        return f"It was begun anew at event {self.seq} by {by}; until then: {self.found}"


def beginning(seq: int, begun: Mapping[str, Any], asked: Mapping[str, Any]) -> Beginning | None:
    """From the two events by which a witness is begun anew. None where they are not such of two people."""
    by = str(asked.get("actor", "")), str(begun.get("actor", ""))
    people = by[0] != by[1] and all(each.startswith("person/") for each in by)
    if (begun.get("kind"), asked.get("kind")) != (BEGUN, ASKED) or not people:
        return None
    return Beginning(seq, *by, found=str(begun["facts"].get("found", "")))


class Past:
    """What witnesses that were begun anew since had seen, held against the log while it is walked."""

    def __init__(self, seen: Witness, beginning_at: Callable[[int], Beginning | None]) -> None:
        self._earlier = [each for each in _back(seen) if each.before is not None]
        self._beginning_at = beginning_at
        self._other: dict[int, None] = {}

    def held_against(self, lines: Iterable[L]) -> Iterator[L]:
        """The same lines; which of them are others than an earlier witness saw is kept, and told later."""
        heads = [each.before.heads for each in self._earlier if each.before]
        for line in lines:
            if any(known.get(line.seq, line.digest) != line.digest for known in heads):
                self._other[line.seq] = None
            yield line

    def told(self) -> tuple[str, ...]:
        """Each loss, oldest first, and what contradicts what was seen before it."""
        found = [str(self._beginning_at(each.begun) or "") for each in self._earlier]
        faults = [fault for each in self._earlier if each.before for fault in each.before.faults]
        others = [f"event {seq} is not the one that an earlier witness saw" for seq in self._other]
        return tuple(filter(None, (*reversed(found), *faults[:_MOST], *others[:_MOST])))


def _back(seen: Witness | None) -> Iterator[Witness]:
    while seen is not None:
        yield seen
        seen = seen.before


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


def begin_anew(path: Path, seq: int, digest: str) -> None:
    """Append the line from which on another witness counts; whether it may, its event says."""
    append(path, f"anew {seq} {digest}")


def append(path: Path, line: str) -> None:
    """Append a line and sync it, whole or not at all. Raises OSError, and then nothing was written.

    What a kill or a full disk has left of an earlier line is cut off first: nobody was told of it, and it
    would make one wrong line together with this one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        end = _end_of_lines(handle)
        os.ftruncate(handle, end)
        try:
            _write(handle, f"{line}\n".encode())
            os.fdatasync(handle)
        except OSError:
            os.ftruncate(handle, end)
            raise
    finally:
        os.close(handle)


def _write(handle: int, content: bytes) -> None:
    """All of it: a disk that runs full takes a part without a word, and refuses only the rest."""
    while content:
        content = content[os.write(handle, content) :]


def _end_of_lines(handle: int) -> int:
    """Where the last whole line ends."""
    size = os.fstat(handle).st_size
    begin = max(0, size - LONGEST_LINE)
    return begin + os.pread(handle, size - begin, begin).rfind(b"\n") + 1 if size else 0


def read(path: Path) -> Witness | None:
    """What the file says, None where there is none. A last line without an end was torn, and is left out."""
    try:
        mark = path.stat()
    except FileNotFoundError:
        return None
    return _parsed(path, mark.st_ino, mark.st_size, mark.st_mtime_ns)


@lru_cache(maxsize=1)
def _parsed(path: Path, *_: int) -> Witness:
    said = Witness()
    heads: dict[int, str] = {}
    faults: list[str] = []
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            found = _HEAD.fullmatch(line)
            if found is None:
                if line.endswith(b"\n"):
                    faults.append(f"line {number} of the witness is no head of a log")
                continue
            seq, digest = int(found[2]), found[3].decode()
            if found[1]:
                said = Witness(begun=seq, before=replace(said, heads=heads, faults=tuple(faults)))
                heads, faults = {seq: digest}, []
            elif heads.setdefault(seq, digest) != digest:
                faults.append(f"line {number} of the witness contradicts what it saw before of event {seq}")
    return replace(said, heads=heads, faults=tuple(faults))


def judge(
    seen: Witness | None,
    head: int,
    digest_of: Callable[[int], str | None],
    beginning_at: Callable[[int], Beginning | None] = lambda _: None,
) -> Standing:
    """Whether log and witness agree. `head` is the log's last number, `digest_of` tells a line's digest and
    `beginning_at` whether the event of a number began a witness anew."""
    if head == 0 and not (seen and (seen.heads or seen.faults)):
        return Standing("positive", "agrees", "Nothing has been recorded yet.")
    if seen is None or not seen.heads:
        said = "is missing" if seen is None else "is empty"
        word = said.removeprefix("is ")
        return Standing("danger", word, f"The witness file {said}; the log has {head} events.")
    begun = beginning_at(seen.begun) if seen.begun else None
    reason = _contradiction(seen, head, digest_of)
    if seen.begun and begun is None:
        reason = f"the witness was begun anew at event {seen.begun}, where no two people say so"
    if reason:
        return Standing("danger", "disagrees", f"{reason[0].upper()}{reason[1:]}.")
    past = f" {begun}" if begun else ""
    if head - seen.last > 10:
        unseen = f"The witness has not seen the last {head - seen.last} events."
        return Standing("caution", "behind", f"{unseen}{past}")
    return Standing("positive", "agrees", f"The witness has seen event {seen.last} of {head}.{past}")


def _contradiction(seen: Witness, head: int, digest_of: Callable[[int], str | None]) -> str:
    if seen.faults:
        return seen.faults[0]
    if seen.last > head:
        return f"the witness saw event {seen.last}, the log ends at {head}"
    for seq in (seen.last, seen.begun or seen.last):
        if digest_of(seq) != seen.heads[seq]:
            return f"event {seq} is not the one that the witness saw"
    marks = [seen.begun, *sorted(seq for seq in {*seen.heads, head} if seq > seen.begun)]
    for before, after in pairwise(marks):
        if after - before > (FIRST_GAP if before == seen.begun else LONGEST_GAP):
            return f"the witness saw none of the events {before + 1} to {after - 1}"
    return ""
