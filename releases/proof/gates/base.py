"""One question about a release, asked of values: `check(candidate) -> Verdict`. No database, no files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from formats.types import Signature, VersionRef
from registry.manifest.stored import StoredManifest


class Outcome(StrEnum):
    """`ERRORED` is our own trouble (no sandbox, disk full): it rejects nothing and is retried."""

    PASSED = "passed"
    FAILED = "failed"
    PENDING = "pending"
    ERRORED = "errored"


@dataclass(frozen=True, slots=True)
class Candidate:
    """All that a gate may look at. Gates never reach for the database.

    `measured` is what the sandbox found for this gate: the inspection, or the examiner's part, as JSON.
    Each gate says by its own type what of it it reads.
    """

    ref: VersionRef
    signature: Signature
    champion: Signature | None = None
    champion_number: int | None = None
    intended_break: str = ""
    manifest: StoredManifest = field(default_factory=StoredManifest)
    policy: Mapping[str, Any] = field(default_factory=dict)
    measured: Any = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer: an outcome, one sentence, and the numbers behind it (JSON)."""

    outcome: Outcome
    summary: str
    evidence: Mapping[str, object] = field(default_factory=dict)


class Gate(Protocol):
    """A question that workers answer; what people answer is a review."""

    @property
    def name(self) -> str: ...

    def check(self, candidate: Candidate) -> Verdict: ...
