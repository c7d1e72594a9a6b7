"""When a node stops running a version: it has killed too many workers, or mostly fails by itself. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from formats.plan import Key
from scoring.node.workers.crashes import Crash

WINDOW_SECONDS = 60.0
"""Deaths and faults further apart than a minute are counted as unrelated: chosen, not measured."""
CRASHES = 3
"""A body that kills is refused after its second death (poison.py): a third is not that body's alone."""
FAULTS = 20
"""Fewer say too little about a share of one half: chosen, not measured."""
SHARE = 0.5
"""At half of all requests a version does more harm than good; below it people decide."""


@dataclass(frozen=True, slots=True)
class Trip:
    """Why a version is broken on this node. `at` is epoch seconds."""

    why: str
    at: float
    facts: Mapping[str, Any]

    def to_json(self, digest: str) -> dict[str, object]:
        return {"why": self.why, "at": self.at, "digest": digest, **self.facts}


class Breaker:
    """Trips at three crashes, or at twenty faults that are half of all requests, within a minute.

    A fault is a failure that is the model's own: a run past its deadline, an output without its rows.
    """

    def __init__(self) -> None:
        self.tripped: dict[Key, Trip] = {}
        self._crashes: dict[Key, deque[tuple[float, Crash]]] = {}
        self._runs: dict[Key, deque[tuple[float, int, int]]] = {}

    def crashed(self, key: Key, crash: Crash, now: float) -> bool:
        """Count a crash at `now`, epoch seconds; True when the version has just been given up."""
        recent = self._crashes.setdefault(key, deque())
        recent.append((now, crash))
        while recent[0][0] <= now - WINDOW_SECONDS:
            recent.popleft()
        if key in self.tripped or len(recent) < CRASHES:
            return False
        hows = sorted({each.how for _, each in recent})
        seconds = max(1, round(now - recent[0][0]))
        why = f"{len(recent)} workers died within {seconds} s while they ran it ({', '.join(hows)})"
        arms = sorted({each.arm for _, each in recent})
        facts = {"crashes": len(recent), "signals": hows, "arms": arms, "within_s": seconds}
        self.tripped[key] = Trip(why, now, facts)
        return True

    def ran(self, key: Key, requests: int, faults: int, now: float) -> bool:
        """Count what happened since the last call; True when the version has just been given up."""
        recent = self._runs.setdefault(key, deque())
        recent.append((now, requests, faults))
        while recent[0][0] <= now - WINDOW_SECONDS:
            recent.popleft()
        asked, failed = sum(each[1] for each in recent), sum(each[2] for each in recent)
        if key in self.tripped or failed < FAULTS or failed < SHARE * asked:
            return False
        why = f"{failed} of {asked} requests within {WINDOW_SECONDS:.0f} s failed by the model's own fault"
        self.tripped[key] = Trip(why, now, {"faults": failed, "requests": asked, "within_s": WINDOW_SECONDS})
        return True

    def keep(self, needed: Collection[Key]) -> None:
        """Forget the versions that the plan names no more."""
        for table in (self.tripped, self._crashes, self._runs):
            for key in [key for key in table if key not in needed]:
                del table[key]
