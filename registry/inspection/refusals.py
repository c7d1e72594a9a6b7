"""What an inspection says against the files: a refusal stops the version, a finding stops its release."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from formats.documents import Document, Json

LONGEST_SENTENCE = 500
"""One line of a report from a cell that may be hostile; ours have 200 characters at most."""
NO_LOCALE = "no_locale"
"""The one finding that is no fault of the model: the machine that inspects lacks something."""
Sentence = Annotated[str, Meta(max_length=LONGEST_SENTENCE)]


class _Told(Document, frozen=True):
    def built(self) -> Json:
        """Its texts are cut, however much a graph has made them say."""
        return {name: text[:LONGEST_SENTENCE] for name, text in super().built().items()}


class Refusal(_Told, frozen=True):
    """Why these files make no version. `field` is the manifest's name for the place, `files.model`."""

    code: Sentence
    field: Sentence
    message: Sentence


class Finding(_Told, frozen=True):
    """What policy holds against a version that can be made: its integrity gate fails."""

    code: Sentence
    message: Sentence


class Refused(Exception):
    """Stops an inspection at once; carries the refusal."""

    def __init__(self, code: str, field: str, message: str) -> None:
        super().__init__(message)
        self.refusal = Refusal(code, field, message)
