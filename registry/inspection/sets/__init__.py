"""End-to-end and confidence sets: read without pickle, counted while read, checked against a signature."""

from __future__ import annotations

from registry.inspection.sets.columns import Column
from registry.inspection.sets.reading import read_set
from registry.inspection.sets.testset import CONFIDENCE, END_TO_END, REQUESTS, SAMPLES, SetLimits, TestSet

__all__ = [
    "CONFIDENCE",
    "END_TO_END",
    "REQUESTS",
    "SAMPLES",
    "Column",
    "SetLimits",
    "TestSet",
    "read_set",
]
