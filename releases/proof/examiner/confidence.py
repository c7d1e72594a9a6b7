"""The confidence set: all predictions by large binary calls, the metric on them, and the champion beside it.

The rows are streamed and the predictions land in a file, so a million rows take no more memory than
their metric. A sample of rows is asked a second time, each alone: where the answers differ, a batch
is not what a client would get, and all rows are asked one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from time import perf_counter

import numpy as np

from formats.answers import first_difference
from formats.dtypes import Array
from formats.sets import Ragged, TestSet
from formats.types import Tolerance
from registry.manifest import MetricRange
from registry.manifest.fitting import Misfit, Truth, settled
from releases.proof.examiner import own, result
from releases.proof.examiner.answers import MOST_CONFIDENCE, ReferenceAnswers
from releases.proof.examiner.asking import Server
from releases.proof.examiner.findings import BadSet, Finding
from releases.proof.examiner.keeping import keep
from releases.proof.examiner.pacing import outputs, pace_of, patiently
from releases.proof.examiner.predictions import Predictions, read
from releases.proof.examiner.progress import Progress
from releases.proof.examiner.spec import Spec
from releases.proof.examiner.wanted import Wanted
from releases.statistics import arrays, estimates, slices
from releases.statistics.arrays import Entries
from releases.statistics.comparison import Decision, compare
from releases.statistics.estimates import CONFIDENCE, Estimate, Worth
from releases.statistics.judging import judged, judgement
from releases.statistics.power import power
from releases.statistics.rows import Judged, Unmeasurable

MARGIN = 0.0
"""Where the manifest names none, a version may be no worse than the live one."""
MOST_ADVISED = 10**9
"""More rows than anybody labels: then it says that the two cannot be told apart."""


@dataclass(frozen=True, slots=True)
class Asked:
    """All rows' answers, what is judged of them, and how they were got."""

    answers: Entries
    predictions: Entries
    rows_per_call: int
    sampled: int
    differing: int


def examine(
    spec: Spec, found: TestSet, server: Server, answers: ReferenceAnswers, progress: Progress
) -> result.Confidence:
    """Ask, then judge. Raises Finding."""
    target = _target(found)
    spec = replace(spec, metric=_settled(spec, found, target))
    started = perf_counter()
    asked = ask(spec, found, server, answers, progress)
    judge = partial(_judged_by, spec, target, progress)
    asked = replace(asked, predictions=judge(asked.answers))
    try:
        return _judge(spec, found, target, asked, started, judge)
    except Unmeasurable as error:
        raise Finding(f"the metric cannot be computed: {error}") from error


def _target(found: TestSet) -> Entries:
    match found.target:
        case None:
            raise BadSet("the confidence set has no target")
        case Ragged() as rows:
            return arrays.Ragged.of(list(rows))
        case target:
            return target


def _settled(spec: Spec, found: TestSet, target: Entries) -> MetricRange:
    """The metric with its output named. Raises BadSet where set, metric and output do not fit each other."""
    truth = Truth(found.rows, arrays.row_shape(target), arrays.dtype(target).kind)
    graph = spec.own_metric.signature if spec.own_metric else None
    try:
        return settled(spec.metric, truth, spec.signature.outputs, found.kind, graph)
    except Misfit as reason:
        raise BadSet(str(reason)) from reason


Judge = Callable[[Entries], Entries]


def _judged_by(spec: Spec, target: Entries, progress: Progress, told: Entries) -> Entries:
    """What the metric looks at: the predictions, or what the version's own metric says of them."""
    if spec.own_metric is None:
        return told
    return own.values(spec, spec.own_metric, target, told, progress)


def ask(spec: Spec, found: TestSet, server: Server, answers: ReferenceAnswers, progress: Progress) -> Asked:
    """Every row's prediction, from calls of many rows unless a row alone is answered otherwise."""
    wanted, path = Wanted.of(spec.metric), spec.scratch / "predictions.npy"
    rng = np.random.default_rng(spec.seed)
    sample = np.sort(rng.choice(found.rows, min(found.rows, MOST_CONFIDENCE), replace=False))
    progress.begin("confidence", found.rows + len(sample))
    pace = pace_of(found)
    with Predictions(path, found.rows, stacked=found.kind == "samples") as predictions:
        predictions.fill(outputs(found, server, wanted, pace, progress))
        progress.go_on(found.rows, 0)
        differing = _ask_alone(found, server, answers, sample, predictions.entries, wanted, progress)
        if differing and pace.used > 1:
            pace = pace_of(found, 1)
            progress.go_on(len(sample), found.rows)
            predictions.fill(outputs(found, server, wanted, pace, progress))
        return Asked(predictions.entries, predictions.entries, pace.used, len(sample), differing)


