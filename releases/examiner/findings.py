"""What speaks against a version or its sets. A finding is an answer, not an accident."""

from __future__ import annotations


class Finding(Exception):
    """Why a part cannot be measured, as one sentence about the model or its sets."""


class BadSet(Finding):
    """A set that is not what the manifest's contract says a set is."""


class Refused(Finding):
    """An answer with another status than 200. The connection can be used again.

    `too_large` tells that fewer rows at once may be answered.
    """

    def __init__(self, message: str, *, too_large: bool = False) -> None:
        super().__init__(message)
        self.too_large = too_large


class BadAnswer(Finding):
    """Bytes that are not an answer of the protocol."""


class ServerLost(Finding):
    """A server that cannot be reached, died under a question, or did not answer in time."""
