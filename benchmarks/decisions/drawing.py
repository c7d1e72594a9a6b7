"""Lines over a common axis as an SVG for light and dark pages; each line is named at its end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor

from registry.charts.scales import Axis, Scale, Tick, axis

_WIDTH, _HEIGHT = 760, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 170, 40, 40
_FOOT = _HEIGHT - _BOTTOM
_APART = 15
_STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .title { font-weight: 600 }
  .note { fill: #59636e }
  .rule { stroke: #d1d9e0; stroke-width: 1 }
  .line { fill: none; stroke-width: 2 }
  .ours { stroke: #0b6bcb }
  .other { stroke: #bc4c00; stroke-dasharray: 7 4 }
  .third { stroke: #59636e; stroke-dasharray: 2 3 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .note { fill: #9198a1 }
    .rule { stroke: #3d444d }
    .ours { stroke: #58a6ff }
    .other { stroke: #f0883e }
    .third { stroke: #9198a1 }
  }
"""


@dataclass(frozen=True, slots=True)
class Line:
    """`kind` is ours, other or third: a colour and a pattern. A line without a name goes with another."""

    name: str
    kind: str
    xs: Sequence[float]
    ys: Sequence[float]


@dataclass(frozen=True, slots=True)
class Frame:
    """What the lines lie in: `low` to `high`, with `unit` behind the numbers.

    tenfold_across, tenfold   values are powers of ten, 3 for a thousand, across and upwards
    """

    title: str
    across: str
    unit: str
    low: float
    high: float
    tenfold_across: bool = False
    tenfold: bool = False


def draw(frame: Frame, lines: Sequence[Line], described: str) -> str:
    """An SVG document. `described` says in words what is to be seen, for those who see no pictures."""
    upwards = (powers if frame.tenfold else axis)([frame.low, frame.high])
    ends = [min(min(line.xs) for line in lines), max(max(line.xs) for line in lines)]
    along = powers(ends) if frame.tenfold_across else axis([0.0, *ends])
    parts = (*_ground(frame, along, upwards), *_lines(frame, lines, along, upwards))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" '
        f'height="{_HEIGHT}" role="img" aria-label="{escape(described)}">\n<style>{_STYLE}</style>\n'
        f'<text class="title" x="0" y="16">{escape(frame.title)}</text>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def powers(exponents: Sequence[float]) -> Axis:
    """An axis that names every power of ten, and a part of one as 1/100."""
    scale = Scale(min(exponents), max(exponents))
    whole = range(ceil(scale.low), floor(scale.high) + 1)
    named = ((n, f"{10**n:,}" if n >= 0 else f"1/{10**-n:,}") for n in whole)
    return Axis(scale, tuple(Tick(round(100 - scale.place(n), 3), label) for n, label in named))


def _ground(frame: Frame, along: Axis, upwards: Axis) -> Iterator[str]:
    right = _WIDTH - _RIGHT
    for tick in upwards.ticks:
        y = _y(tick.at)
        yield f'<line class="rule" x1="{_LEFT}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}"/>'
        label = escape(tick.label + frame.unit)
        yield f'<text class="note" x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{label}</text>'
    for tick in along.ticks:
        yield _under(_x(tick.at), _FOOT + 18, tick.label)
    yield _under((_LEFT + right) / 2, _HEIGHT - 4, frame.across)


def _under(x: float, y: float, words: str) -> str:
    return f'<text class="note" x="{x:.1f}" y="{y}" text-anchor="middle">{escape(words)}</text>'


def _lines(frame: Frame, lines: Sequence[Line], along: Axis, upwards: Axis) -> Iterator[str]:
    for line in lines:
        points = " ".join(
            f"{_x(along.y(x)):.1f},{_y(upwards.y(min(max(y, frame.low), frame.high))):.1f}"
            for x, y in zip(line.xs, line.ys, strict=True)
        )
        yield f'<polyline class="line {line.kind}" points="{points}"/>'
    named = sorted((line for line in lines if line.name), key=lambda each: -each.ys[-1])
    for line, y in zip(named, _free([_y(upwards.y(line.ys[-1])) for line in named]), strict=True):
        yield f'<text x="{_x(along.y(line.xs[-1])) + 14:.1f}" y="{y + 4:.1f}">{escape(line.name)}</text>'


def _free(wanted: Sequence[float]) -> list[float]:
    """Places from the top down that are as near to those as leaves each name a row, none below the ground."""
    placed, least = [], -1e9
    for y in wanted:
        placed.append(max(y, least))
        least = placed[-1] + _APART
    most = float(_FOOT)
    for place in reversed(range(len(placed))):
        placed[place] = min(placed[place], most)
        most = placed[place] - _APART
    return placed


def _x(from_right: float) -> float:
    """An axis counts its places in percent from its far end."""
    return _LEFT + (100 - from_right) / 100 * (_WIDTH - _LEFT - _RIGHT)


def _y(from_top: float) -> float:
    return _TOP + from_top / 100 * (_FOOT - _TOP)
