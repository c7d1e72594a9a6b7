"""A metric over versions: proven with its interval, claimed, and held against the acceptable range."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from registry.charts import paths
from registry.charts.lines import Hit
from registry.charts.numbers import figure
from registry.charts.scales import Axis, Tick, axis

REACH = 12.0
"""An end of the range that is so many times as far as all values are apart stays beyond the drawing."""
NAMED = 7
"""Versions whose names fit below each other's marks at 390 px."""


@dataclass(frozen=True, slots=True)
class Step:
    """One version. What is not known is None; `note` is what else a reader is told of it."""

    label: str
    value: float | None = None
    lower: float | None = None
    upper: float | None = None
    low: float | None = None
    high: float | None = None
    claimed: float | None = None
    failed: bool = False
    live: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class Band:
    """The acceptable values of neighbours that share them."""

    x: float
    width: float
    top: float
    height: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Dot:
    """A version's value: where, its interval, how it is drawn, and in which words it is told."""

    middle: float
    y: float | None
    whisker: tuple[float, float] | None
    claimed: float | None
    failed: bool
    live: bool
    label: str
    words: str


@dataclass(frozen=True, slots=True)
class TrendChart:
    """All that the template draws."""

    label: str
    axis: Axis
    names: Sequence[Tick]
    bands: Sequence[Band]
    lines: Sequence[str]
    dots: Sequence[Dot]

    @property
    def hits(self) -> list[Hit]:
        """The part of the drawing that is each version's."""
        width = 100 / max(len(self.dots), 1)
        return [
            Hit(round(place * width, 3), round(width, 3), dot.middle, None, dot.words)
            for place, dot in enumerate(self.dots)
        ]

    @property
    def summary(self) -> str:
        """What the drawing shows, in words."""
        told = [dot for dot in self.dots if dot.y is not None]
        ends = f": from {told[0].words} to {told[-1].words}" if told else ": none proven"
        return f"{self.label} of {len(self.dots)} versions{ends}"

    @property
    def told(self) -> str:
        """The newest that was proven."""
        return next((dot.words for dot in reversed(self.dots) if dot.y is not None), "none proven yet")


def trend_chart(label: str, steps: Sequence[Step]) -> TrendChart:
    """Versions beside each other, the oldest first."""
    upwards = axis(_shown(steps))
    many = len(steps)
    dots = [_dot(place, many, step, upwards, label) for place, step in enumerate(steps)]
    lines = [
        paths.line([(dot.middle, dot.y) for dot in dots[a : b + 1] if dot.y is not None])
        for a, b in paths.runs([dot.y for dot in dots])
        if b > a
    ]
    every = max(-(-many // NAMED), 1)
    names = [Tick(dot.middle, dot.label) for dot in dots[(many - 1) % every :: every]]
    return TrendChart(label, upwards, names, _bands(steps, upwards), lines, dots)


def _shown(steps: Sequence[Step]) -> list[float]:
    """All that was measured and claimed, and the ends of ranges that are near enough to be seen with it."""
    found = [v for s in steps for v in (s.value, s.lower, s.upper, s.claimed) if v is not None]
    ends = sorted({end for step in steps for end in (step.low, step.high) if end is not None})
    if not found:
        return ends
    low, high = min(found), max(found)
    far = REACH * ((high - low) or abs(high) * 0.1 or 1.0)
    return [*found, *(end for end in ends if low - far <= end <= high + far)]


def _dot(place: int, many: int, step: Step, upwards: Axis, metric: str) -> Dot:
    whisker = None
    if step.value is not None and (step.lower, step.upper) != (None, None):
        ends = [step.value if end is None else end for end in (step.lower, step.upper)]
        whisker = upwards.y(ends[0]), upwards.y(ends[1])
    return Dot(
        middle=paths.middle(place, many),
        y=None if step.value is None else upwards.y(step.value),
        whisker=whisker,
        claimed=None if step.claimed is None else upwards.y(step.claimed),
        failed=step.failed,
        live=step.live,
        label=step.label,
        words=words(step, metric),
    )


def words(step: Step, metric: str) -> str:
    """Version, value, interval, claim and what became of it."""
    said = f"version {step.label}: "
    said += "not proven" if step.value is None else f"{metric} {figure(step.value)}"
    bounds = [end for end in (step.lower, step.upper) if end is not None]
    if step.value is not None and len(bounds) == 2:
        said += f", 95 % sure between {figure(bounds[0])} and {figure(bounds[1])}"
    if step.claimed is not None:
        said += f", claimed {figure(step.claimed)}"
    return f"{said}; {step.note}" if step.note else said


def _bands(steps: Sequence[Step], upwards: Axis) -> list[Band]:
    found: list[Band] = []
    width = 100 / len(steps) if steps else 0.0
    begun = 0
    for place, step in enumerate(steps):
        following = steps[place + 1] if place + 1 < len(steps) else None
        if following and (following.low, following.high) == (step.low, step.high):
            continue
        if (step.low, step.high) != (None, None):
            top = 0.0 if step.high is None else upwards.y(step.high)
            ground = 100.0 if step.low is None else upwards.y(step.low)
            x, wide = round(begun * width, 3), round((place + 1 - begun) * width, 3)
            found.append(Band(x, wide, top, round(ground - top, 3), step.low, step.high))
        begun = place + 1
    return found
