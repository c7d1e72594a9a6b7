"""Two versions side by side as one value: what the comparison page shows and REST answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from formats.types import Signature
from registry.models import ModelVersion
from releases import selectors
from releases.comparing import facts, figures, kept, rows, verdict, versions
from releases.models import GateRun
from releases.proof import evidence
from releases.proof.gates import schema

Runs = Mapping[str, GateRun]
FEW = 5
"""Answers shown in full; all of them have a page of their own."""
EXACTLY = 1e-9
"""Of two sums of the same rows: a float's rounding, far below any difference that is shown."""


@dataclass(frozen=True, slots=True)
class Side:
    """One version with its newest proof, as far as there is one."""

    version: ModelVersion
    release: int | None
    state: str
    failed: Sequence[str]
    quality: evidence.Quality | None
    latency: Mapping[str, float]
    profile: str
    steady: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """`base` is what is there, `head` what is looked at: better is when the head is."""

    base: Side
    head: Side
    verdict: verdict.Verdict
    metric: figures.Measure | None
    paired: figures.Paired | None
    measures: Sequence[figures.Measure]
    slices: Sequence[figures.Slice]
    compatibility: str
    differences: Sequence[schema.Difference]
    answers: kept.Told
    changes: Sequence[facts.Change]

    @property
    def paired_facts(self) -> Mapping[str, object]:
        """The paired difference as a gate's evidence holds it."""
        return asdict(self.paired) if self.paired else {}


def compare(base: ModelVersion, head: ModelVersion) -> Comparison:
    """A dozen queries and one pass over the kept answers, however large the set is."""
    proofs = selectors.proofs([base, head])
    before, after = proofs[base.pk], proofs[head.pk]
    sides = _side(base, before), _side(head, after)
    answers = kept.tell(base, head, most=FEW)
    metric = figures.metric(_found(before, "confidence"), _found(after, "confidence"))
    paired = _paired(base, head, before, after) or _counted(metric, answers)
    differences = schema.compare(*(Signature.from_json(of.signature) for of in (base, head)))
    changes = versions.changes(base, head)
    measures = figures.measures(_found(before, "benchmark"), _found(after, "benchmark"))
    told = verdict.Known(
        base=base.number,
        head=head.number,
        measured=(sides[0].quality is not None, sides[1].quality is not None),
        metric=metric,
        paired=paired,
        failed=sides[1].failed,
        breaks=[each for each in differences if each.breaks],
        warnings=facts.warnings(changes),
        measures=measures,
    )
    return Comparison(
        *sides,
        verdict.verdict(told),
        metric,
        paired,
        measures,
        figures.slices(_found(before, "confidence"), _found(after, "confidence")),
        str(schema.compatibility(differences)),
        differences,
        answers,
        changes,
    )


def _found(runs: Runs, gate: str) -> Mapping[str, Any]:
    return runs[gate].evidence or {} if gate in runs else {}


def _side(version: ModelVersion, runs: Runs) -> Side:
    newest = max(runs.values(), key=lambda run: run.pk, default=None)
    benchmark = _found(runs, "benchmark")
    return Side(
        version,
        newest.release_id if newest else None,
        newest.release.state if newest else "",
        [run.gate for run in runs.values() if run.outcome == GateRun.Outcome.FAILED],
        evidence.quality(_found(runs, "confidence")),
        evidence.latency(benchmark),
        str(benchmark.get("profile", "")),
        figures.is_steady(benchmark),
    )


def _paired(base: ModelVersion, head: ModelVersion, before: Runs, after: Runs) -> figures.Paired | None:
    """What a proof of one beside the other said: that proof measured the same rows of both."""
    if _champion(after) == base.number:
        return figures.paired(_found(after, "confidence"))
    if _champion(before) == head.number:
        return figures.paired(_found(before, "confidence"), turned=True)
    return None


def _counted(metric: figures.Measure | None, answers: kept.Told) -> figures.Paired | None:
    """The same for two proofs that did not know each other, where right answers alone make the metric."""
    told = answers.page
    if told is None or not told.judged or metric is None or metric.name != "accuracy":
        return None
    found = figures.counted(
        told.counts[rows.Only.HEAD_RIGHT], told.counts[rows.Only.BASE_RIGHT], told.compared
    )
    # Where rows have weights, or only some rows stand in both sets, the metric is something else.
    return found if abs(found.difference - (metric.delta or 0.0)) <= EXACTLY else None


def _champion(runs: Runs) -> int | None:
    """Which version was live when this one was proven; the schema gate of the same proof says it."""
    if "confidence" not in runs or "schema" not in runs:
        return None
    same_proof = runs["confidence"].release_id == runs["schema"].release_id
    return _found(runs, "schema").get("champion") if same_proof else None
