"""What all workers have told of rollouts' units, until a flush takes it along.

Requests of one unit come through several workers, each of which tells what the others have told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from formats.evidence import Fact, FactKind, Told
from scoring.control import Witnessed

MOST_FACTS = 100_000
"""Of a rollout in one flush: 20,000 new units a second, in 6 MB."""
MOST_KNOWN = 500_000
"""Facts of a rollout that are told once; some 100 MB. Who has more is told some again, which is harmless."""

_Key = tuple[str, int, int, int]


@dataclass(slots=True)
class Gathered:
    """What a flush is to say of one rollout."""

    facts: list[Fact] = field(default_factory=list)
    lost: int = 0

    def told(self) -> Told:
        return Told(tuple(self.facts), self.lost)


class Evidence:
    """Each thing once, as far as the node remembers. `open_rollouts` are the ids of those in the plan."""

    def __init__(self, open_rollouts: Callable[[], Iterable[int]]) -> None:
        self._open = open_rollouts
        self._gathered: dict[int, Gathered] = {}
        self._known: dict[int, set[_Key]] = {}

    def hear(self, witnessed: Witnessed) -> None:
        """Take what a worker has told."""
        for rollout, fact in witnessed.facts:
            self.add(rollout, fact)
        for rollout, lost in witnessed.lost.items():
            self._of(rollout).lost += lost

    def add(self, rollout: int, fact: Fact) -> None:
        known = self._known.setdefault(rollout, set())
        version = 0 if fact.kind == FactKind.CONTEXT else fact.version
        key = (fact.kind, version, fact.about, fact.unit)
        if key in known:
            return
        gathered = self._of(rollout)
        if len(gathered.facts) >= MOST_FACTS:
            gathered.lost += 1
            return
        if len(known) >= MOST_KNOWN:
            known.clear()
        known.add(key)
        gathered.facts.append(fact)

    def take(self) -> dict[int, Gathered]:
        """What was told since the last call: of each rollout of the plan, and of one that has just ended."""
        open_now = set(self._open())
        taken, self._gathered = self._gathered, {}
        self._known = {rollout: known for rollout, known in self._known.items() if rollout in open_now}
        return {**{rollout: Gathered() for rollout in sorted(open_now)}, **taken}

    def give_back(self, taken: Mapping[int, Gathered]) -> None:
        """What `take` gave could not be written: the next flush says it."""
        for rollout, before in taken.items():
            since = self._of(rollout)
            since.facts[:0] = before.facts
            since.lost += before.lost

    def _of(self, rollout: int) -> Gathered:
        return self._gathered.setdefault(rollout, Gathered())


def rollouts(gathered: Mapping[int, Gathered]) -> dict[str, Any]:
    """As a flush says it."""
    return {str(rollout): msgspec.to_builtins(each.told()) for rollout, each in gathered.items()}
