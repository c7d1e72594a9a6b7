"""Facts about units as a set union: whatever order they come in, and however often, the same ones stand.

Of two facts of one key the one of the lower revision stands: a unit belongs to the weights by which it was
first answered, though another node may tell of later ones sooner. Within a revision it is drawn which node's
stands, so that no node takes the units of all others. What one node told first it stays with, for its batches
come in order. What a fact says never decides whether it stands: that would be a choice of outcomes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple
from zlib import crc32

from formats.evidence import FactKind

MOVED = "moved"
"""Kind of what is found here: a unit that was seen under another version before. `about` is the version that
it came to, `value` 1 where that was under weights which had given it to the other one."""

Key = tuple[str, int, int]


class Kept(NamedTuple):
    """A fact as it is kept. `unit` is a signed number of 64 bits, as databases have them."""

    kind: str
    about: int
    unit: int
    revision: int
    version: int
    value: int
    node: str

    @property
    def key(self) -> Key:
        """What there is one of in a rollout."""
        return (self.kind, self.about, self.unit)

    @property
    def rank(self) -> tuple[int, int, int]:
        """Of one key the lowest stands, of two alike the one that was told first: what a unit asked first has
        the unit, whichever version that came to."""
        version = 0 if self.kind == FactKind.CONTEXT else self.version
        return (self.revision, crc32(self.node.encode(), self.unit & 0xFFFFFFFF), version)


def united(stored: Iterable[Kept], told: Iterable[Kept]) -> Mapping[Key, Kept]:
    """What stands of the keys of both. `stored` has all that is kept of the units in `told`."""
    found: dict[Key, Kept] = {}
    for fact in (*stored, *told):
        place = _place(fact)
        if place not in found or fact.rank < found[place].rank:
            found[place] = fact
    seen: dict[int, list[Kept]] = defaultdict(list)
    for place in [place for place in found if place[0] == FactKind.SEEN]:
        seen[place[2]].append(found.pop(place))
    return found | {fact.key: fact for versions in seen.values() for fact in _moves(versions)}


def _place(fact: Kept) -> Key:
    """That a unit was seen is kept once for each version, until it is known which was the first."""
    if fact.kind in (FactKind.SEEN, MOVED):
        return (FactKind.SEEN, fact.version, fact.unit)
    return fact.key


def _moves(versions: Collection[Kept]) -> Iterable[Kept]:
    """The first version that a unit was seen under has it; to all others it moved."""
    first, *others = sorted(versions, key=lambda fact: fact.rank)
    yield first._replace(kind=str(FactKind.SEEN), about=0)
    revisions = {first.revision}
    for fact in others:
        yield fact._replace(kind=MOVED, about=fact.version, value=int(fact.revision in revisions))
        revisions.add(fact.revision)
