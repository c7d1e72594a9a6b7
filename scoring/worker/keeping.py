"""Under a bandit: units that keep the version they have got while the weights move (`scoring.assignments`).

An answer to a unit that came back with its assignment is one of the revision that gave it: its request id
and its evidence name that, for by its weights the unit has its chance.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from formats.plan import Arm
from scoring.assignments import HEADER, Assigner, Assignment, kept
from scoring.request_ids import Issuer
from scoring.worker.exchange import Exchange, Target

_LINE = HEADER.encode() + b": %b\r\n"
_MOST_EARLIER = 1024
"""Targets of earlier revisions that are kept ready; weights move once a minute at most."""


@dataclass(slots=True)
class Keeping:
    """Who answers in an entry whose weights move.

    revision  of the entry
    choose    64 bits of a unit -> index of its arm, where it keeps none
    issuer    (version, earlier revision) -> what makes the ids of who keeps what that revision gave
    """

    assigner: Assigner
    revision: int
    arms: Sequence[Arm]
    targets: Sequence[Target]
    choose: Callable[[int], int]
    issuer: Callable[[int, int], Issuer]
    _made: dict[tuple[int, int], Target] = field(default_factory=dict)

    def target(self, exchange: Exchange, *, named: bool) -> Target:
        """Who answers, by what the client brought back or by the weights; the answer will say it again.

        Whoever names no unit and brings back one that it was given is this unit.
        """
        text = exchange.head.assignment
        if text:
            said = self.assigner.read(text, exchange.unit if named else None)
            place = None if said is None else kept(self.arms, said)
            if said is not None and place is not None:
                exchange.unit = said.unit
                exchange.assigned = _LINE % text
                return self._kept(place, said.revision)
        place = self.choose(exchange.unit)
        given = Assignment(self.revision, self.arms[place].version, exchange.unit, named=named)
        exchange.assigned = _LINE % self.assigner.make(given)
        return self.targets[place]

    def _kept(self, place: int, revision: int) -> Target:
        if revision == self.revision:
            return self.targets[place]
        found = self._made.get((place, revision))
        if found is None:
            if len(self._made) >= _MOST_EARLIER:
                self._made.clear()
            found = self._made[place, revision] = self._earlier(self.targets[place], revision)
        return found

    def _earlier(self, target: Target, revision: int) -> Target:
        """Counted as what it is now: only ids and evidence are of the revision that gave it."""
        witness = None if target.witness is None else target.witness.of_revision(revision)
        issuer = self.issuer(target.version.number, revision)
        return replace(target, issuer=issuer, chance=None, witness=witness)
