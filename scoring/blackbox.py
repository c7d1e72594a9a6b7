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
MOST_FINGERPRINTS = 508
"""Requests of one run that can be told after a crash: with the eight words before them the place is a round
number."""
_HEAD = 8
"""Words before the fingerprints: what runs, since when, how many."""
_UNITS = _HEAD + MOST_FINGERPRINTS
_PLACE = _UNITS + MOST_FINGERPRINTS
_MARK, _CELL, _COUNT, _BEGAN, _WHO, _TOLD = range(6)
_WORD = 8
"""Bytes of a number of 64 bits."""
FILE_BYTES = len(PLACES) * _PLACE * _WORD


class Arm(Protocol):
    """What answers a request; `cell` counts it. `told`: what becomes of its units is evidence."""

    @property
    def cell(self) -> int: ...
    @property
    def told(self) -> bool: ...


class Asked(Protocol):
    """A request, as far as a box knows it."""

    @property
    def body(self) -> bytes: ...
    @property
    def unit(self) -> int: ...
    @property
    def target(self) -> Arm: ...


class Place:
    """One thread's page. `mark` stands for a version, `cell` for the arm under which it answers."""

    __slots__ = ("_at", "_seconds", "_units", "_words")

    def __init__(
        self, words: memoryview[int], units: memoryview[int], seconds: memoryview[float], place: int
    ) -> None:
        self._words, self._units, self._seconds = words, units, seconds
        self._at = place * _PLACE

    def claim(self) -> None:
        """Say that this place is the calling thread's."""
        self._words[self._at + _WHO] = get_ident()

    def load(self, mark: int, now: float) -> None:
        """A version is about to be loaded."""
        self._seconds[self._at + _BEGAN] = now
        self._words[self._at + _COUNT] = self._words[self._at + _TOLD] = 0
        self._words[self._at] = mark

    def run(self, mark: int, group: Sequence[Asked], now: float) -> None:
        """A version is about to run these requests. `now` in `perf_counter` seconds."""
        words, at = self._words, self._at
        count = len(group)
        first = group[0]
        words[at + _CELL] = first.target.cell
        told: Sequence[int] = ()
        if count == 1:
            words[at + _HEAD] = hash(first.body)
            if first.target.told:
                told = (first.unit,)
        else:
            prints = array("q", [hash(asked.body) for asked in group[:MOST_FINGERPRINTS]])
            words[at + _HEAD : at + _HEAD + len(prints)] = prints
            told = [asked.unit for asked in group[:MOST_FINGERPRINTS] if asked.target.told]
        words[at + _TOLD] = len(told)
        if told:
            self._units[at + _UNITS : at + _UNITS + len(told)] = array("Q", told)
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
    """What a place says. `began` is `perf_counter` seconds of the machine; a load has no fingerprints.

    `units` are of those requests whose arms are told of, as bits of `routing.unit_hasher`.
    """

    place: int
    thread: int
    mark: int
    cell: int
    began: float
    fingerprints: tuple[int, ...]
    requests: int
    units: tuple[int, ...] = ()


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
    words, units, seconds = mapped.cast("q"), mapped.cast("Q"), mapped.cast("d")
    return Places(*(Place(words, units, seconds, place) for place in PLACES))


def read(path: Path) -> list[Note]:
    """What was under way in a box when its worker ended; nothing where nobody can tell."""
    try:
        content = path.read_bytes()
    except OSError:
        return []
    if len(content) != FILE_BYTES:
        return []
    whole = memoryview(content)
    words, units, seconds = whole.cast("q"), whole.cast("Q"), whole.cast("d")
    return [_note(words, units, seconds, place) for place in PLACES if words[place * _PLACE]]


def _note(words: memoryview[int], units: memoryview[int], seconds: memoryview[float], place: int) -> Note:
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
        units=tuple(units[at + _UNITS : at + _UNITS + words[at + _TOLD]]),
    )
