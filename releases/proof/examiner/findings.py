"""What speaks against a version or its sets. A finding is an answer, not an accident."""

from __future__ import annotations


class Finding(Exception):
    """Why a part cannot be measured, as one sentence about the model or its sets."""


class BadSet(Finding):
    """A set that is not what the manifest's contract says a set is."""


class Refused(Finding):
    """An answer with another status than 200. The connection can be used again."""


class TooLarge(Refused):
    """A question or its answer was too large: fewer rows at once may be answered."""


class TimedOut(Finding):
    """No answer within the server's deadline or ours. It may say more of the clock than of the model."""


class NeverAnswered(Finding):
    """A row that was asked alone, and again, and never in time: it says as much of the next part."""


class BadAnswer(Finding):
    """Bytes that are not an answer of the protocol."""


class ServerLost(Finding):
    """A server that cannot be reached, or died under a question."""
