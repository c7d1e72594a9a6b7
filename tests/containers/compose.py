"""What a compose file says of its services, with the variables of an .env file put in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

_START = re.compile(r"\$\$|\$\{([A-Z0-9_]+)(:-|:\?)?")


def services(path: Path, variables: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """The services by name, each text with its variables filled in. Raises KeyError for a required one."""
    return _filled(yaml.safe_load(path.read_text())["services"], variables)


def _filled(value: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(item, variables) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, variables) for item in value]
    return interpolated(value, variables) if isinstance(value, str) else value


def interpolated(text: str, variables: Mapping[str, str]) -> str:
    """`${NAME}`, `${NAME:-default}`, `${NAME:?sentence}`, nested ones too; `$$` is a dollar."""
    out, place = "", 0
    while found := _START.search(text, place):
        out += text[place : found.start()]
        if found[0] == "$$":
            out, place = out + "$", found.end()
            continue
        end = _closing(text, found.end())
        rest = text[found.end() : end]
        value = variables.get(found[1], "")
        if not value and found[2] == ":?":
            raise KeyError(f"{found[1]}: {rest}")
        out += value or (interpolated(rest, variables) if found[2] == ":-" else "")
        place = end + 1
    return out + text[place:]


def _closing(text: str, start: int) -> int:
    depth = 1
    for place in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if not depth:
            return place
    raise ValueError(f"a brace is not closed in {text!r}")
