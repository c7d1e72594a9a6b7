"""A template as a tree of elements, blocks of Django and leaves."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Leaf:
    """A word, a value, a tag of Django without an end, a comment."""

    source: str
    name: str = ""
    shows: bool = True  # whether it leaves anything on the page
    soft: bool = False  # whether space beside it is not seen
    alone: bool = False  # whether it gets a line of its own


@dataclass(frozen=True, slots=True)
class Space:
    """White space between two others, however much of it."""


@dataclass(frozen=True, slots=True)
class Element:
    """A tag of HTML with what it holds; `kept` is what it holds where that must stay as it is."""

    name: str
    attributes: list[Attribute]
    children: list[Node] = field(default_factory=list)
    closes: bool = True
    ending: str = ">"
    kept: str | None = None
    folds: bool = False  # whether it is what opens and closes a box of ours


@dataclass(frozen=True, slots=True)
class Block:
    """A tag of Django with an end: each branch is what opens it and what it holds."""

    name: str
    branches: list[tuple[str, list[Node]]]
    end: str


@dataclass(frozen=True, slots=True)
class Choice:
    """Attributes that stand there in some cases alone."""

    branches: list[tuple[str, list[Attribute]]]
    end: str


Attribute = str | Choice
Node = Leaf | Space | Element | Block
