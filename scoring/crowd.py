"""Who is connected: how many in all and from one address, and who has to go when somebody new comes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from heapq import nsmallest
from operator import itemgetter
from typing import Generic, Protocol, TypeVar

_SHARE = 64
"""One in so many is sent away at a time, so that a full house is not searched for each newcomer."""


class Guest(Protocol):
    """A connection, as far as the crowd cares."""

    def silence(self) -> tuple[bool, float] | None:
        """Whether it was ever answered, and since when it waits for nothing; None while it may not go."""
        ...

    def send_away(self) -> None:
        """Make room."""
        ...


G = TypeVar("G", bound=Guest)


class Crowd(Generic[G]):
    """All open connections of a process.

    Where there is no room, those go that have kept silent for longest, first who has never asked for
    anything: of the same address where that has too many, else of the address that has most. So connections
    that ask for nothing keep nobody out.
    """

    def __init__(self, most: int, per_address: int) -> None:
        self._most, self._per_address = most, per_address
        self._at: dict[str, set[G]] = {}
        self._count = 0

    def __iter__(self) -> Iterator[G]:
        return iter([guest for guests in self._at.values() for guest in guests])

    def __len__(self) -> int:
        return self._count

    def enter(self, guest: G, address: str, *, proxy: bool = False) -> bool:
        """Take somebody in; whether there is room. A proxy stands for many: only all together count."""
        mine = self._at.setdefault(address, set())
        mine.add(guest)
        self._count += 1
        if len(mine) > self._per_address and not proxy:
            return _make_room([mine], guest)
        if self._count > self._most:
            return _make_room(sorted(self._at.values(), key=len, reverse=True), guest)
        return True

    def leave(self, guest: G, address: str) -> None:
        """Nothing happens where it has left before."""
        mine = self._at.get(address, set())
        if guest in mine:
            mine.discard(guest)
            self._count -= 1
            if not mine:
                del self._at[address]


def _make_room(groups: Iterable[set[G]], newcomer: G) -> bool:
    """Some at once, because to find them takes a look at all."""
    for group in groups:
        silent = [(told, guest) for guest in group if guest is not newcomer and (told := guest.silence())]
        if silent:
            for _, guest in nsmallest(1 + len(group) // _SHARE, silent, key=itemgetter(0)):
                guest.send_away()
            return True
    return False
