"""A set as one value: its inputs and what is known to be right for them, one entry per row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from registry.inspection.sets.columns import Array, Column

END_TO_END = "end_to_end"
CONFIDENCE = "confidence"
SAMPLES = "samples"
REQUESTS = "requests"
DEFAULT_ATOL = 1e-6
DEFAULT_RTOL = 1e-5


@dataclass(frozen=True, slots=True)
class SetLimits:
    """file_bytes is what lies on disk; content_bytes what comes out of it, counted and never believed."""

    file_bytes: int = 4 << 30
    content_bytes: int = 8 << 30
    text_bytes: int = 64 << 20
    members: int = 200_000
    rows: int = 20_000_000


@dataclass(frozen=True, slots=True)
class Part:
    """Some rows in order. `inputs` are shaped as a client sends them, `truths` have one entry per row."""

    start: int
    count: int
    inputs: Mapping[str, Array]
    truths: Mapping[str, Array]


@dataclass(frozen=True, slots=True)
class TestSet:
    """One set.

    kind    end_to_end or confidence
    unit    samples: a row is one place on the leading axis of every input;
            requests: a row is one whole request
    truths  `expected/<output>` for the one, `target`, `weight`, `group`, `slice/<name>` for the other
    atol, rtol  floats are right when abs(got - expected) <= atol + rtol * abs(expected)
    """

    __test__ = False  # the word is ours before it is the test runner's

    kind: str
    unit: str
    rows: int
    inputs: Mapping[str, Column]
    truths: Mapping[str, Column] = field(default_factory=dict)
    atol: float = DEFAULT_ATOL
    rtol: float = DEFAULT_RTOL

    def parts(self, size: int) -> Iterator[Part]:
        """The rows from first to last, `size` at a time; whole requests come one by one."""
        step = size if self.unit == SAMPLES else 1
        inputs = {name: column.parts(step) for name, column in self.inputs.items()}
        truths = {name: column.parts(step) for name, column in self.truths.items()}
        for start in range(0, self.rows, step):
            sent = {name: next(parts) for name, parts in inputs.items()}
            if self.unit == REQUESTS:
                sent = {name: rows[0] for name, rows in sent.items()}
            known = {name: next(parts) for name, parts in truths.items()}
            yield Part(start, min(step, self.rows - start), sent, known)
