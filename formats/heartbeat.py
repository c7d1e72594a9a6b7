"""What a node says about itself, as whoever listens reads it: of another version, or no node of ours at all.

Nothing that is said can stop a listener. What is not understood is left out and named; a node that does not
even say when it spoke counts as silent. Texts are cut, so that no page has to carry a foreign one whole.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TypeVar

ALIVE_WITHIN_S = 10.0
"""Ten beats: one or two may be late under load without the node being called silent."""
LONGEST_TEXT = 500
"""An error's sentence fits, and a heartbeat with one for each of many versions stays small."""
_MOST_EVIDENCE = 4000
"""Characters of JSON; a dozen rows that failed, as a person reads them."""
_MOST_STRANGE = 10
"""What nobody understands is named for a person, who looks at a few."""
_DIGITS = 10
"""With fewer digits any number is below 2**31, as all versions are."""
EVIDENCE = ("crashes", "signals", "arms", "faults", "requests", "within_s")
"""What a breaker says beside its reason."""
_LATEST = 253_402_300_799
"""The last second of the year 9999."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Trip:
    """Why a node runs a version no more, when that began, and by what evidence."""

    why: str = ""
    at: float = 0.0
    digest: str = ""
    evidence: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NodeModel:
    """What all workers of a node have of one model. `broken`: what the node runs no more."""

    revision: int = 0
    ready: frozenset[int] = frozenset()
    loading: frozenset[int] = frozenset()
    failed: Mapping[int, str] = field(default_factory=dict)
    broken: Mapping[int, Trip] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Worker:
    slot: int
    pid: int = 0
    sequence: int = 0
    memory_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """What a node last said. `at` is epoch seconds by its own clock, nought where it does not say.

    strange  what it said that is not understood here.
    """

    node: str
    boot: str = ""
    at: float = 0.0
    started_at: float = 0.0
    address: str = ""
    pattern: str = "*"
    sequence: int = 0
    ready: bool = True
    stale: bool = False
    models: Mapping[str, NodeModel] = field(default_factory=dict)
    workers: tuple[Worker, ...] = ()
    restarts: int = 0
    memory_bytes: int = 0
    spool_bytes: int = 0
    log_dropped: int = 0
    log_problem: str = ""
    strange: tuple[str, ...] = ()

    @property
    def slots(self) -> tuple[int, ...]:
        return tuple(worker.slot for worker in self.workers)

    def serves(self, model: str) -> bool:
        """Whether the node takes this model at all."""
        return fnmatchcase(model, self.pattern)

    def alive(self, now: float) -> bool:
        return now - self.at < ALIVE_WITHIN_S

    def of(self, model: str) -> NodeModel:
        return self.models.get(model, NodeModel())


def read(node: str, said: bytes) -> Heartbeat:
    """The heartbeat under the name of this node, as far as it is understood."""
    try:
        document = json.loads(said)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        return Heartbeat(node, strange=("all of it",))
    told = _Told(document, "", [])
    log = told.part("log")
    return Heartbeat(
        node=node,
        boot=told.text("boot"),
        at=told.get("at", _moment, 0.0),
        started_at=told.get("started_at", _moment, 0.0),
        address=told.text("address"),
        pattern=told.text("serves", "*"),
        sequence=told.number("sequence"),
        ready=told.get("ready", _truth, True),
        stale=told.get("stale", _truth, False),
        models={name: _model(each) for name, each in told.part("models").parts()},
        workers=tuple(_worker(each) for each in told.rows("workers")),
        restarts=told.number("restarts"),
        memory_bytes=told.number("memory_bytes"),
        spool_bytes=told.number("spool_bytes"),
        log_dropped=log.number("dropped"),
        log_problem=log.text("problem"),
        # The last of all: by now everything has been read.
        strange=tuple(told.strange),
    )


@dataclass(frozen=True, slots=True)
class _Told:
    """One part of a heartbeat and its place there; what is not understood is noted in `strange`."""

    facts: Mapping[str, object]
    place: str
    strange: list[str]

    def get(self, name: str, form: Callable[[object], T], default: T) -> T:
        """The fact of that name in its form; the default where it is absent, null or not understood."""
        said = self.facts.get(name)
        try:
            return default if said is None else form(said)
        except (TypeError, ValueError, OverflowError):
            self.odd(name)
            return default

    def number(self, name: str) -> int:
        return self.get(name, _whole, 0)

    def text(self, name: str, default: str = "") -> str:
        return self.get(name, _text, default)

    def part(self, name: str) -> _Told:
        return _Told(self.get(name, _mapping, {}), f"{self.place}{name}.", self.strange)

    def parts(self) -> Iterator[tuple[str, _Told]]:
        return ((name, self.part(name)) for name in self.facts)

    def rows(self, name: str) -> Iterator[_Told]:
        rows: list[object] = self.get(name, _list, [])
        named = {str(row): said for row, said in enumerate(rows)}
        return (row for _, row in _Told(named, f"{self.place}{name}.", self.strange).parts())

    def versions(self, name: str) -> Iterator[tuple[int, _Told, str]]:
        """Whatever is told by number of version: the number, and where its fact lies."""
        part = self.part(name)
        for key in part.facts:
            if key.isascii() and key.isdecimal() and len(key) < _DIGITS:
                yield int(key), part, key
            else:
                part.odd(key)

    def odd(self, name: str) -> None:
        if len(self.strange) < _MOST_STRANGE:
            self.strange.append(f"{self.place}{name}"[:100])


def _model(told: _Told) -> NodeModel:
    return NodeModel(
        revision=told.number("revision"),
        ready=told.get("ready", _numbers, frozenset()),
        loading=told.get("loading", _numbers, frozenset()),
        failed={number: part.text(key) for number, part, key in told.versions("failed")},
        broken={number: _trip(part.part(key)) for number, part, key in told.versions("broken")},
    )


def _trip(told: _Told) -> Trip:
    return Trip(
        why=told.text("why"),
        at=told.get("at", _moment, 0.0),
        digest=told.text("digest"),
        evidence={name: told.get(name, _evidence, None) for name in EVIDENCE if name in told.facts},
    )


def _worker(told: _Told) -> Worker:
    return Worker(
        told.number("slot"), told.number("pid"), told.number("sequence"), told.number("memory_bytes")
    )


def _whole(said: object) -> int:
    if isinstance(said, bool) or not isinstance(said, int) or abs(said) >= 2**63:
        raise ValueError
    return said


def _numbers(said: object) -> frozenset[int]:
    return frozenset(_whole(each) for each in _list(said))


def _moment(said: object) -> float:
    if isinstance(said, bool) or not isinstance(said, int | float) or not 0 <= said <= _LATEST:
        raise ValueError
    return float(said)


def _text(said: object) -> str:
    if not isinstance(said, str):
        raise TypeError
    return said[:LONGEST_TEXT].encode("utf-8", "replace").decode()


def _truth(said: object) -> bool:
    if not isinstance(said, bool):
        raise TypeError
    return said


def _mapping(said: object) -> dict[str, object]:
    if not isinstance(said, dict):
        raise TypeError
    return said


def _list(said: object) -> list[object]:
    if not isinstance(said, list):
        raise TypeError
    return said


def _evidence(said: object) -> object:
    """What may stand in an event: finite, and not endless."""
    if len(json.dumps(said, allow_nan=False)) > _MOST_EVIDENCE:
        raise ValueError
    return said
