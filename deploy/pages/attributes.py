"""The attributes of a tag, one by one; those of an `{% if %}` stay together."""

from __future__ import annotations

import re

from deploy.pages.nodes import Attribute, Choice

CODE = r"\{%.*?%\}|\{\{.*?\}\}"
PART = re.compile(rf"{CODE}|\"(?:{CODE}|[^\"])*\"|'(?:{CODE}|[^'])*'|\s+|[^\s{{\"']+|.", re.DOTALL)
IF = re.compile(r"\{%\s*(if|elif|else|endif)\b")


def attributes(source: str) -> list[Attribute]:
    """As they stand in a tag, after its name."""
    return _read(PART.findall(source))


def flat(found: list[Attribute]) -> str:
    """All of them on one line, each with a space before it."""
    return "".join(f" {one}" if isinstance(one, str) else _flat_choice(one) for one in found)


def _flat_choice(choice: Choice) -> str:
    return "".join(f"{tag}{flat(inner)}" for tag, inner in choice.branches) + choice.end


def lines(found: list[Attribute], indent: int, width: int) -> list[str]:
    """Each on its own line; what a choice holds on lines of their own where one is not enough."""
    margin = " " * indent
    written: list[str] = []
    for one in found:
        whole = one if isinstance(one, str) else _compact(one)
        if isinstance(one, str) or indent + len(whole) <= width:
            written.append(margin + whole)
            continue
        for tag, inner in one.branches:
            written += [margin + tag, *lines(inner, indent + 2, width)]
        written.append(margin + one.end)
    return written


def _compact(choice: Choice) -> str:
    return "".join(f"{tag}{flat(inner).lstrip()}" for tag, inner in choice.branches) + choice.end


def _read(parts: list[str]) -> list[Attribute]:
    found: list[Attribute] = []
    word = ""
    while parts:
        part = parts.pop(0)
        named = IF.match(part)
        if part.isspace():
            found, word = _with(found, word), ""
        elif named and named[1] == "if" and (not word or parts[0][:1].isspace()):
            found, word = _with(found, word), ""
            found.append(_choice(part, parts))
        else:
            word += part
    return _with(found, word)


def _choice(opening: str, parts: list[str]) -> Choice:
    branches: list[tuple[str, list[Attribute]]] = []
    held: list[str] = []
    depth = 0
    while True:
        part = parts.pop(0)
        named = IF.match(part)
        kind = named[1] if named else ""
        if depth == 0 and kind in {"elif", "else", "endif"}:
            branches.append((opening, _read(held)))
            opening, held = part, []
            if kind == "endif":
                return Choice(branches, part)
            continue
        depth += {"if": 1, "endif": -1}.get(kind, 0)
        held.append(part)


def _with(found: list[Attribute], word: str) -> list[Attribute]:
    return [*found, word] if word else found
