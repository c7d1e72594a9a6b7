"""From the text of a template to its tree."""

from __future__ import annotations

import re
from dataclasses import replace

from deploy.pages.attributes import attributes
from deploy.pages.nodes import Attribute, Block, Element, Leaf, Node, Space
from deploy.pages.softness import COMPONENTS

CODE = r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}"
NAMED = r"[a-zA-Z][a-zA-Z0-9]*(?:\{\{.*?\}\})?"
TOKEN = re.compile(
    rf"(?P<code>{CODE})|(?P<comment><!--.*?-->|<!doctype[^>]*>)|(?P<close></{NAMED}\s*>)|(?P<open><{NAMED})"
    r"|(?P<space>\s+)|(?P<word>(?:[^\s{<]|\{(?![%{#])|<(?![a-zA-Z/!]))+)",
    re.DOTALL,
)
# What stands in a tag: an end of it that is quoted, or inside a tag of Django, does not end it.
QUOTED = rf"\"(?:{CODE}|[^\"])*\"|'(?:{CODE}|[^'])*'"
WITHIN = re.compile(rf"{CODE}|{QUOTED}|/?>|[^{{\"'>/]+|.", re.DOTALL)
NAME = re.compile(r"\{%-?\s*(\w+)")

VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}
KEPT = {"pre", "textarea", "script", "style", "title", "blockquote"}
KEPT_CLASSES = ("timeline__words",)  # where the styles show each line of the source
BLOCKS = {"if", "for", "with", "block"} | COMPONENTS
BRANCHES = {"else", "elif", "empty"}
FOLDS = ("fold", "menu")  # classes whose summary lays out what it holds as boxes
UNSEEN = {"load", "extends", "csrf_token"}
LONE = {"load", "extends", "include"}
# Tags of ours that leave boxes.
SOFT = {
    "benchmark_bars", "difference_bar", "field", "filter_bar", "interval_bar", "latency_bars", "line_plot",
    "pager", "quality_bar", "share_bar", "snippet", "timeline", "trend_plot",
}  # fmt: skip


class Unbalanced(Exception):
    """A tag ends where it cannot: such a template is not put into any format."""


def tree(source: str) -> list[Node]:
    """The template as nodes."""
    return Reader(source).nodes()[0]


class Reader:
    """Goes through the text of a template once."""

    def __init__(self, source: str) -> None:
        self.source, self.at = source, 0

    def nodes(self, until: tuple[str, ...] = ()) -> tuple[list[Node], str]:
        """What comes until one of these ends, and the end itself."""
        found: list[Node] = []
        while self.at < len(self.source):
            token = TOKEN.match(self.source, self.at)
            if token is None:
                raise Unbalanced(f"not understood: {self.source[self.at : self.at + 40]!r}")
            self.at = token.end()
            text, kind = token[0], token.lastgroup
            ends = _named(text, kind)
            if ends in until and not (ends == "empty" and _has_arguments(text)):
                return found, text
            if kind == "close" or (kind == "code" and ends.startswith("end")):
                raise Unbalanced(f"{text} ends what is not open; awaited {until}")
            found.append(self._node(text, kind or ""))
        if until:
            raise Unbalanced(f"{until} is missing")
        return found, ""

    def _node(self, text: str, kind: str) -> Node:
        if kind == "open":
            return self._element(text[1:])
        if kind == "space":
            return Space()
        if kind == "code":
            return self._code(text)
        return Leaf(text, soft=kind == "comment", alone=kind == "comment")

    def _code(self, text: str) -> Node:
        name = _named(text, "code")
        if name in BLOCKS:
            return self._block(name, text)
        if text.startswith("{#"):
            return Leaf(text, shows=False, alone=True)
        return Leaf(text, name, shows=name not in UNSEEN, soft=name in SOFT, alone=name in LONE | SOFT)

    def _block(self, name: str, opening: str) -> Block:
        ends = (f"end{name}", *(BRANCHES if name in {"if", "for"} else ()))
        branches = []
        while True:
            inner, end = self.nodes(ends)
            branches.append((opening, inner))
            if _named(end, "code") == ends[0]:
                return Block(name, branches, end)
            opening = end

    def _element(self, name: str) -> Element:
        found, ending = self._opening(name)
        if name in VOID or ending == "/>":
            return Element(name, found, closes=False, ending=ending)
        if _is_kept(name, found):
            return Element(name, found, kept=self._kept(name))
        held = self.nodes((f"/{name}",))[0]
        return Element(name, found, [_folding(one) for one in held] if _is_fold(name, found) else held)

    def _opening(self, name: str) -> tuple[list[Attribute], str]:
        start = self.at
        for part in WITHIN.finditer(self.source, start):
            if part[0] in {">", "/>"}:
                self.at = part.end()
                return attributes(self.source[start : part.start()]), part[0]
        raise Unbalanced(f"<{name} has no end")

    def _kept(self, name: str) -> str:
        held, end, _ = self.source[self.at :].partition(f"</{name}>")
        self.at += len(held) + len(end)
        return held


def _is_fold(name: str, found: list[Attribute]) -> bool:
    said = " ".join(part for part in found if isinstance(part, str))
    return name == "details" and any(word in said for word in FOLDS)


def _folding(node: Node) -> Node:
    if isinstance(node, Element) and node.name == "summary":
        return replace(node, folds=True)
    return node


def _is_kept(name: str, found: list[Attribute]) -> bool:
    said = " ".join(part for part in found if isinstance(part, str))
    return name in KEPT or any(word in said for word in KEPT_CLASSES)


def _named(text: str, kind: str | None) -> str:
    if kind == "close":
        return f"/{text[2:-1].strip()}"
    named = NAME.match(text) if kind == "code" else None
    return named[1] if named else ""


def _has_arguments(text: str) -> bool:
    return len(text.split()) > 3
