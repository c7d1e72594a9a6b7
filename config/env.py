"""The one reader of the environment. Strict, Django-free, safe to import anywhere.

A variable that is set to nothing counts as not set, so that compose files may pass
`NAME=${NAME:-}`. A value that cannot be read stops the process with one sentence.
Every name that is read through here stands in `docs/settings.md` and `.env.example`.
"""

from __future__ import annotations

import os
from pathlib import Path


class BadEnvironment(Exception):
    """A variable is missing or cannot be read. The message names it and says what to write."""


def text(name: str, default: str | None = None) -> str:
    """The variable as it stands. `default=None` means it must be given."""
    value = os.environ.get(name, "").strip()
    if value:
        return value
    if default is None:
        raise BadEnvironment(f"{name} is not set: give it a value (docs/settings.md says which)")
    return default


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


def path(name: str, default: str | Path | None = None) -> Path:
    """An absolute path. A relative one counts from the current folder, `~` is the home folder."""
    return Path(text(name, None if default is None else str(default))).expanduser().absolute()


def ensure(name: str, value: str) -> str:
    """Set a variable for this process and its children unless somebody already did."""
    return os.environ.setdefault(name, value)


def inherited(**changes: str) -> dict[str, str]:
    """A copy of the whole environment with `changes`, for a child process."""
    return {**os.environ, **changes}
