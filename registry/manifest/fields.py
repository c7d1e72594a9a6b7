"""Taking typed values out of a plain tree; each thing that is wrong is noted, and the reading goes on."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any

from registry import names
from registry.manifest import secrets
from registry.manifest.errors import Problem

TEXT = 500
"""A name, a version, an address: what is longer is no label but a text."""
LONG_TEXT = 10_000
"""Some pages, as somebody writes of limits and data; the model card has a file of its own."""
MANY = 10_000
"""Hyperparameters of the largest configurations have hundreds."""

_DIGEST = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(names.SLUG)
_URI = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:\S+")
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_. +-]*(?:/[A-Za-z0-9_][A-Za-z0-9_. +-]*)*")
_QUOTES = "must be text: put it in quotes"
_SHOWN = "holds %s: take it out, because everybody who reads the version sees it"


class Section:
    """One mapping of the manifest, and the keys that somebody asked it for.

    Every reader returns None (or an empty value) where the key is absent or wrong; what is
    wrong is appended to `problems` under its dotted field. `finish()` reports keys that
    nobody asked for, with the nearest known one.
    """

    def __init__(self, value: Any, path: str, problems: list[Problem]) -> None:
        self.path = path
        self.problems = problems
        self._values: Mapping[str, Any] = value if isinstance(value, dict) else {}
        self._asked: set[str] = set()
        if not isinstance(value, dict):
            self.problem("", "must be a mapping of names to values")
            self.problems = []  # what is missing inside it would only repeat this

    def problem(self, key: str, message: str) -> None:
        where = ".".join(part for part in (self.path, key) if part)
        self.problems.append(Problem(where, message))

    def raw(self, key: str, *, required: bool = False) -> object:
        """The value as it is; None where it is absent, which is a problem when it is required."""
        self._asked.add(key)
        value = self._values.get(key)
        if value is None and required:
            self.problem(key, "is missing")
        return value

    def names(self) -> Collection[str]:
        """All keys of a section whose keys are free; asks for each of them."""
        self._asked.update(self._values)
        if len(self._values) > MANY:
            self.problem("", f"has {len(self._values)} entries; at most {MANY} are read")
            return ()
        return list(self._values)

    def matching_keys(self, wanted: Callable[[str], bool]) -> list[str]:
        """The keys of a certain kind, in order; asks for none."""
        return sorted(key for key in self._values if wanted(key))

    def section(self, key: str, *, required: bool = True) -> Section | None:
        value = self.raw(key, required=required)
        if value is None:
            return None
        return Section(value, ".".join(part for part in (self.path, key) if part), self.problems)

    def text(self, key: str, *, required: bool = False, limit: int = TEXT) -> str | None:
        value = self.raw(key, required=required)
        if value is None:
            return None
        if not isinstance(value, str):
            self.problem(key, _QUOTES if isinstance(value, int | float) else "must be text")
            return None
        if not value.strip() or len(value) > limit:
            self.problem(key, f"must have between 1 and {limit} characters")
            return None
        return self._without_secret(key, value.strip(), secrets.in_text)

    def matching(
        self, key: str, pattern: re.Pattern[str], hint: str, *, required: bool = False
    ) -> str | None:
        value = self.text(key, required=required, limit=2048)
        if value is not None and not pattern.fullmatch(value):
            self.problem(key, hint)
            return None
        return value

    def name(self, key: str, *, required: bool = False) -> str | None:
        hint = "must be a name of at most 63 characters: a-z, 0-9, then also . - and _"
        return self.matching(key, _NAME, hint, required=required)

    def called(self, key: str, *, required: bool = False) -> str | None:
        """A name as people write it."""
        value = self.text(key, required=required)
        if value is not None and (reason := names.refuse(value)):
            self.problem(key, reason)
            return None
        return None if value is None else names.tidy(value)

    def digest(self, key: str, *, required: bool = False) -> str | None:
        return self.matching(
            key, _DIGEST, "must be a SHA-256: 64 hex digits in lower case", required=required
        )

    def uri(self, key: str, *, required: bool = False) -> str | None:
        hint = (
            "must be a URI with its scheme, such as s3://lake/digits (it is stored and shown, never opened)"
        )
        return self._without_secret(key, self.matching(key, _URI, hint, required=required), secrets.found_in)

    def where(self, key: str, *, limit: int = TEXT) -> str | None:
        """Where something is, in the form that its own tool has for it: a repository, a run, an image."""
        return self._without_secret(key, self.text(key, limit=limit), secrets.found_in)

    def _without_secret(self, key: str, value: str | None, found_in: Callable[[str], str]) -> str | None:
        if value is None or not (secret := found_in(value)):
            return value
        self.problem(key, _SHOWN % secret)
        return None

    def refuse_secret(self, key: str, value: object) -> None:
        """Note what must not be shown in a value that is free otherwise."""
        if secret := secrets.in_pair(key, value):
            self.problem(key, _SHOWN % secret)

    def file(self, key: str, *, required: bool = False) -> str | None:
        hint = "must be a plain relative file name: no '..', no leading '/' or '.', no back-slash"
        value = self.matching(key, _FILE, hint, required=required)
        if value is not None and len(value) > 200:
            self.problem(key, "must have at most 200 characters")
            return None
        return value

    def choice(self, key: str, allowed: Collection[str], *, required: bool = False) -> str | None:
        value = self.text(key, required=required)
        if value is not None and value not in allowed:
            self.problem(
                key, f"{value!r} is not known{nearest(value, allowed)}; use one of {listed(allowed)}"
            )
            return None
        return value

    def number(self, key: str, low: float | None = None, high: float | None = None) -> float | None:
        value = self.raw(key)
        if value is None:
            return None
        problem = number_problem(value, low, high)
        if problem or not isinstance(value, int | float):
            self.problem(key, problem)
            return None
        return value

    def whole(self, key: str, *, low: int, required: bool = False) -> int | None:
        value = self.raw(key, required=required)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value < 2**53:
            self.problem(key, f"must be a whole number of at least {low}")
            return None
        return value

    def flag(self, key: str, default: bool) -> bool:
        value = self.raw(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.problem(key, "must be true or false")
            return default
        return value

    def said(self, key: str) -> bool | None:
        """True or false where the manifest says so; None where it says nothing."""
        return None if self.raw(key) is None else self.flag(key, False)

    def range(self, key: str, *, required: bool = False) -> tuple[float, float] | None:
        value = self.raw(key, required=required)
        if value is None:
            return None
        if not isinstance(value, list) or len(value) != 2 or any(number_problem(v) for v in value):
            self.problem(key, "must be two numbers: [low, high]")
            return None
        low, high = value
        if low > high:
            self.problem(key, f"the low end {low} is above the high end {high}")
            return None
        return low, high

    def texts(self, key: str) -> tuple[str, ...]:
        value = self.raw(key)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(
            isinstance(item, str) and 0 < len(item) <= 200 for item in value
        ):
            self.problem(key, "must be a list of texts of at most 200 characters each")
            return ()
        if len(value) > MANY or len(set(value)) != len(value):
            self.problem(key, f"must have at most {MANY} entries, none of them twice")
            return ()
        return tuple(value)

    def scalars(self, key: str) -> tuple[str | float | bool, ...]:
        value = self.raw(key)
        if value is None:
            return ()
        if (
            not isinstance(value, list)
            or not value
            or not all(isinstance(v, str | int | float) for v in value)
        ):
            self.problem(key, "must be a list of texts or numbers")
            return ()
        if len(value) > MANY:
            self.problem(key, f"must have at most {MANY} entries")
            return ()
        return tuple(value)

    def scalar(self, key: str) -> str | float | bool | None:
        value = self.raw(key)
        if value is None or isinstance(value, str | int | float):
            return value
        self.problem(key, "must be one text or number")
        return None

    def moment(self, key: str, *, required: bool = False) -> datetime | None:
        value = self.text(key, required=required)
        if value is None:
            return None
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.problem(key, "must be a date with time and zone, such as 2026-11-20T10:00:00Z")
            return None
        if moment.tzinfo is None:
            self.problem(key, "has no zone: write 2026-11-20T10:00:00Z or an offset such as +01:00")
            return None
        try:
            return moment.astimezone(UTC)
        except OverflowError:
            self.problem(key, "is outside the years that can be kept")
            return None

    def finish(self) -> None:
        for key in self._values:
            if key not in self._asked:
                self.problem(str(key)[:80], f"is not a known field{nearest(key, self._asked)}")


def number_problem(value: Any, low: float | None = None, high: float | None = None) -> str:
    """Why this is not a number in the range; empty when it is."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "must be a number"
    if abs(value) > 1e308:
        return "is too large"
    if low is not None and value < low:
        return f"must be at least {low}"
    if high is not None and value > high:
        return f"must be at most {high}"
    return ""


def nearest(word: str, known: Collection[str]) -> str:
    """', did you mean x?' where a known word is near, else nothing."""
    near = get_close_matches(word, sorted(known), n=1, cutoff=0.6)
    return f": did you mean {near[0]!r}?" if near else ""


def listed(words: Collection[str] | Sequence[str]) -> str:
    return ", ".join(sorted(words))
