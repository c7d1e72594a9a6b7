"""Members of a strategy's document, read strictly: each refusal names the field and says what to write."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from difflib import get_close_matches
from enum import StrEnum
from math import isfinite
from typing import TypeVar

from registry.errors import BadInput

_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)([smhd])")
Choice = TypeVar("Choice", bound=StrEnum)


class Section:
    """One object of the document. `at` is its place, such as `strategy.stages[2]`."""

    def __init__(self, value: object, at: str, known: Collection[str]) -> None:
        if not isinstance(value, Mapping):
            raise BadInput(f"Write {at} as an object, such as {{}}.", field=at)
        self.at, self._members = at, value
        for name in value:
            if name not in known:
                near = get_close_matches(str(name), list(known), n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(sorted(known))}."
                raise BadInput(f"{at} has no {name!r}: {hint}", field=f"{at}.{name}")

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def get(self, name: str) -> object:
        return self._members.get(name)

    def refuse(self, name: str, sentence: str) -> BadInput:
        """To be raised: what is wrong with a member."""
        return BadInput(sentence, field=f"{self.at}.{name}")

    def number(self, name: str, default: float, low: float, high: float) -> float:
        value = self._members.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
            raise self.refuse(name, f"Write {self.at}.{name} as a number, not {value!r}.")
        if not low <= value <= high:
            raise self.refuse(name, f"{self.at}.{name} is {value}: write {low:g} to {high:g}.")
        return float(value)

    def flag(self, name: str, default: bool) -> bool:
        value = self._members.get(name, default)
        if not isinstance(value, bool):
            raise self.refuse(name, f"Write {self.at}.{name} as true or false, not {value!r}.")
        return value

    def choice(
        self,
        name: str,
        kinds: type[Choice],
        default: Choice | None = None,
        offered: Collection[Choice] | None = None,
    ) -> Choice:
        value, words = self._members.get(name, default), list(kinds if offered is None else offered)
        if not isinstance(value, str) or value not in words:
            said = f"is {value!r}" if name in self._members else "is missing"
            raise self.refuse(name, f"{self.at}.{name} {said}: write {' or '.join(words)}.")
        return kinds(value)

    def items(self, name: str, most: int | None = None) -> list[object]:
        value = self._members.get(name, [])
        if not isinstance(value, list | tuple):
            raise self.refuse(name, f"Write {self.at}.{name} as a list.")
        if most is not None and len(value) > most:
            raise self.refuse(name, f"Write {self.at}.{name} as a list of at most {most}, not {len(value)}.")
        return list(value)

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of names that are not empty and stand in it once."""
        values = self.items(name)
        texts = [value for value in values if isinstance(value, str) and value]
        if len(texts) < len(values) or len(set(texts)) < len(texts):
            raise self.refuse(name, f"Write {self.at}.{name} as a list of different names.")
        return tuple(texts)

    def seconds(self, name: str, default: float | None) -> float | None:
        """A duration such as "90s", "10m", "6h" or "21d"."""
        value = self._members.get(name)
        if value is None:
            return default
        found = _DURATION.fullmatch(value) if isinstance(value, str) else None
        if not found:
            raise self.refuse(name, f'Write {self.at}.{name} such as "10m", "6h" or "21d", not {value!r}.')
        return float(found[1]) * _SECONDS[found[2]]

    def moment(self, name: str) -> float | None:
        """A time with its zone, as seconds since 1970."""
        value = self._members.get(name)
        if value is None:
            return None
        example = "2026-12-01T06:00:00+01:00"
        try:
            found = datetime.fromisoformat(str(value))
        except ValueError:
            raise self.refuse(name, f"Write {self.at}.{name} such as {example}, not {value!r}.") from None
        if found.tzinfo is None:
            raise self.refuse(name, f"Write {self.at}.{name} with its zone, such as {example}.")
        try:
            return found.astimezone(UTC).timestamp()
        except OverflowError:  # by the clock of its zone alone it is in a year that there is
            raise self.refuse(name, f"Write {self.at}.{name} such as {example}, not {value!r}.") from None


def version_name(value: object, at: str) -> str:
    """A version's number, as text: 7 or "7"."""
    text = str(value)
    if isinstance(value, bool) or not (isinstance(value, int | str) and text.isdecimal() and int(text) > 0):
        raise BadInput(f"{at} names versions by their number, such as 7, not {value!r}.", field=at)
    return str(int(text))
