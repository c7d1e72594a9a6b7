"""Where white space may be put without being seen.

Beside the edge of a box a browser drops it, and beside other white space it makes no difference. What
stands beside a place is not always its neighbour in the source: an `{% if %}` leaves nothing of itself on
the page. Which classes make boxes is read from the styles.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum, IntEnum
from functools import cache
from pathlib import Path

from deploy.pages.nodes import Block, Element, Leaf, Node, Space

INLINE = {
    "a", "abbr", "b", "button", "cite", "code", "em", "i", "img", "input", "kbd", "label", "mark", "progress",
    "q", "s", "samp", "select", "small", "span", "strong", "sub", "sup", "svg", "textarea", "time", "tspan",
    "u", "var",
}  # fmt: skip
BOXES = {"button", "select", "svg"}  # seen as a word from outside; what they hold begins a line of its own
COMPONENTS = {"card", "notice", "empty", "dialog", "grounds", "scroll"}
# Tags of ours that leave one element.
ELEMENTS = {"arrow", "icon", "chip", "state", "outcome", "verdict", "node_state", "digest", "when"}
STYLES = Path(__file__).resolve().parents[2] / "static" / "css"
RULE = re.compile(r"^(\.[a-z][\w-]*(?:, *\.[a-z][\w-]*)*)\s*\{[^}]*display:\s*([a-z-]+)", re.MULTILINE)


class Softness(IntEnum):
    HARD = 0  # a word, or what stands in a line like one
    SPACED = 1  # other white space
    EDGE = 2  # the edge of a box


class Glue(Enum):
    FREE = "free"  # white space or none: no difference
    SPACE = "space"  # white space, on one line or two
    HARD = "hard"  # no white space


@cache
def classes(*shown: str) -> frozenset[str]:
    """Those that the styles always show in one of these ways, whatever they stand in."""
    rules = [rule for path in STYLES.glob("*.css") for rule in RULE.findall(path.read_text())]
    return frozenset(name.strip()[1:] for names, how in rules if how in shown for name in names.split(","))


def is_block(node: Node) -> bool:
    return isinstance(node, Element) and (
        node.name not in INLINE or _is_any(node, classes("block", "flex", "grid"))
    )


def is_row(element: Element) -> bool:
    """Whether each element that it holds is a box."""
    return element.folds or _is_any(element, classes("flex", "grid", "inline-flex", "inline-grid"))


def _is_any(element: Element, wanted: frozenset[str]) -> bool:
    said = [part for part in element.attributes if isinstance(part, str) and part.startswith('class="')]
    words = re.sub(r"\{[%{].*?[%}]\}", " ", said[0][7:-1]).split() if said else []
    return not wanted.isdisjoint(words)


def holds_boxed(element: Element) -> bool:
    """Whether white space at the ends of what it holds is dropped."""
    return element.name in BOXES or is_block(element) or is_row(element)


def nearest(nodes: Iterable[Node], beyond: Softness, row: bool, forward: bool) -> Softness:
    """How soft the hardest is that may be met first, going through the nodes; `beyond` where they end."""
    met = beyond
    listed = [*nodes]
    for node in reversed(listed) if forward else listed:
        met = _through(node, met, row, forward)
    return met


def _through(node: Node, beyond: Softness, row: bool, forward: bool) -> Softness:
    if isinstance(node, Space):
        return max(Softness.SPACED, beyond)
    if isinstance(node, Block):
        return _through_block(node, beyond, row, forward)
    if isinstance(node, Leaf) and not node.shows:
        return beyond
    soft = (node.soft or (row and node.name in ELEMENTS)) if isinstance(node, Leaf) else row or is_block(node)
    return Softness.EDGE if soft else Softness.HARD


def _through_block(block: Block, beyond: Softness, row: bool, forward: bool) -> Softness:
    if block.name in COMPONENTS:
        return Softness.EDGE
    met = [nearest(inner, beyond, row, forward) for _, inner in block.branches]
    if not _always(block):
        met.append(beyond)
    return min(met)


def _always(block: Block) -> bool:
    """Whether one of its branches is always taken."""
    if block.name == "for":
        return len(block.branches) > 1
    return block.name != "if" or any(tag.split()[1] == "else" for tag, _ in block.branches)


def within(
    block: Block, inner: list[Node], around: tuple[Softness, Softness], row: bool
) -> tuple[Softness, Softness]:
    """The softness at both ends of what a branch holds, from that around the block."""
    if block.name in COMPONENTS:
        return Softness.EDGE, Softness.EDGE
    if block.name == "block":
        return Softness.HARD, Softness.HARD
    left, right = around
    if block.name == "for":
        last, first = nearest(inner, Softness.EDGE, row, False), nearest(inner, Softness.EDGE, row, True)
        return min(left, last), min(right, first)
    return left, right
