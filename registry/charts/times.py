"""The times that an axis names, in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from registry.charts.scales import Tick

MINUTE, HOUR, DAY = 60, 3600, 86_400
"""Seconds."""
STEPS = (
    *(MINUTE * n for n in (1, 2, 5, 10, 15, 30)),
    *(HOUR * n for n in (1, 2, 3, 6, 12)),
    *(DAY * n for n in (1, 2, 5, 10, 20)),
)


def ticks(start: datetime, end: datetime, most: int = 5) -> tuple[Tick, ...]:
    """At most so many whole times between two, evenly apart, and where they lie in percent."""
    first, width = start.timestamp(), (end - start).total_seconds()
    step = next((step for step in STEPS if width / step <= most), STEPS[-1])
    moment = -(-first // step) * step
    found = []
    while moment <= first + width:
        at = datetime.fromtimestamp(moment, UTC)
        found.append(Tick(round((moment - first) / width * 100, 3), label(at, step)))
        moment += step
    return tuple(found)


def label(at: datetime, step: int) -> str:
    """A time of day, or the day where a day begins or only days are named."""
    midnight = (at.hour, at.minute) == (0, 0)
    return day(at) if step >= DAY or midnight else f"{at:%H:%M}"


def day(at: datetime) -> str:
    return f"{at.day} {at:%b}"


def moment(at: datetime, span: timedelta) -> str:
    """A moment as people say it who look at so long a time: the hour, or the day with it."""
    if span <= timedelta(days=1):
        return f"{at:%H:%M}"
    return f"{day(at)} {at:%H:%M}"
