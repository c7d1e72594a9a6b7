"""From a tree to lines: one tag a line, as many words as fit."""

from __future__ import annotations

from dataclasses import dataclass, replace

from deploy.pages import attributes
from deploy.pages.nodes import Block, Element, Leaf, Node, Space
from deploy.pages.softness import COMPONENTS, Glue, Softness, holds_boxed, is_block, is_row, nearest, within

WIDTH = 110
"""As Python's lines here; what a formatter cannot break may have 140."""


@dataclass(frozen=True, slots=True)
class Around:
    """The softness to both sides of a place, and whether elements are boxes there."""

    left: Softness
    right: Softness
    row: bool = False


EDGES = Around(Softness.EDGE, Softness.EDGE)
INLINE = Around(Softness.HARD, Softness.HARD)


@dataclass(frozen=True, slots=True)
class Item:
    """A node, what may stand before it, and what is around it."""

    node: Node
    glue: Glue
    around: Around


def items(nodes: list[Node], around: Around) -> tuple[list[Item], Glue]:
    """The nodes with the places between them, and the place after the last."""
    found: list[Item] = []
    for index, node in enumerate(nodes):
        if isinstance(node, Space):
            continue
        left = nearest(nodes[:index], around.left, around.row, forward=False)
        right = nearest(nodes[index + 1 :], around.right, around.row, forward=True)
        found.append(Item(node, _glue(nodes[:index], nodes[index:], around), Around(left, right, around.row)))
    return found, _glue(nodes, [], around)


def _glue(before: list[Node], after: list[Node], around: Around) -> Glue:
    """What the place between two lists of nodes allows, the space that may end the first not counted."""
    spaced = bool(before) and isinstance(before[-1], Space)
    left = nearest(before[:-1] if spaced else before, around.left, around.row, forward=False)
    soft = max(left, nearest(after, around.right, around.row, forward=True))
    if spaced:
        return Glue.FREE if soft is Softness.EDGE else Glue.SPACE
    return Glue.HARD if soft is Softness.HARD else Glue.FREE


def inside(node: Element) -> Around:
    """What is around that which an element holds."""
    return replace(EDGES if holds_boxed(node) else INLINE, row=is_row(node))


def branch(node: Block, inner: list[Node], around: Around) -> Around:
    """What is around that which a branch holds."""
    row = around.row and node.name not in COMPONENTS
    return Around(*within(node, inner, (around.left, around.right), row), row)


def holds_block(node: Node) -> bool:
    """Whether a box stands somewhere in what the node holds."""
    return any(is_block(inner) or holds_block(inner) or _is_alone(inner) for inner in _inner(node))


def _inner(node: Node) -> list[Node]:
    if isinstance(node, Element):
        return node.children
    return [one for _, inner in node.branches for one in inner] if isinstance(node, Block) else []


def _is_alone(node: Node) -> bool:
    """Whether a node has its lines for itself."""
    if isinstance(node, Leaf):
        return node.alone
    if isinstance(node, Element):
        return is_block(node) or holds_block(node)
    return isinstance(node, Block) and (node.name in COMPONENTS or holds_block(node))


def flat(node: Node, around: Around) -> str:
    """The node on one line."""
    if isinstance(node, Leaf):
        return node.source
    if isinstance(node, Block):
        text = ""
        for tag, inner in node.branches:
            text += tag + _flat_all(inner, branch(node, inner, around))
        return text + node.end
    if isinstance(node, Space):
        return " "
    opening = f"<{node.name}{attributes.flat(node.attributes)}{node.ending}"
    if not node.closes:
        return opening
    held = _flat_all(node.children, inside(node)) if node.kept is None else node.kept
    return f"{opening}{held}</{node.name}>"


def _flat_all(nodes: list[Node], around: Around) -> str:
    found, last = items(nodes, around)
    text = "".join((" " if item.glue is Glue.SPACE else "") + flat(item.node, item.around) for item in found)
    return text + (" " if last is Glue.SPACE else "")


