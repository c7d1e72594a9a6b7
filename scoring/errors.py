"""Everything that scoring refuses. The HTTP status of each is known only to `scoring/statuses.py`."""

from __future__ import annotations


class ScoringError(Exception):
    """A call that is refused or could not be answered.

    `code` is part of the public protocol and never changes; `str(error)` is one
    sentence a person can act on; `facts` go into the log line. `retry_after` is in seconds, where
    coming again may help.
    """

    code = "scoring_error"
    retry_after = 1

    def __init__(self, message: str, **facts: object) -> None:
        super().__init__(message)
        self.facts = facts


class CorruptArtifact(ScoringError):
    """Bytes that are not the bytes of their digest."""

    code = "corrupt_artifact"


class BadModel(ScoringError):
    """A graph that the runtime refuses, or that is not what its version's signature says."""

    code = "bad_model"


class WrongAnswers(ScoringError):
    """A version that does not give here the answers that it gave when it was proven."""

    code = "wrong_answers"


class BadRequestId(ScoringError):
    """A request id that this installation did not make."""

    code = "bad_request_id"


class BadRequest(ScoringError):
    """A body or a head that is not what the protocol asks for."""

    code = "bad_request"


class BadTensor(ScoringError):
    """An input that breaks the version's signature."""

    code = "bad_tensor"


class BodyTooLarge(ScoringError):
    code = "body_too_large"


class HeadTooLarge(ScoringError):
    code = "head_too_large"


class LengthRequired(ScoringError):
    code = "length_required"


class UnsupportedEncoding(ScoringError):
    code = "unsupported_encoding"


class UnsupportedType(ScoringError):
    """A body that says of itself that it is something else than what is read here."""

    code = "unsupported_type"


class RequestTimeout(ScoringError):
    """A client that did not finish its request in time."""

    code = "request_timeout"


class MissingToken(ScoringError):
    code = "missing_token"


class Forbidden(ScoringError):
    """A token that is good, but not for this."""

    code = "forbidden"


class UnknownRoute(ScoringError):
    code = "unknown_route"


class MethodNotAllowed(ScoringError):
    code = "method_not_allowed"


class UnknownModel(ScoringError):
    code = "unknown_model"


class UnknownVersion(ScoringError):
    code = "unknown_version"


class NotOpen(ScoringError):
    """A model in the plan of which no version is open to clients."""

    code = "not_open"


class NotReady(ScoringError):
    """A node that has not yet loaded what its plan names, or that is draining."""

    code = "not_ready"


class Overloaded(ScoringError):
    """A queue that is full. The caller may come again after a second."""

    code = "overloaded"


class MirrorDropped(ScoringError):
    """A mirrored request that nobody had time for. No client ever sees it."""

    code = "mirror_dropped"


class DeadlineExceeded(ScoringError):
    code = "deadline_exceeded"


class InferenceFailed(ScoringError):
    """The model's own failure on a request that keeps its signature."""

    code = "inference_failed"


class OutsideLimits(ScoringError):
    """A request with values that the version's inputs are not made for, and to which it has no answer."""

    code = "outside_limits"


class BeyondRange(ScoringError):
    """Feedback with rewards that the policies of their models rule out, and nothing else."""

    code = "beyond_range"


class OutputTooLarge(ScoringError):
    code = "output_too_large"


class RunTimedOut(DeadlineExceeded):
    """A run, not a queue, that took longer than the deadline."""


class InvalidOutput(InferenceFailed):
    """An answer that is none: a value that was promised to be finite is not, a text is not in UTF-8."""


class BadOutput(InvalidOutput):
    """An output that cannot be the answer to what was asked, whatever was asked."""


class PoisonRequest(ScoringError):
    """A body that has killed workers. It is not run again for a while."""

    code = "poison_request"


class VersionBroken(ScoringError):
    """A version that this node runs no more, because it killed its workers or failed by itself."""

    code = "version_broken"
    retry_after = 5


def too_many_connections() -> Overloaded:
    return Overloaded("this node has too many connections: come again in a second")


def too_much_held() -> Overloaded:
    return Overloaded("this node holds too many unfinished requests: come again in a second")


def head_too_large(most: int) -> HeadTooLarge:
    return HeadTooLarge(f"the request's head is larger than {most} bytes")
