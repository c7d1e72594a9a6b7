"""The one reader of the environment. Strict, Django-free, safe to import anywhere.

A variable that is set to nothing counts as not set, so that compose files may pass
`NAME=${NAME:-}`. A value that cannot be read stops the process with one sentence.
Every name that is read through here stands in `docs/settings.md` and `.env.example`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import overload


class BadEnvironment(ValueError):
    """A variable is missing or cannot be read. The message names it and says what to write."""


@overload
def text(name: str, default: str) -> str: ...
@overload
def text(name: str, default: None) -> str | None: ...
def text(name: str, default: str | None) -> str | None:
    """The variable as it stands, or the default."""
    return os.environ.get(name, "").strip() or default


def required(name: str) -> str:
    """The variable, which has no default: the process does not start without it."""
    value = text(name, None)
    if value is None:
        raise BadEnvironment(f"{name} is not set: give it a value (docs/settings.md says which)")
    return value


def words(name: str, default: Sequence[str]) -> list[str]:
    """A list, separated by commas; spaces around a word do not count."""
    given = text(name, None)
    return list(default) if given is None else [word.strip() for word in given.split(",") if word.strip()]


def flag(name: str, default: bool) -> bool:
    """`true` or `false`, in any case; nothing else counts as either."""
    value = text(name, "true" if default else "false").lower()
    if value not in {"true", "false"}:
        raise BadEnvironment(f"{name}={value!r}: write true or false")
    return value == "true"


def number(name: str, default: int, *, minimum: int = 0) -> int:
    """A whole number not below `minimum`."""
    value = text(name, str(default))
    try:
        read = int(value)
    except ValueError:
        raise BadEnvironment(f"{name}={value!r}: write a whole number") from None
    if read < minimum:
        raise BadEnvironment(f"{name}={value!r}: write a number of at least {minimum}")
    return read


def path(name: str, default: str | Path) -> Path:
    """An absolute path. A relative one counts from the current folder, `~` is the home folder."""
    return Path(text(name, str(default))).expanduser().absolute()


def set_default(name: str, value: str) -> str:
    """Set a variable for this process and its children unless somebody already did."""
    return os.environ.setdefault(name, value)


def inherited(**changes: str) -> dict[str, str]:
    """A copy of the whole environment with `changes`, for a child process."""
    return {**os.environ, **changes}
