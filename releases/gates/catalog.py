"""All gates, in the order in which they are asked."""

from __future__ import annotations

from releases.gates.base import Gate
from releases.gates.benchmark import Benchmark
from releases.gates.confidence import Confidence
from releases.gates.end_to_end import EndToEnd
from releases.gates.integrity import Integrity
from releases.gates.schema import Schema

GATES: dict[str, Gate] = {
    gate.name: gate for gate in (Integrity(), Schema(), EndToEnd(), Confidence(), Benchmark())
}
BLOCKING = frozenset({"integrity"})
"""Without these the next gates are not asked: nothing runs bytes that are not what they should be."""
