"""The times that a reader may choose to look at, and how finely each is told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

MINUTE, HOUR, DAY = 60, 3600, 86_400
"""Seconds, as rows say their span."""


@dataclass(frozen=True, slots=True)
class Span:
    """`seconds` until now, in points of `step` seconds, summed up from rows of `row` seconds."""

    name: str
    words: str
    seconds: int
    step: int
    row: int

    @property
    def points(self) -> int:
        return self.seconds // self.step

    @property
    def label(self) -> str:
        """As a choice: `words` come after "the last"."""
        return self.words if self.words[0].isdigit() else f"1 {self.words}"


SPANS = {
    span.name: span
    for span in (
        Span("15m", "15 minutes", 15 * MINUTE, MINUTE, MINUTE),
        Span("1h", "hour", HOUR, MINUTE, MINUTE),
        Span("6h", "6 hours", 6 * HOUR, 2 * MINUTE, MINUTE),
        Span("24h", "24 hours", DAY, 10 * MINUTE, MINUTE),
        Span("7d", "7 days", 7 * DAY, HOUR, HOUR),
        Span("30d", "30 days", 30 * DAY, 4 * HOUR, HOUR),
        Span("90d", "90 days", 90 * DAY, DAY, DAY),
    )
}
USUAL = SPANS["1h"]


def called(name: str) -> Span:
    """The span of that name, else the usual one."""
    return SPANS.get(name, USUAL)


@dataclass(frozen=True, slots=True)
class Window:
    """A span as it ends now: its points begin at whole steps of UTC, and the last one has only begun."""

    span: Span
    now: datetime

    @property
    def started(self) -> datetime:
        last = self.now.timestamp() // self.span.step * self.span.step
        return datetime.fromtimestamp(last - (self.span.points - 1) * self.span.step, UTC)

    @property
    def ended(self) -> datetime:
        """Where the last point would end."""
        return self.started + timedelta(seconds=self.span.seconds)

    def starts(self) -> list[datetime]:
        first, step = self.started, timedelta(seconds=self.span.step)
        return [first + step * place for place in range(self.span.points)]

    def place(self, at: datetime) -> int | None:
        """Which point a moment belongs to, if any."""
        place = int((at - self.started).total_seconds() // self.span.step)
        return place if 0 <= place < self.span.points else None

    def seconds(self, start: datetime) -> float:
        """How much of the point from `start` on is over, a second at least."""
        return min(float(self.span.step), max((self.now - start).total_seconds(), 1.0))


def until_now(span: Span = USUAL) -> Window:
    return Window(span, datetime.now(UTC))


def reaching(at: datetime, now: datetime) -> Span | None:
    """The shortest span that still shows a moment."""
    return next((span for span in SPANS.values() if Window(span, now).started <= at), None)
