"""How far a running gate is, in a sentence. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

PARTS = {
    "end_to_end": ("End-to-end set", "rows"),
    "confidence": ("Confidence set", "rows"),
    "benchmark": ("Benchmark", "blocks"),
}


def sentence(progress: Mapping[str, Any]) -> str:
    """What is measured, how much of it is done, and when it should end."""
    name, unit = PARTS[progress["part"]]
    told = f"{name} of version {progress['version']}: {progress['done']:,} of {progress['of']:,} {unit}"
    if not progress["expected_end"]:
        return f"{told}."
    end = datetime.fromisoformat(progress["expected_end"]).astimezone(UTC)
    return f"{told}, expected to end about {end:%Y-%m-%d %H:%M} UTC."
