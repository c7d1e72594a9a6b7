"""What a worker is about to do, kept where its node can read it after the worker's death.

A file of a few pages, mapped by the worker and owned by the node. Each thread that may meet a deadly
model has a place in it: written before a run or a load, cleared after it. A write is a copy into
memory; no system call, nothing formatted.

A body's fingerprint is Python's own `hash`: a keyed SipHash that costs a tenth of a keyed BLAKE2b.
The node starts all its workers with one random seed (see `node.workers`), so a body has the same
fingerprint in each of them. Nothing that a client can see depends on it, and it never leaves the node:
nobody outside can look for a second body with the fingerprint of another.
"""

from __future__ import annotations

import mmap
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import get_ident
from typing import NamedTuple, Protocol

LOOP, PATIENT, URGENT, LOADER, MIRROR = PLACES = range(5)
MOST_FINGERPRINTS = 504
_HEAD = 8
_PLACE = _HEAD + MOST_FINGERPRINTS
_MARK, _CELL, _COUNT, _BEGAN, _WHO = range(5)
_WORD = 8
FILE_BYTES = len(PLACES) * _PLACE * _WORD


class Arm(Protocol):
    """What answers a request; `cell` counts it."""

    @property
    def cell(self) -> int: ...


class Asked(Protocol):
    """A request, as far as a box knows it."""

    @property
    def body(self) -> bytes: ...

    @property
    def target(self) -> Arm: ...


class Place:
    """One thread's page. `mark` stands for a version, `cell` for the arm under which it answers."""

    __slots__ = ("_at", "_seconds", "_words")

    def __init__(self, words: memoryview[int], seconds: memoryview[float], place: int) -> None:
        self._words, self._seconds = words, seconds
        self._at = place * _PLACE

    def claim(self) -> None:
        """Say that this place is the calling thread's."""
        self._words[self._at + _WHO] = get_ident()

    def load(self, mark: int, now: float) -> None:
        """A version is about to be loaded."""
        self._seconds[self._at + _BEGAN] = now
        self._words[self._at + _COUNT] = 0
        self._words[self._at] = mark

    def run(self, mark: int, group: Sequence[Asked], now: float) -> None:
        """A version is about to run these requests. `now` in `perf_counter` seconds."""
        words, at = self._words, self._at
        count = len(group)
        words[at + _CELL] = group[0].target.cell
        if count == 1:
            words[at + _HEAD] = hash(group[0].body)
        else:
            prints = array("q", [hash(asked.body) for asked in group[:MOST_FINGERPRINTS]])
            words[at + _HEAD : at + _HEAD + len(prints)] = prints
        words[at + _COUNT] = count
        self._seconds[at + _BEGAN] = now
        words[at] = mark

    def done(self) -> None:
        self._words[self._at] = 0


class Places(NamedTuple):
    """The places of a box, to write in: `patient` and `urgent` are the threads of slow versions."""

    loop: Place
    patient: Place
    urgent: Place
    loader: Place
    mirrors: Place


@dataclass(frozen=True, slots=True)
class Note:
    """What a place says. `began` is `perf_counter` seconds of the machine; a load has no fingerprints."""

    place: int
    thread: int
    mark: int
    cell: int
    began: float
    fingerprints: tuple[int, ...]
    requests: int


def blank(path: Path) -> None:
    """Make an empty box, or empty the one that is there, in its place: that takes no room on a full disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("r+b" if path.exists() else "wb") as stream:
        stream.write(bytes(FILE_BYTES))
        stream.truncate()


def places(path: Path) -> Places:
    """The places of the box in a file."""
    with path.open("r+b") as stream:
        mapped = memoryview(mmap.mmap(stream.fileno(), FILE_BYTES))
    words, seconds = mapped.cast("q"), mapped.cast("d")
    return Places(*(Place(words, seconds, place) for place in PLACES))


def read(path: Path) -> list[Note]:
    """What was under way in a box when its worker ended; nothing where nobody can tell."""
    try:
        content = path.read_bytes()
    except OSError:
        return []
    if len(content) != FILE_BYTES:
        return []
    words, seconds = memoryview(content).cast("q"), memoryview(content).cast("d")
    return [_note(words, seconds, place) for place in PLACES if words[place * _PLACE]]


def _note(words: memoryview[int], seconds: memoryview[float], place: int) -> Note:
    at = place * _PLACE
    requests = words[at + _COUNT]
    kept = min(requests, MOST_FINGERPRINTS)
    return Note(
        place=place,
        thread=words[at + _WHO],
        mark=words[at + _MARK],
        cell=words[at + _CELL],
        began=seconds[at + _BEGAN],
        fingerprints=tuple(words[at + _HEAD : at + _HEAD + kept]),
        requests=requests,
    )
