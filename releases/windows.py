"""When a window is open: again and again by the clock of a place, or once. Pure.

Five fields as cron has them say when it begins, by the wall clock of its zone, and so many minutes by the
same clock how long it lasts: what begins on Friday at 18:00 and lasts 62 hours ends on Monday at 08:00, also
when the clocks change between. A time that comes twice begins with the first and ends with the second; one
that the clock leaves out is the moment at which it jumps.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from registry.errors import BadInput

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
A_DAY = timedelta(days=1)
CLOCKS_JUMP = timedelta(hours=3)
"""No clock that is put back goes back by more."""
LONGEST_WAIT = 9 * 366
"""Days within which every date comes that ever does: the 29th of February may fail once."""
MOST_MINUTES = 7 * 24 * 60
"""A week: what recurs weekly may not overlap itself."""
LONGEST_ONCE = timedelta(days=92)
FURTHEST = timedelta(days=2 * 366)
_TERM = re.compile(
    r"(?:(?P<all>\*)|(?P<low>[a-z]+|\d{1,2})(?:-(?P<high>[a-z]+|\d{1,2}))?)(?:/(?P<step>\d{1,2}))?",
    re.ASCII,
)
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+/-]{0,63}")


@dataclass(frozen=True, slots=True)
class Field:
    """One of the five: what it is called, and what may stand in it."""

    name: str
    low: int
    high: int
    words: Sequence[str] = ()


FIELDS = (
    Field("minute", 0, 59),
    Field("hour", 0, 23),
    Field("day of the month", 1, 31),
    Field("month", 1, 12, MONTHS),
    Field("day of the week", 0, 7, DAYS),
)


@dataclass(frozen=True, slots=True)
class Beginnings:
    """When something begins, by the wall clock. `either`: both kinds of days are said, and one is enough."""

    minutes: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either: bool

    def on(self, day: date) -> bool:
        of_month, of_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        is_day = of_month or of_week if self.either else of_month and of_week
        return is_day and day.month in self.months

    def before(self, wall: datetime, days: int) -> Iterator[datetime]:
        """From `wall` backwards, no further than so many days."""
        for back in range(days + 1):
            day = wall.date() - timedelta(days=back)
            for minute in reversed(self.minutes) if self.on(day) else ():
                if (begins := _at_minute(day, minute)) <= wall:
                    yield begins

    def after(self, wall: datetime) -> Iterator[datetime]:
        for ahead in range(LONGEST_WAIT):
            day = wall.date() + timedelta(days=ahead)
            for minute in self.minutes if self.on(day) else ():
                if (begins := _at_minute(day, minute)) >= wall:
                    yield begins


@dataclass(frozen=True, slots=True)
class Repeated:
    """A window that opens as `cron` says by the clock of `zone`, and lasts so many minutes."""

    cron: str
    zone: str
    minutes: int


@dataclass(frozen=True, slots=True)
class Once:
    """A window that opens once; `zone` is by whose clock it is told."""

    begins: datetime
    ends: datetime
    zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Open:
    """A window that is open, or will be: from when, and until when."""

    begins: datetime
    ends: datetime


@dataclass(frozen=True, slots=True)
class Freeze:
    """A freeze that is on: whose name it has, and until when."""

    name: str
    until: datetime
    zone: str = "UTC"

    def __str__(self) -> str:
        there = self.until.astimezone(zone(self.zone))
        return f"frozen by {self.name} until {there:%a} {there.day} {there:%b} {there:%H:%M} ({self.zone})"


Times = Callable[[Repeated | Once, datetime], Open | None]


@lru_cache(maxsize=256)
def parse(cron: str) -> Beginnings:
    """Five fields, as `0 18 * * fri`. Raises BadInput saying what is wrong."""
    terms = cron.lower().split()
    if len(terms) != len(FIELDS):
        names = ", ".join(field.name for field in FIELDS)
        raise BadInput(
            f"Write five fields with spaces between: {names}. 0 18 * * fri is Friday at 18:00.", field="cron"
        )
    minutes, hours, days, months, weekdays = (
        _values(field, term) for field, term in zip(FIELDS, terms, strict=True)
    )
    found = Beginnings(
        tuple(sorted(60 * hour + minute for hour in hours for minute in minutes)),
        days,
        months,
        frozenset(day % 7 for day in weekdays),
        either=not terms[2].startswith("*") and not terms[4].startswith("*"),
    )
    if next(found.after(datetime(2000, 1, 1)), None) is None:  # noqa: DTZ001 - a wall clock has no zone
        raise BadInput(f"No day is ever meant by {cron!r}: look at the day and the month.", field="cron")
    return found


def _values(field: Field, text: str) -> frozenset[int]:
    return frozenset(value for term in text.split(",") for value in _range(field, term))


def _range(field: Field, term: str) -> range:
    found = _TERM.fullmatch(term)
    if found is None:
        raise BadInput(f"{term!r} is no {field.name}: write *, 5, 1-5, */10 or 1,15.", field="cron")
    step = int(found["step"] or 1)
    if found["all"]:
        low, high = field.low, field.high
    else:
        low = _value(field, found["low"])
        high = _value(field, found["high"]) if found["high"] else field.high if found["step"] else low
    if step < 1 or high < low:
        raise BadInput(
            f"{term!r} means no {field.name} at all: from the lower to the higher, by 1 or more.",
            field="cron",
        )
    return range(low, high + 1, step)


def _value(field: Field, text: str) -> int:
    if text in field.words:
        return field.low + field.words.index(text)
    value = int(text) if text.isdecimal() else -1
    if not field.low <= value <= field.high:
        raise BadInput(f"{text!r} is no {field.name}: it is {field.low} to {field.high}.", field="cron")
    return value


def zone(name: str) -> ZoneInfo:
    """Raises BadInput where no such place is known here."""
    try:
        if _ZONE.fullmatch(name):
            return ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        pass
    raise BadInput(f"There is no time zone {name[:64]!r}: write one as Europe/Vienna or UTC.", field="zone")


def open_now(times: Repeated | Once, now: datetime) -> Open | None:
    """The window in which `now` lies, the one that ends last where several do."""
    if isinstance(times, Once):
        return Open(times.begins, times.ends) if times.begins <= now < times.ends else None
    rule, place = parse(times.cron), zone(times.zone)
    days = (timedelta(minutes=times.minutes) + 2 * CLOCKS_JUMP) // A_DAY + 1
    for begins in rule.before(_wall(now, place) + CLOCKS_JUMP, days):
        found = _open(begins, times.minutes, place)
        if found.begins <= now:
            return found if now < found.ends else None
    return None


def next_open(times: Repeated | Once, now: datetime) -> Open | None:
    """The next window that begins after `now`."""
    if isinstance(times, Once):
        return Open(times.begins, times.ends) if times.begins > now else None
    rule, place = parse(times.cron), zone(times.zone)
    opened = (_open(begins, times.minutes, place) for begins in rule.after(_wall(now, place) - CLOCKS_JUMP))
    return next((found for found in opened if found.begins > now), None)


def _open(begins: datetime, minutes: int, place: ZoneInfo) -> Open:
    return Open(_moment(begins, place, 0), _moment(begins + timedelta(minutes=minutes), place, 1))


def _moment(wall: datetime, place: ZoneInfo, fold: int) -> datetime:
    """When the clock there shows it: for the first (0) or the second time (1), where it shows it twice."""
    there = wall.replace(tzinfo=place, fold=fold).astimezone(UTC)
    if _wall(there, place) == wall:
        return there
    early, late = sorted(wall.replace(tzinfo=place, fold=each).astimezone(UTC) for each in (0, 1))
    before = early.astimezone(place).utcoffset()
    while late - early > timedelta(seconds=1):
        middle = early + (late - early) // 2
        early, late = (middle, late) if middle.astimezone(place).utcoffset() == before else (early, middle)
    return late.replace(microsecond=0)


def _wall(moment: datetime, place: ZoneInfo) -> datetime:
    return moment.astimezone(place).replace(tzinfo=None)


def _at_minute(day: date, minute: int) -> datetime:
    return datetime(day.year, day.month, day.day, *divmod(minute, 60))  # noqa: DTZ001 - a wall clock has no zone
