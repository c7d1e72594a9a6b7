"""The end-to-end set: every row alone, as a client would ask it, and then the rows in batches.

One row that comes back wrong fails the version; there is no rate. Whether a row in a batch is
answered as it is alone decides if the data plane may gather requests of several clients.
"""

from __future__ import annotations

from collections.abc import Mapping
from time import perf_counter
from typing import Any

import numpy as np

from formats.answers import Tolerances, first_difference
from formats.dtypes import Array
from formats.sets import Stacked, TestSet
from releases.proof.examiner import tensors
from releases.proof.examiner.answers import ReferenceAnswers
from releases.proof.examiner.asking import Server, Told
from releases.proof.examiner.findings import BadAnswer, BadSet, Refused, TimedOut
from releases.proof.examiner.pacing import CALL_SECONDS, patiently
from releases.proof.examiner.progress import Progress
from releases.proof.examiner.result import MOST_FAILURES, MOST_NAME, MOST_SHOWN, EndToEnd, Failure

BATCH = 64
"""Rows asked for together, to be held against the same rows alone: enough that kernels take their path for
batches."""
_MOST_TEXT = 40
"""Of a value that differs, in a line of evidence."""


def examine(found: TestSet, server: Server, answers: ReferenceAnswers, progress: Progress) -> EndToEnd:
    """Ask every row. Raises BadSet without expected outputs, ServerLost, Finding at a row too slow."""
    if found.expected is None:
        raise BadSet("the end-to-end set has no expected outputs")
    started = perf_counter()
    failures: list[Failure] = []
    wrong, unanswered, batchable = 0, 0, found.kind == "samples"
    progress.begin("end_to_end", found.rows)
    for start in range(0, found.rows, BATCH):
        stop = min(start + BATCH, found.rows)
        told, begun = [], perf_counter()
        for row in range(start, stop):
            progress.stand_aside(server.close)
            answer, failure = _ask(found, row, server, answers.tolerances)
            told.append(answer)
            if failure is not None:
                wrong += 1
                unanswered += failure.unanswered
                failures += [failure] * (len(failures) < MOST_FAILURES)
            if answer is not None:
                answers.keep("end_to_end", row, answer)
            progress.tell(row + 1)
        together = _fitting(len(told), perf_counter() - begun)
        batchable = batchable and all(
            _same_in_batch(found, start + first, told[first : first + together], server, answers.tolerances)
            for first in range(0, len(told), together)
        )
    return EndToEnd(
        rows=found.rows,
        wrong=wrong,
        failures=tuple(failures),
        batchable=batchable if found.kind == "samples" else None,
        seconds=perf_counter() - started,
        unanswered=unanswered,
    )


def _fitting(rows: int, seconds: float) -> int:
    """How many rows fit into one call, by what they took one by one; a batch has two at least."""
    return max(2, int(rows * CALL_SECONDS / max(seconds, 1e-9)))


def _ask(
    found: TestSet, row: int, server: Server, tolerances: Tolerances
) -> tuple[Told | None, Failure | None]:
    try:
        told = patiently(found, row, server)
    except (Refused, BadAnswer) as error:
        return None, Failure(row, "", str(error), unanswered=isinstance(error, Refused))
    assert found.expected is not None  # noqa: S101 - examine() has looked
    return told, compare(row, found.expected.row(row), told.arrays, tolerances)


def compare(
    row: int, expected: Mapping[str, Array], got: Mapping[str, Array], tolerances: Tolerances
) -> Failure | None:
    """The first output of a row that is not as expected, None where all are."""
    for output, wanted in expected.items():
        name = output[:MOST_NAME]
        if output not in got:
            return Failure(row, name, "the answer does not have this output")
        have = got[output]
        if have.shape != wanted.shape:
            return Failure(row, name, f"shape {list(have.shape)} came back, not {list(wanted.shape)}")
        place = first_difference(wanted, have, tolerances.on(output))
        if place is not None:
            return Failure(
                row, name, "another value came back", place, _shown(wanted, place), _shown(have, place)
            )
    return None


def _shown(array: Array, place: int) -> tuple[Any, ...]:
    values = tensors.plain(array.reshape(-1)[place : place + MOST_SHOWN])
    return tuple(value[:_MOST_TEXT] if isinstance(value, str) else value for value in values)


def _same_in_batch(
    found: TestSet, start: int, told: list[Told | None], server: Server, tolerances: Tolerances
) -> bool:
    """Whether rows asked together are answered as they were alone. One row alone is asked beside itself."""
    if not isinstance(found.inputs, Stacked) or None in told:
        return False
    batch = found.inputs.rows(start, start + len(told))
    if len(told) == 1:
        batch = {name: np.repeat(array, 2, axis=0) for name, array in batch.items()}
    try:
        together = server.ask_binary(batch)
    except (Refused, BadAnswer):
        return False
    except TimedOut:
        half = len(told) // 2
        return half > 0 and all(
            _same_in_batch(found, start + first, part, server, tolerances)
            for first, part in ((0, told[:half]), (half, told[half:]))
        )
    return all(
        answer is not None and same_row(answer.arrays, together, place, tolerances)
        for place, answer in enumerate(told)
    )


def same_row(
    alone: Mapping[str, Array], together: Mapping[str, Array], place: int, tolerances: Tolerances
) -> bool:
    """Whether the outputs of one row equal that row of a batch's outputs."""
    rows = {name: array[place : place + 1] for name, array in together.items() if array.ndim}
    return compare(0, alone, rows, tolerances) is None
