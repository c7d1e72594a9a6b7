"""What an examination found: frozen values, and the schema that the parent holds the cell's words against.

Needs no numpy. `parse` is the one door through which anything of the examiner's cell comes in, so
every text and every list has a bound, and a number is finite (JSON has no other).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

MOST_BYTES = 1 << 20
"""Read whole into memory, from a cell that may say anything."""
MOST_FAILURES = 20
"""Enough to see what kind of row goes wrong; how many did is counted beside."""
MOST_SHOWN = 64
"""Elements of one value in the evidence, as `keeping` keeps."""
MOST_SLICES = 200
"""Twice what `statistics.slices` makes."""
MOST_NAME = 100
"""A metric's or a slice's; longer ones come from an examiner that was taken over."""
MOST_SENTENCE = 1000
"""Of a result that crosses the wall: our sentences have 300 characters."""
MOST_TENSOR_NAME = 200
"""As inspection lets a name be."""
MOST_ASSUMED = 5
"""A metric assumes two or three things of its outputs."""
ROWS_TABLE, ANSWERS_TABLE = "rows.table", "answers.table"

Part = Literal["end_to_end", "confidence", "benchmark"]
PARTS: tuple[Part, ...] = ("end_to_end", "confidence", "benchmark")

Count = Annotated[int, Meta(ge=0, le=10**12)]
Positive = Annotated[float, Meta(ge=0)]
Word = Annotated[str, Meta(max_length=MOST_NAME)]
Sentence = Annotated[str, Meta(max_length=MOST_SENTENCE)]
Shown = Annotated[tuple[float | int | bool | str | None, ...], Meta(max_length=MOST_SHOWN)]


class BadResult(ValueError):
    """The cell did not hand over a result: it was ended half-way, or what it said is not one."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a part could not be measured: a finding about the model or its sets, in one sentence."""

    part: Part
    reason: Sentence


@dataclass(frozen=True, slots=True)
class Failure:
    """One row that did not come back right.

    expected, got   at most 64 elements in row-major order, beginning at the element `at`,
                    the first one that differs; both empty where there was no answer to compare.
    unanswered      whether the server gave none: it refused the row, or the model failed on it.
    """

    row: Count
    output: Word
    problem: Sentence
    at: Count = 0
    expected: Shown = ()
    got: Shown = ()
    unanswered: bool = False


@dataclass(frozen=True, slots=True)
class EndToEnd:
    """The end-to-end set, each row asked alone as v2 JSON.

    wrong       how many rows did not come back right; `failures` describes the first 20 of them.
    batchable   whether a row alone equals the row in a batch; None where rows are whole requests.
    unanswered  how many of the wrong ones got no answer from the server.
    """

    rows: Count
    wrong: Count
    failures: Annotated[tuple[Failure, ...], Meta(max_length=MOST_FAILURES)]
    batchable: bool | None
    seconds: Positive
    unanswered: Count = 0


@dataclass(frozen=True, slots=True)
class Slice:
    """The metric on the rows where `name` is `label`.

    value, lower, upper   None where the metric means nothing there (one class only, say); the bounds
                          are one-sided, each at the level that Holm's correction gave the slice.
    outside               whether the slice is, with all slices taken together, beyond the acceptable range.
    """

    name: Word
    label: Word
    rows: Count
    value: float | None
    lower: float | None
    upper: float | None
    outside: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """Against the champion on the same rows. `difference` is positive where this version is better.

    lower, upper          one-sided 95 % bounds of the difference.
    rows_needed           for "cannot_tell": about how many rows would settle it; None where no number would.
    rows_for_better       where it is ahead and that is not shown: about how many rows would show it.
    power                 the chance that a version as good as the champion is shown to be not worse here:
                          how well a loss of the margin could be seen.
    only_ours, only_theirs   rows that only this version, or only the champion, gets right; None for a
                          metric that does not count right answers.
    """

    decision: Literal["better", "not_worse", "worse", "cannot_tell"]
    difference: float
    lower: float
    upper: float
    margin: Positive
    method: Word
    rows_needed: Count | None = None
    p_value: float | None = None
    only_ours: Count | None = None
    only_theirs: Count | None = None
    rows_for_better: Count | None = None
    power: Annotated[float, Meta(ge=0, le=1)] | None = None


