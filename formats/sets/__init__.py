"""End-to-end and confidence sets: one reader for upload and proof, without pickle, within limits."""

from __future__ import annotations

from formats.sets.errors import FILE, OUR_TROUBLE, ROWS, BadSet
from formats.sets.reading import OpenSet, Target, open_set
from formats.sets.survey import Gaps, Place
from formats.sets.testset import (
    CONFIDENCE,
    END_TO_END,
    REQUESTS,
    SAMPLES,
    Listed,
    Ragged,
    RowKind,
    SetLimits,
    SetName,
    Stacked,
    TestSet,
)

__all__ = [
    "CONFIDENCE",
    "END_TO_END",
    "FILE",
    "OUR_TROUBLE",
    "REQUESTS",
    "ROWS",
    "SAMPLES",
    "BadSet",
    "Gaps",
    "Listed",
    "OpenSet",
    "Place",
    "Ragged",
    "RowKind",
    "SetLimits",
    "SetName",
    "Stacked",
    "Target",
    "TestSet",
    "open_set",
]
