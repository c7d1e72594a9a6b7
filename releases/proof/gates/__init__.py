"""The gates of a release: one file each, all pure."""

from __future__ import annotations

from releases.proof.gates.base import Candidate, Gate, Outcome, Verdict

__all__ = ["Candidate", "Gate", "Outcome", "Verdict"]
