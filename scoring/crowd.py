"""Who is connected: how many in all and from one address, and who has to go when somebody new comes."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv6Address, ip_address
from typing import Protocol

_NETWORK_BITS = 64


class Guest(Protocol):
    """A connection, as far as the crowd cares."""

    def may_go(self) -> bool:
        """True while nobody answers it: it is silent, idle, or has not said yet what it wants."""
        ...

    def send_away(self) -> None:
        """Make room. It leaves the crowd at once, whenever its socket closes."""
        ...


class Crowd:
    """All open connections of a process.

    Where there is no room, the one that has kept silent for longest goes: of the same address where that
    has too many, else of the address that has most. So connections that ask for nothing keep nobody out.
    """

    def __init__(self, most: int, per_address: int) -> None:
        self._most, self._per_address = most, per_address
        self._at: dict[str, dict[Guest, None]] = {}
        self._count = 0

    def __iter__(self) -> Iterator[Guest]:
        return iter([guest for guests in self._at.values() for guest in guests])

    def __len__(self) -> int:
        return self._count

    def enter(self, guest: Guest, address: str, *, proxy: bool = False) -> bool:
        """Take somebody in; whether there is room. `proxy` connections stand for many and are not counted."""
        mine = self._at.setdefault(address, {})
        mine[guest] = None
        self._count += 1
        if len(mine) > self._per_address and not proxy:
            return self._make_room([mine], guest)
        if self._count > self._most:
            return self._make_room(sorted(self._at.values(), key=len, reverse=True), guest)
        return True

    def stir(self, guest: Guest, address: str) -> None:
        """It has been answered: of all that are silent now, it is the last that came."""
        mine = self._at.get(address, {})
        if guest in mine:
            del mine[guest]
            mine[guest] = None

    def leave(self, guest: Guest, address: str) -> None:
        """Nothing happens where it has left before."""
        mine = self._at.get(address, {})
        if guest in mine:
            del mine[guest]
            self._count -= 1
            if not mine:
                del self._at[address]

    def _make_room(self, groups: list[dict[Guest, None]], newcomer: Guest) -> bool:
        for group in groups:
            for guest in group:
                if guest is not newcomer and guest.may_go():
                    guest.send_away()
                    return True
        return False


def household(address: str) -> str:
    """What counts as one address: of IPv6 the network, because whoever has one has all of its addresses."""
    if ":" not in address:
        return address
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    mapped = getattr(found, "ipv4_mapped", None)
    if mapped is not None:
        return str(mapped)
    return f"{IPv6Address(int(found) >> _NETWORK_BITS << _NETWORK_BITS)}/{_NETWORK_BITS}"
