"""Lines through values, some of which are missing: what is missing stays a gap."""

from __future__ import annotations

from collections.abc import Sequence

Point = tuple[float, float]
Run = tuple[int, int]
"""The first and the last place of neighbours."""


def middle(place: int, many: int) -> float:
    """The middle of one of `many` equal parts, in percent."""
    return round((place + 0.5) / many * 100, 3)


def runs(values: Sequence[float | None]) -> list[Run]:
    """Where values stand next to each other."""
    return _runs([value is not None for value in values])


def gaps(values: Sequence[float | None]) -> list[Run]:
    """Where nothing was measured. The last place alone is none: its time has only begun."""
    found = _runs([value is None for value in values])
    last = len(values) - 1
    return [run for run in found if run != (last, last)]


def _runs(wanted: Sequence[bool]) -> list[Run]:
    found: list[Run] = []
    for place, is_one in enumerate(wanted):
        if is_one and found and found[-1][1] == place - 1:
            found[-1] = (found[-1][0], place)
        elif is_one:
            found.append((place, place))
    return found


def line(points: Sequence[Point]) -> str:
    """Points as SVG writes them."""
    return " ".join(f"{x:g},{y:g}" for x, y in points)


def area(points: Sequence[Point], ground: float = 100) -> str:
    """What lies between a line and the ground."""
    return line([*points, (points[-1][0], ground), (points[0][0], ground)])
