"""What two proofs measured, side by side: values, slices, the paired difference. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from registry.manifest import METRICS
from releases.proof.evidence import Quality, figure, number, quality

Evidence = Mapping[str, Any]

MEASURES: Sequence[tuple[str, str, str, int]] = (
    ("p50_ms", "Latency p50", "ms", -1),
    ("p90_ms", "Latency p90", "ms", -1),
    ("p99_ms", "Latency p99", "ms", -1),
    ("samples_per_second", "Samples per second", "", 1),
    ("load_ms", "Load time", "ms", -1),
    ("peak_memory_bytes", "Peak memory", "bytes", -1),
    ("size_bytes", "Size", "bytes", -1),
)
NOISE = 0.05
"""Two benchmarks of one version differ by so much: less is neither better nor worse."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure of both versions. `tone` is better or worse from the head's side, empty where neither."""

    name: str
    label: str
    unit: str
    base: float | None
    head: float | None
    tone: str = ""

    @property
    def delta(self) -> float | None:
        return None if self.base is None or self.head is None else self.head - self.base

    @property
    def ratio(self) -> float | None:
        return None if not self.base or self.head is None else self.head / self.base


@dataclass(frozen=True, slots=True)
class Slice:
    """The metric of both where `name` is `label`; None where one of them has no such slice."""

    name: str
    label: str
    base: float | None
    head: float | None
    tone: str = ""

    @property
    def delta(self) -> float | None:
        return None if self.base is None or self.head is None else self.head - self.base


@dataclass(frozen=True, slots=True)
class Paired:
    """Both on the same rows. `difference` is positive where the head is better, with one-sided 95 % bounds.

    decision   better, not_worse, worse or cannot_tell, against the margin.
    """

    decision: str
    difference: float
    lower: float
    upper: float
    margin: float
    method: str
    rows: int | None = None
    rows_needed: int | None = None


def metric(base: Evidence, head: Evidence) -> Measure | None:
    """The metric of both; None where it is not the same one, or one has none."""
    before, after = quality(base), quality(head)
    if before is None or after is None or before.metric != after.metric:
        return None
    sign = _sign(after)
    tone = _tone(before.value, after.value, sign) if sign else ""
    label = after.metric.replace("_", " ").capitalize()
    return Measure(after.metric, label, "", before.value, after.value, tone)


def measures(base: Evidence, head: Evidence) -> list[Measure]:
    """What the benchmarks measured. Figures of two machines are called neither better nor worse."""
    comparable = base.get("profile") == head.get("profile") and is_steady(base) and is_steady(head)
    found = []
    for name, label, unit, sign in MEASURES:
        before, after = figure(base.get(name)), figure(head.get(name))
        if before is None and after is None:
            continue
        tone = _tone(before, after, sign, NOISE) if comparable or name == "size_bytes" else ""
        found.append(Measure(name, label, unit, before, after, tone))
    return found


def is_steady(benchmark: Evidence) -> bool:
    """Whether its figures say something about the version: a machine that was busy says it of itself."""
    return bool((benchmark.get("warm_up") or {"steady": True}).get("steady"))


def slices(base: Evidence, head: Evidence) -> list[Slice]:
    """Every slice of either, the one that fell the furthest first."""
    measured = quality(head)
    sign = (_sign(measured) if measured else 0) or 1
    both = [
        {(part["name"], part["label"]): part for part in side.get("slices") or ()} for side in (base, head)
    ]
    found = []
    for name, label in {**both[1], **both[0]}:
        before, after = (number((side.get((name, label)) or {}).get("value")) for side in both)
        found.append(Slice(name, label, before, after, _tone(before, after, sign)))
    return sorted(
        found, key=lambda each: (each.delta is None, sign * (each.delta or 0.0), each.name, each.label)
    )


def paired(head: Evidence, *, turned: bool = False) -> Paired | None:
    """The comparison that a proof made; `turned` where it was the base that was proven beside the head."""
    found = head.get("comparison")
    if not found:
        return None
    margin, rows = float(found.get("margin") or 0.0), head.get("rows")
    if not turned:
        ends = float(found["difference"]), float(found["lower"]), float(found["upper"])
    else:
        ends = -float(found["difference"]), -float(found["upper"]), -float(found["lower"])
    decision = str(found["decision"]) if not turned else decide(ends[1], ends[2], margin)
    return Paired(decision, *ends, margin, str(found.get("method", "")), rows, found.get("rows_needed"))


def counted(head_right: int, base_right: int, rows: int) -> Paired:
    """Two shares of right answers on the same rows, from the rows that one alone gets right."""
    # SciPy takes most of a second to import: pages that compare no answers do not wait for it.
    from releases.statistics.proportions import paired_difference

    lower, upper = paired_difference(head_right, base_right, rows)
    decision = decide(lower, upper, 0.0)
    return Paired(decision, (head_right - base_right) / rows, lower, upper, 0.0, "Tango", rows)


def decide(lower: float, upper: float, margin: float) -> str:
    """What an interval of the difference says."""
    if lower > 0:
        return "better"
    if lower > -margin or (not margin and lower == 0):
        return "not_worse"
    return "worse" if upper < -margin else "cannot_tell"


def _sign(of: Quality) -> int:
    """1 where higher is better, -1 where lower is, 0 where only the manifest would know."""
    known = METRICS.get(of.metric)
    if known is None or "higher_is_better" in known.parameters:
        return 0
    return 1 if known.higher_is_better else -1


def _tone(before: float | None, after: float | None, sign: int, noise: float = 0.0) -> str:
    if before is None or after is None or abs(after - before) <= noise * abs(before):
        return ""
    return "better" if sign * (after - before) > 0 else "worse"
