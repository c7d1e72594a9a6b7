"""The locked triple of a version as a small graph: what is drawn where. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

BOX_WIDTH, BOX_HEIGHT, GAP, MARGIN = 208, 92, 56, 22
"""Pixels: the longest usual name and three lines in a box, four of them beside each other at 1280."""


@dataclass(frozen=True, slots=True)
class Part:
    """One node of the graph. `note` and `mono` are the two lines under its name."""

    kind: str
    name: str
    note: str = ""
    mono: str = ""
    same_as_live: bool | None = None


@dataclass(frozen=True, slots=True)
class Box:
    """A part with its place, in units of the drawing."""

    part: Part
    x: int
    y: int
    arrow: str = ""


@dataclass(frozen=True, slots=True)
class Drawing:
    width: int
    height: int
    boxes: tuple[Box, ...]
    box_width: int = BOX_WIDTH
    box_height: int = BOX_HEIGHT


def drawing(parts: Sequence[Part]) -> Drawing:
    """The parts from left to right, each with the arrow that leads to it from the one before."""
    boxes, middle = [], MARGIN + 14 + BOX_HEIGHT // 2
    for index, part in enumerate(parts):
        x = MARGIN + index * (BOX_WIDTH + GAP)
        arrow = f"M{x - GAP + 4} {middle}H{x - 10}" if index else ""
        boxes.append(Box(part, x, MARGIN + 14, arrow))
    width = 2 * MARGIN + len(parts) * BOX_WIDTH + (len(parts) - 1) * GAP
    return Drawing(width, BOX_HEIGHT + 2 * MARGIN + 42, tuple(boxes))