@dataclass(frozen=True, slots=True)
class Confidence:
    """The metric on the confidence set.

    lower, upper    one-sided 95 % bounds, each by itself.
    units           what was counted as independent: rows, or groups of rows.
    rows_per_call   1 where the version answers a row in a batch otherwise than alone.
    sampled, differing   rows asked a second time, alone; those whose answer then differed.
    passing         the chance that a version as good as this value passes on so many rows.
    rows_needed     about how many rows would make that chance 80 %; None where no number would.
    output          the output that was judged, where the manifest leaves it open.
    assumed         in sentences, what the manifest leaves open and was taken for granted.
    not_kept        why rows and answers are not there to be looked at, where they are not.
    """

    metric: Word
    rows: Count
    units: Count
    value: float
    lower: float
    upper: float
    method: Word
    slices: Annotated[tuple[Slice, ...], Meta(max_length=MOST_SLICES)]
    comparison: Comparison | None
    no_comparison: Sentence | None
    rows_per_call: Count
    sampled: Count
    differing: Count
    seconds: Positive
    passing: Annotated[float, Meta(ge=0, le=1)] | None = None
    rows_needed: Count | None = None
    output: Annotated[str, Meta(max_length=MOST_TENSOR_NAME)] | None = None
    assumed: Annotated[tuple[Sentence, ...], Meta(max_length=MOST_ASSUMED)] = ()
    not_kept: Sentence | None = None


@dataclass(frozen=True, slots=True)
class Percentile:
    """A percentile of the latency in milliseconds, with its 95 % interval; None where too few queries ran."""

    value: Positive
    low: Positive | None
    high: Positive | None


@dataclass(frozen=True, slots=True)
class WarmUp:
    """How long it took until the last three blocks' medians agreed within 2 %, if they did."""

    queries: Count
    seconds: Positive
    steady: bool


@dataclass(frozen=True, slots=True)
class Offline:
    """All samples at once: throughput with large batches."""

    rows_per_call: Count
    samples: Count
    samples_per_second: Positive


@dataclass(frozen=True, slots=True)
class Beside:
    """The champion, measured in turn with this version, block by block.

    ratio   this version's median latency over the champion's: median over the pairs of blocks,
            with its 95 % interval. noise: relative standard deviation of the champion's own blocks.
    """

    p50_ms: Percentile
    p90_ms: Percentile
    p99_ms: Percentile
    ratio: Percentile
    noise: Positive


@dataclass(frozen=True, slots=True)
class Benchmark:
    """SingleStream: one query of one sample after another. Times in milliseconds, seen by the client."""

    scenario: Literal["SingleStream"]
    queries: Count
    p50_ms: Percentile
    p90_ms: Percentile
    p99_ms: Percentile
    samples_per_second: Positive
    warm_up: WarmUp
    blocks: Count
    block_deviation: Positive
    offline: Offline | None
    champion: Beside | None
    seconds: Positive


@dataclass(frozen=True, slots=True)
class Answers:
    """How many rows the reference answers in `answers.jsonl` hold."""

    end_to_end: Count
    confidence: Count
    bytes: Count


@dataclass(frozen=True, slots=True)
class Examination:
    """All that the cell says. A part that was not asked for, or could not be measured, is None.

    outcome   "measured"; "failed" where the model or its sets kept a part from being measured;
              "errored" where we did (disk full).
    hangs     why nothing more was asked, where a row was never answered.
    """

    outcome: Literal["measured", "failed", "errored"]
    reason: Sentence | None
    hangs: Sentence | None = None
    problems: Annotated[tuple[Problem, ...], Meta(max_length=len(PARTS))] = ()
    end_to_end: EndToEnd | None = None
    confidence: Confidence | None = None
    benchmark: Benchmark | None = None
    answers: Answers | None = None

    def problem(self, part: Part) -> str | None:
        """Why a part was not measured, None where it was or was not asked for."""
        return next((problem.reason for problem in self.problems if problem.part == part), None)


_decoder = msgspec.json.Decoder(Examination)


def parse(data: bytes) -> Examination:
    """The cell's result. Raises BadResult with a sentence on anything that is not one."""
    if len(data) > MOST_BYTES:
        raise BadResult(f"the examiner wrote {len(data)} bytes; a result has at most {MOST_BYTES}")
    if not data.strip():
        raise BadResult("the examiner ended without a result")
    try:
        return _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadResult(f"the examiner's result is malformed: {error}") from error


def dump(examination: Examination) -> bytes:
    """The result as JSON, as `parse` reads it."""
    return msgspec.json.encode(examination)
