"""What can be refused, in words a person can act on.

The HTTP status of each code is decided at the edge (`config/errors.py`), never here.
"""

from __future__ import annotations


class DomainError(Exception):
    """A request that is well formed and still refused.

    `code` is part of the public API and never changes; `str(error)` is one
    sentence a person can act on; `facts` go into the JSON body and the log line.
    """

    code = "domain_error"

    def __init__(self, message: str, **facts: object) -> None:
        super().__init__(message)
        self.facts = facts


class NotFound(DomainError):
    """There is no such thing, or the asker may not know that there is."""

    code = "not_found"


class NotAllowed(DomainError):
    """Policy keeps this person or token from doing this; the sentence says why."""

    code = "not_allowed"


class Conflict(DomainError):
    """The thing has moved on since it was looked at."""

    code = "conflict"


class AlreadyExists(DomainError):
    """The name is taken."""

    code = "already_exists"


class ProposalOpen(Conflict):
    """Another change of this model's policy is proposed and not decided yet."""

    code = "proposal_open"


class ProposalDecided(Conflict):
    """The proposal was confirmed, rejected or withdrawn before."""

    code = "proposal_decided"


class StalePolicy(Conflict):
    """The policy that a proposal is based on is not the policy any more."""

    code = "stale_policy"


class BadInput(DomainError):
    """A value cannot be taken; `facts["field"]` names it."""

    code = "bad_input"


class DigestMismatch(DomainError):
    """The bytes that arrived are not the bytes that were declared."""

    code = "digest_mismatch"


class TooLarge(DomainError):
    """More bytes than the limit allows."""

    code = "too_large"


class RefusedArtifact(DomainError):
    """The files cannot make a version: not ONNX, truncated, or they disagree with the manifest."""

    code = "refused_artifact"
