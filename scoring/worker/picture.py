"""What a worker serves under one plan: an immutable picture that the next plan replaces by one assignment."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Never

from formats.plan import INTERVAL, RENDEZVOUS, Arm, PlannedVersion
from formats.types import Signature
from scoring.errors import VersionBroken
from scoring.routing import rendezvous, splitter, unit_hasher
from scoring.worker.access import Access, Unplanned
from scoring.worker.exchange import Exchange, Form, Mirror, Target, Version
from scoring.worker.mirrors import Mirrors


class BrokenVersion:
    """Stands in for a version that this node has given up: whoever asks it for anything hears why."""

    def __init__(self, number: int, signature: Signature, why: str) -> None:
        self.number = number
        self.signature = signature
        self._why = why

    @property
    def replies(self) -> Never:
        raise self.error()

    reader = layouts = batcher = allowed = lane = sheets = replies

    def put(self, exchange: Exchange) -> None:
        raise self.error()

    mirror = put

    def follow(self, planned: PlannedVersion) -> None:
        """It answers nobody, so nothing is kept."""

    def error(self) -> VersionBroken:
        return VersionBroken(f"version {self.number} is not run on this node any more: {self._why}")


@dataclass(slots=True)
class Endpoint:
    """What a scoring path leads to. One target: the version is settled; several: the unit decides."""

    model: str
    scope: str
    form: Form
    targets: Sequence[Target]
    internal: Sequence[Target]
    arms: Sequence[Arm] = ()
    salt: bytes = b""
    hashing: str = INTERVAL
    mirrors: Sequence[Mirror] = ()
    _hashed: Callable[[str], int] = field(init=False)
    _split: Callable[[int], int] = field(init=False)

    def __post_init__(self) -> None:
        self._hashed = unit_hasher(self.salt)
        self._split = splitter(self.arms)

    def place(self, unit: str) -> int:
        """The 64 bits of a unit that somebody named."""
        return self._hashed(unit)

    def target(self, place: int, *, internal: bool) -> Target:
        """Who answers. `internal` calls are counted apart, and their ids earn no reward."""
        among = self.internal if internal else self.targets
        if len(among) == 1:
            return among[0]
        if self.hashing == RENDEZVOUS:
            return among[rendezvous(self.arms, place, self.salt)]
        return among[self._split(place)]


@dataclass(frozen=True, slots=True)
class ModelView:
    """One model under the plan: its revision, which versions may be named, which ones answer clients."""

    name: str
    revision: int
    versions: Mapping[int, Version]
    answering: Sequence[Version]
    waiting: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """One plan as a worker follows it. `endpoints` by the exact bytes of the request's target."""

    sequence: int = -1
    access: Access = field(default_factory=Unplanned)
    endpoints: Mapping[bytes, Endpoint] = field(default_factory=dict)
    models: Mapping[str, ModelView] = field(default_factory=dict)
    ready: bool = False
    mirroring: Mirrors | None = None


class _Places:
    """Uniform 64-bit numbers from the system's randomness, fetched by the thousand."""

    def __init__(self) -> None:
        self._left: list[int] = []

    def __call__(self) -> int:
        if not self._left:
            self._left = list(struct.unpack("<1024Q", os.urandom(8192)))
        return self._left.pop()


random_place = _Places()
