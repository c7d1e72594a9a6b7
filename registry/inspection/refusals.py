"""What an inspection says against the files: a refusal stops the version, a finding stops its release."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

LONGEST_SENTENCE = 500
NO_LOCALE = "no_locale"
"""The one finding that is no fault of the model: the machine that inspects lacks something."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why these files make no version. `field` is the manifest's name for the place, `files.model`."""

    code: str
    field: str
    message: str

    def to_json(self) -> dict[str, str]:
        return {key: value[:LONGEST_SENTENCE] for key, value in asdict(self).items()}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Refusal:
        return cls(**{name: _text(document[name]) for name in ("code", "field", "message")})


@dataclass(frozen=True, slots=True)
class Finding:
    """What policy holds against a version that can be made: its integrity gate fails."""

    code: str
    message: str

    def to_json(self) -> dict[str, str]:
        return {key: value[:LONGEST_SENTENCE] for key, value in asdict(self).items()}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Finding:
        return cls(**{name: _text(document[name]) for name in ("code", "message")})


class Refused(Exception):
    """Stops an inspection at once; carries the refusal."""

    def __init__(self, code: str, field: str, message: str) -> None:
        super().__init__(message)
        self.refusal = Refusal(code, field, message)


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_SENTENCE:
        raise ValueError("a text is missing or too long")
    return value
