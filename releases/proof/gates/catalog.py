"""All gates, in the order in which they are asked."""

from __future__ import annotations

from releases.proof.gates.base import Gate
from releases.proof.gates.benchmark import Benchmark
from releases.proof.gates.confidence import Confidence
from releases.proof.gates.end_to_end import EndToEnd
from releases.proof.gates.integrity import Integrity
from releases.proof.gates.schema import Schema

GATES: dict[str, Gate] = {
    gate.name: gate for gate in (Integrity(), Schema(), EndToEnd(), Confidence(), Benchmark())
}
BLOCKING = frozenset({"integrity"})
"""Without these the next gates are not asked: nothing runs bytes that are not what they should be."""
