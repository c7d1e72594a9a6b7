"""What changed between two versions, fact by fact. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SKIPPED = ("model", "files")


@dataclass(frozen=True, slots=True)
class Change:
    """One fact that differs; `kind` is added, removed or changed."""

    section: str
    name: str
    before: str
    after: str
    kind: str


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """Every fact of two documents that differs, in the order of their dotted names."""
    old, new = flat(before), flat(after)
    found = []
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) == new.get(name):
            continue
        kind = "added" if name not in old else "removed" if name not in new else "changed"
        section, _, rest = name.partition(".")
        found.append(Change(section, rest or section, old.get(name, ""), new.get(name, ""), kind))
    return found


def flat(document: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Dotted name to text; lists are one text, so that a changed item shows as one change."""
    found: dict[str, str] = {}
    for key, value in document.items():
        name = f"{prefix}{key}"
        if not prefix and key in SKIPPED:
            continue
        if isinstance(value, Mapping) and value:
            found |= flat(value, f"{name}.")
        else:
            found[name] = _text(value)
    return found


def _text(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(_text(item) for item in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_text(item)}" for key, item in value.items())
    return f"{value:.12g}" if isinstance(value, float) else str(value)
