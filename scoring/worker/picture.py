"""What a worker serves under one plan: an immutable picture that the next plan replaces by one assignment."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Never

from formats.dtypes import Array
from formats.plan import PlannedVersion
from formats.types import Signature
from scoring.errors import VersionBroken
from scoring.protocols.feedback import Ranges
from scoring.routing import unit_hasher
from scoring.worker.access import Access, Unplanned
from scoring.worker.exchange import Exchange, Form, Keeps, Mirror, Target, Version
from scoring.worker.mirrors import Mirrors


class BrokenVersion:
    """Stands in for a version that this node has given up: whoever asks it for anything hears why."""

    def __init__(self, number: int, signature: Signature, why: str) -> None:
        self.number = self.told = number
        self.signature = signature
        self._why = why

    @property
    def replies(self) -> Never:
        raise self.error()

    reader = layouts = batcher = allowed = lane = sheets = replies

    def put(self, exchange: Exchange) -> None:
        raise self.error()

    mirror = put

    def overheard(self, exchange: Exchange, arrays: Sequence[Array], now: float) -> None:
        """Nobody asks it anything."""

    def follow(self, planned: PlannedVersion) -> None:
        """It answers nobody, so nothing is kept."""

    def error(self) -> VersionBroken:
        return VersionBroken(f"version {self.number} is not run on this node any more: {self._why}")


def _only(place: int) -> int:
    """Of one target, whoever asks."""
    return 0


@dataclass(slots=True)
class Endpoint:
    """What a scoring path leads to. One target: the version is settled; several: `choose` says which, by the
    64 bits of the unit (`routing.chooser`), unless units keep what they have."""

    model: str
    scope: str
    form: Form
    targets: Sequence[Target]
    internal: Sequence[Target]
    salt: bytes = b""
    choose: Callable[[int], int] = _only
    mirrors: Sequence[Mirror] = ()
    keeping: Keeps | None = None
    _hashed: Callable[[str], int] = field(init=False)

    def __post_init__(self) -> None:
        self._hashed = unit_hasher(self.salt)

    def place(self, unit: str) -> int:
        """The 64 bits of a unit that somebody named."""
        return self._hashed(unit)

    def target(self, place: int, *, internal: bool) -> Target:
        """Who answers. `internal` calls are counted apart, and their ids earn no reward."""
        among = self.internal if internal else self.targets
        if len(among) == 1:
            return among[0]
        return among[self.choose(place)]


@dataclass(frozen=True, slots=True)
class ModelView:
    """One model under the plan: its revision, which versions may be named, which ones answer clients.

    doors    the targets that lead to it
    rollout  of which its units are told, 0 for none
    """

    name: str
    revision: int
    versions: Mapping[int, Version]
    answering: Sequence[Version]
    waiting: bool = False
    doors: Collection[bytes] = ()
    rollout: int = 0


@dataclass(frozen=True, slots=True)
class Picture:
    """One plan as a worker follows it. `endpoints` by the exact bytes of the request's target; `ranges` of
    what feedback may say."""

    sequence: int = -1
    access: Access = field(default_factory=Unplanned)
    endpoints: Mapping[bytes, Endpoint] = field(default_factory=dict)
    models: Mapping[str, ModelView] = field(default_factory=dict)
    ready: bool = False
    mirroring: Mirrors | None = None
    ranges: Ranges = field(default_factory=dict)


class _Places:
    """Uniform 64-bit numbers from the system's randomness, fetched by the thousand."""

    def __init__(self) -> None:
        self._left: list[int] = []

    def __call__(self) -> int:
        if not self._left:
            self._left = list(struct.unpack("<1024Q", os.urandom(8192)))
        return self._left.pop()


random_place = _Places()
