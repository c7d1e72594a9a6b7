"""What a version's files are, found out in a cell: nothing here parses them in the caller's process."""

from __future__ import annotations

from formats.sets import SetLimits
from registry.inspection.parent import inspect
from registry.inspection.policy import Policy
from registry.inspection.refusals import NO_LOCALE, Finding, Refusal
from registry.inspection.report import GraphFacts, Inspection, SetFacts

__all__ = [
    "NO_LOCALE",
    "Finding",
    "GraphFacts",
    "Inspection",
    "Policy",
    "Refusal",
    "SetFacts",
    "SetLimits",
    "inspect",
]
