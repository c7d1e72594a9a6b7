"""How many rows go into a call: as many as the server answers in about half a second.

A proof's calls are bounded by the same clock as a client's, and what one row costs nobody knows before
it was asked. So the first calls are small, what they took decides the next ones, and a call that was
too much (too late, too large) is asked again in smaller ones from the first row that has no answer.
Only a row that is too much by itself, asked again, speaks against the version.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from time import perf_counter

from formats.dtypes import Array
from formats.sets import Stacked, TestSet
from releases.proof.examiner.asking import Server, Told
from releases.proof.examiner.findings import NeverAnswered, TimedOut, TooLarge
from releases.proof.examiner.progress import Progress
from releases.proof.examiner.wanted import Wanted

CALL_SECONDS = 0.5
"""Well below a request's usual deadline, and long enough that the call itself costs little."""
GROWTH = 8
"""From one row to thousands in four calls, and no step that could take minutes."""
BYTES_PER_CALL = 8 << 20
"""Chosen: large rows in calls that a server takes without a thought for its memory."""
MOST_ROWS_PER_CALL = 4096
"""Above it a call costs no less per row, and its answer has to be held in memory."""
ATTEMPTS = 3
"""A call that fails three times fails by itself, not by the moment."""


class Pace:
    """The size of the next call, at most `most` rows; `used` is the largest that was answered."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.rows = self.used = 1
        self._row_seconds = 0.0

    def took(self, rows: int, seconds: float) -> None:
        """A call of so many rows was answered after so long.

        Two questions are on their way at a time: where an answer was read late, the next one was there
        already and seems to have taken no time. So the dearer of two calls in a row is believed.
        """
        self.used = max(self.used, rows)
        before, self._row_seconds = self._row_seconds, max(seconds, 1e-9) / rows
        fitting = int(CALL_SECONDS / max(before, self._row_seconds))
        self.rows = max(1, min(fitting, rows * GROWTH, self.most))

    def was_too_much(self, rows: int) -> None:
        """A call of so many rows, more than one, was not answered."""
        self.rows = self.most = self.used = max(1, rows // 2)


def pace_of(found: TestSet, rows: int | None = None) -> Pace:
    """Large calls where rows are samples of one shape, one by one else or where `rows` says so."""
    if not isinstance(found.inputs, Stacked) or found.kind == "requests":
        return Pace(1)
    row = sum(array.nbytes // max(1, len(array)) for array in found.inputs.arrays.values())
    fitting = BYTES_PER_CALL // max(1, row)
    return Pace(max(1, min(fitting, rows or MOST_ROWS_PER_CALL, found.rows)))


def outputs(
    found: TestSet, server: Server, wanted: Wanted, pace: Pace, progress: Progress
) -> Iterator[Array]:
    """What is judged of call after call, in the order of the rows.

    Raises Refused, BadAnswer and ServerLost.
    """
    done, again = 0, 0
    while done < found.rows:
        progress.stand_aside(server.close)
        sizes: deque[int] = deque()
        questions = _questions(found, done, pace, sizes, progress)
        begun = perf_counter()
        try:
            for told in server.ask_many(questions, wanted.names):
                rows, now = sizes.popleft(), perf_counter()
                pace.took(rows, now - begun)
                begun, again = now, 0
                done += rows
                yield wanted.entries(told)
                progress.tell(done)
        except (TimedOut, TooLarge) as refusal:
            server.close()
            again = _smaller(pace, sizes[0], again, done, refusal)


def _questions(
    found: TestSet, start: int, pace: Pace, sizes: deque[int], progress: Progress
) -> Iterator[Mapping[str, Array]]:
    """Calls from row `start` on, each as large as the pace says when its turn comes; none into a pause."""
    inputs = found.inputs
    while start < found.rows and not progress.pausing():
        rows = min(pace.rows, found.rows - start)
        sizes.append(rows)
        if isinstance(inputs, Stacked) and found.kind == "samples":
            yield inputs.rows(start, start + rows)
        else:
            yield inputs.row(start)
        start += rows


def _smaller(pace: Pace, rows: int, again: int, row: int, refusal: TimedOut | TooLarge) -> int:
    """How often this row alone has been too much. Raises the refusal where it is the row's own."""
    if rows > 1:
        pace.was_too_much(rows)
        return 0
    if isinstance(refusal, TooLarge):
        raise refusal
    if again + 1 >= ATTEMPTS:
        raise alone(row, refusal) from refusal
    return again + 1


def patiently(found: TestSet, row: int, server: Server) -> Told:
    """Ask for one row as a client would; again where it is late, for the machine may have been busy."""
    for attempt in range(ATTEMPTS):
        try:
            return server.ask(found.inputs.row(row))
        except TimedOut as late:
            if attempt + 1 == ATTEMPTS:
                raise alone(row, late) from late
    raise AssertionError


def alone(row: int, late: TimedOut) -> NeverAnswered:
    return NeverAnswered(
        f"row {row}, asked alone and {ATTEMPTS} times, was never answered in time ({late}):"
        " a client's request would not be answered either"
    )