def _ask_alone(
    found: TestSet,
    server: Server,
    answers: ReferenceAnswers,
    sample: Array,
    predictions: Entries,
    wanted: Wanted,
    progress: Progress,
) -> int:
    """Ask the sampled rows again, each alone as JSON; how many are answered otherwise than before."""
    differing, tolerance = 0, answers.tolerances.on(wanted.names[0])
    for asked, row in enumerate(sample.tolist()):
        progress.stand_aside(server.close)
        told = patiently(found, row, server)
        progress.tell(asked)
        answers.keep("confidence", row, told)
        before, alone = arrays.entry(predictions, row), wanted.entries(told.arrays)
        differing += _differs(before, alone, tolerance)
    return differing


def _differs(before: Array, alone: Array, tolerance: Tolerance) -> bool:
    if alone.size != before.size:
        return True
    return first_difference(before.reshape(-1), alone.reshape(-1), tolerance) is not None


def _judge(
    spec: Spec, found: TestSet, target: Entries, asked: Asked, started: float, judge: Judge
) -> result.Confidence:
    rng = np.random.default_rng([spec.seed, 1])
    worth = Worth.of(found.rows, found.weight, found.group)
    (rows,), assumed = judgement(spec.metric, target, [asked.predictions])
    estimate = estimates.estimate(spec.metric, rows, worth, rng)
    lower, upper = estimate.bounds(CONFIDENCE)
    comparison, why_not = _comparison(spec, target, asked, worth, rng, judge)
    chance = power(spec.metric, estimate.value, lower, upper, found.rows)
    return result.Confidence(
        metric=spec.metric.name,
        rows=found.rows,
        units=estimate.units,
        value=estimate.value,
        lower=lower,
        upper=upper,
        method=estimate.method,
        slices=_slices(spec, rows, worth, found.slices, rng),
        comparison=comparison,
        no_comparison=why_not,
        rows_per_call=asked.rows_per_call,
        sampled=asked.sampled,
        differing=asked.differing,
        seconds=perf_counter() - started,
        passing=chance.passing if chance else None,
        rows_needed=_bounded(chance.rows_needed) if chance else None,
        output=spec.metric.output,
        assumed=assumed,
        not_kept=keep(spec, found, target, asked.answers, rows),
    )


def _rows(units: int | None, rows: int, worth: Worth) -> int | None:
    return None if units is None else _bounded(units * rows // worth.units)


def _bounded(rows: int | None) -> int | None:
    """More than a billion rows is no advice."""
    return rows if rows is None or rows <= MOST_ADVISED else None


def _slices(
    spec: Spec, rows: Judged, worth: Worth, columns: Mapping[str, Array], rng: np.random.Generator
) -> tuple[result.Slice, ...]:
    return tuple(
        result.Slice(
            name=part.name[: result.MOST_NAME],
            label=part.label[: result.MOST_NAME],
            rows=part.rows,
            value=part.estimate.value if part.estimate else None,
            lower=_bound(part.estimate, part.level, 0),
            upper=_bound(part.estimate, part.level, 1),
            outside=part.outside,
        )
        for part in slices.sliced(spec.metric, rows, worth, columns, rng)
    )


def _bound(estimate: Estimate | None, level: float, side: int) -> float | None:
    return estimate.bounds(level)[side] if estimate else None


def _comparison(
    spec: Spec, target: Entries, asked: Asked, worth: Worth, rng: np.random.Generator, judge: Judge
) -> tuple[result.Comparison | None, str | None]:
    """The champion beside this version, or why it cannot stand there."""
    path = spec.champion.predictions if spec.champion else None
    if path is None:
        return None, None
    try:
        theirs = judge(_champions(path, len(target)))
        ours_judged, theirs_judged = judged(spec.metric, target, [asked.predictions, theirs])
        paired = compare(spec.metric, ours_judged, theirs_judged, worth, rng)
    except (Unmeasurable, Finding) as error:
        return None, f"the champion cannot be compared on these rows: {error}"[:1000]
    margin = spec.metric.margin if spec.metric.margin is not None else MARGIN
    decision = paired.decision(margin)
    needed = paired.units_needed(margin) if decision is Decision.CANNOT_TELL else None
    ahead = paired.units_needed(0.0) if decision is Decision.NOT_WORSE and paired.difference > 0 else None
    return result.Comparison(
        decision=decision.value,
        difference=paired.difference,
        lower=paired.lower,
        upper=paired.upper,
        margin=margin,
        method=paired.method,
        rows_needed=_rows(needed, len(target), worth),
        rows_for_better=_rows(ahead, len(target), worth),
        p_value=paired.p_value,
        only_ours=paired.only_ours,
        only_theirs=paired.only_theirs,
        power=paired.power(margin, worth.units),
    ), None


def _champions(path: Path, rows: int) -> Entries:
    try:
        theirs = read(path)
    except (ValueError, EOFError) as error:
        raise Unmeasurable(f"its predictions are unreadable: {error}") from error
    if len(theirs) != rows:
        raise Unmeasurable(f"it has predictions for {len(theirs)} rows, the set has {rows}")
    return theirs
