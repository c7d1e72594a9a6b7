"""Where a value stands in a drawing, and which values an axis names."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

STEPS = (1.0, 2.0, 5.0, 10.0)
FACTORS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
LEAST_PLAIN, MOST_PLAIN, MOST_NAMED = 1e-4, 1e4, 1e15
"""Between the first two a value is told in full, up to the third by a letter, else as a power of ten."""
USUAL_LABEL = 6
"""Characters for which the margin at the left has room; longer ones get more."""
LARGEST, LEAST = 1e300, 1e-280
"""Beyond the one no difference of two values can be told, below the other none is worth telling."""


@dataclass(frozen=True, slots=True)
class Scale:
    """The values from `low` to `high`, which differ."""

    low: float
    high: float

    def place(self, value: float) -> float:
        """Where a value lies, in percent from the low end, kept inside."""
        part = (value - self.low) / (self.high - self.low)
        return round(min(max(part, 0.0), 1.0) * 100, 3)


@dataclass(frozen=True, slots=True)
class Tick:
    """A value that an axis names: where, and in which words."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis from the bottom up; `at` of a tick counts from the top, as drawings do."""

    scale: Scale
    ticks: tuple[Tick, ...]

    @property
    def wide(self) -> bool:
        """Whether a label is longer than usual."""
        return any(len(tick.label) > USUAL_LABEL for tick in self.ticks)

    def y(self, value: float) -> float:
        """How far below the top a value lies, in percent."""
        return round(100 - self.scale.place(value), 3)


def around(values: Sequence[float], room: float = 0.12) -> Scale:
    """A scale that holds all values with some room on both sides; never of width zero."""
    low, high = min(values), max(values)
    width = (high - low) or abs(high) or 1.0
    return Scale(low - room * width, high + room * width)


def axis(values: Iterable[float], *, zero: bool = False, most: int = 5) -> Axis:
    """An axis that ends in nice numbers and holds all values; from zero up where they are counts or times."""
    known = [min(max(value, -LARGEST), LARGEST) for value in values if not math.isnan(value)]
    low = min([0.0, *known]) if zero else min(known, default=0.0)
    high = max(known, default=low)
    if high - low <= max(abs(low), abs(high), LEAST) * 1e-12:
        low, high = _apart(low, zero)
    step = _step((high - low) / (most - 1))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    scale = Scale(first * step, max(last, first + 1) * step)
    named = [number * step for number in range(first, max(last, first + 1) + 1)]
    words = labels(named, step)
    return Axis(
        scale, tuple(Tick(round(100 - scale.place(v), 3), w) for v, w in zip(named, words, strict=True))
    )


def _apart(value: float, zero: bool) -> tuple[float, float]:
    """Two ends for values that are all the same."""
    if zero and value >= 0:
        return 0.0, value if value > LEAST else 1.0
    width = abs(value) * 0.05 if abs(value) > LEAST else 1.0
    return value - width, value + width


def _step(least: float) -> float:
    """The least of 1, 2, 5, 10, 20, ... and of their tenths that is not smaller."""
    power = 10.0 ** math.floor(math.log10(least))
    return next((power * step for step in STEPS if power * step >= least * (1 - 1e-9)), power * 10)


def labels(values: Sequence[float], step: float) -> list[str]:
    """The words of values that are `step` apart: as many digits as tell them apart, and no more."""
    top = max(abs(value) for value in values)
    factor, letter = 1.0, ""
    if MOST_PLAIN <= top < MOST_NAMED:
        factor, letter = next((f, w) for f, w in FACTORS if top >= f)
    elif top and not LEAST_PLAIN <= top < MOST_NAMED:
        return _powers(values, step)
    places = max(-math.floor(math.log10(step / factor) + 1e-9), 0)
    return [f"{value / factor:.{places}f}{letter}" if value else "0" for value in values]


def _powers(values: Sequence[float], step: float) -> list[str]:
    """As powers of ten, with the fewest digits that are exact enough."""
    for digits in range(7):
        words = [f"{value:.{digits}e}" for value in values]
        if all(abs(float(word) - value) < step / 100 for word, value in zip(words, values, strict=True)):
            break
    return [word if value else "0" for word, value in zip(words, values, strict=True)]


def anchor(x: float) -> str:
    """How a word at `x` percent is set, so that it stays inside the drawing."""
    return "start" if x < 12 else "end" if x > 88 else "middle"