class Page:
    """Lines as they are written."""

    def __init__(self, width: int = WIDTH) -> None:
        self.lines, self.width = [""], width

    @property
    def room(self) -> int:
        return self.width - len(self.lines[-1])

    def write(self, text: str) -> None:
        first, *others = text.split("\n")
        self.lines[-1] += first
        self.lines += others

    def turn(self, indent: int) -> None:
        """Begin a line, unless one is begun."""
        if self.lines[-1].strip():
            self.lines.append(" " * indent)
        else:
            self.lines[-1] = " " * indent

    def sequence(self, found: list[Item], indent: int) -> None:
        before: Node | None = None
        for run in _runs(found):
            apart = before is not None and (_is_alone(before) or _is_alone(run[0].node) or _is_boxed(run[0]))
            whole = "".join(flat(item.node, item.around) for item in run)
            gap = " " if run[0].glue is Glue.SPACE and before is not None else ""
            fits = not any(_breaks(item.node) for item in run) and len(gap + whole) <= self.room
            if before is not None and (apart or not fits):
                self.turn(indent)
            elif before is not None:
                self.write(gap)
            for item in run:
                self.node(item, indent)
            before = run[-1].node

    def node(self, item: Item, indent: int) -> None:
        whole = flat(item.node, item.around)
        if not _breaks(item.node) and len(whole) <= self.room and "\n" not in whole:
            self.write(whole)
        elif isinstance(item.node, Element):
            self.element(item.node, indent)
        elif isinstance(item.node, Block):
            self.block(item, item.node, indent)
        else:
            self.write(whole)

    def element(self, node: Element, indent: int) -> None:
        opening = f"<{node.name}{attributes.flat(node.attributes)}{node.ending}"
        line = opening + (node.kept or "").partition("\n")[0]
        if len(line) <= self.room or not node.attributes:
            self.write(opening)
        else:
            self.write(f"<{node.name}")
            self.lines += attributes.lines(node.attributes, indent + 2, self.width)
            self.lines.append(" " * indent + node.ending)
        if not node.closes:
            return
        if node.kept is not None:
            self.write(node.kept)
        else:
            self.held(node.children, inside(node), indent)
        self.write(f"</{node.name}>")

    def block(self, item: Item, node: Block, indent: int) -> None:
        for tag, inner in node.branches:
            self.write(tag)
            self.held(inner, branch(node, inner, item.around), indent)
        self.write(node.end)

    def held(self, nodes: list[Node], around: Around, indent: int) -> None:
        """What stands between two tags, further in where it may have lines of its own."""
        found, last = items(nodes, around)
        if not found:
            self.ended(last, indent)
            return
        if found[0].glue is not Glue.HARD:
            self.turn(indent + 2)
        self.sequence(found, indent + 2)
        self.ended(last, indent)

    def ended(self, last: Glue, indent: int) -> None:
        if last is not Glue.HARD:
            self.turn(indent)


def _is_boxed(item: Item) -> bool:
    """Whether what it lies in makes a box of a node that would be none elsewhere."""
    return item.around.row and isinstance(item.node, Element)


def _runs(found: list[Item]) -> list[list[Item]]:
    """Those between which nothing may be put."""
    runs: list[list[Item]] = []
    for item in found:
        if runs and item.glue is Glue.HARD:
            runs[-1].append(item)
        else:
            runs.append([item])
    return runs


def _breaks(node: Node) -> bool:
    """Whether a node is put on several lines though it would fit on one."""
    if isinstance(node, Element) and node.kept is not None:
        return False
    return holds_block(node) or (isinstance(node, Block) and node.name in COMPONENTS)


def laid_out(nodes: list[Node], width: int = WIDTH) -> str:
    """The whole template."""
    child = any(isinstance(node, Leaf) and node.source.startswith("{% extends") for node in nodes)
    page = Page(width)
    found, last = items(nodes, EDGES if child else INLINE)
    page.sequence(found, 0)
    text = "\n".join(line.rstrip() for line in page.lines)
    return text + ("" if last is Glue.HARD else "\n")
