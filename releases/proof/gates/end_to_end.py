"""Does every row of the end-to-end set come back right, asked as a client would ask?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from releases.proof.gates.base import Candidate, Outcome, Verdict


class Miss(TypedDict):
    """One row that did not come back right, as far as it is told."""

    row: int
    problem: str


class EndToEndFound(TypedDict, total=False):
    """What this gate reads of the examiner's part."""

    reason: str
    rows: int
    wrong: int
    unanswered: int
    batchable: bool | None
    failures: Sequence[Miss]


class EndToEnd:
    """One wrong row fails: there is no rate and no budget for misses."""

    name = "end_to_end"

    def check(self, candidate: Candidate) -> Verdict:
        found: EndToEndFound = candidate.measured
        evidence = dict[str, object](**found)
        if reason := found.get("reason"):
            return Verdict(Outcome.FAILED, str(reason), evidence)
        rows, wrong = found["rows"], found["wrong"]
        if wrong:
            return Verdict(Outcome.FAILED, _words(rows, wrong, found), evidence)
        alone = (
            "alone or in a batch" if found.get("batchable") else "each row alone; in a batch they may differ"
        )
        return Verdict(Outcome.PASSED, f"All {rows} rows came back right, {alone}.", evidence)


def _words(rows: int, wrong: int, found: EndToEndFound) -> str:
    """A row that got no answer did not come back wrong: there is nothing to compare."""
    first, unanswered = found["failures"][0], found.get("unanswered", 0)
    if unanswered == wrong:
        return f"{wrong} of {rows} rows got no answer, the first is row {first['row']}: {first['problem']}"[
            :500
        ]
    others = f", and {unanswered} got no answer" if unanswered else ""
    return f"{wrong - unanswered} of {rows} rows came back wrong{others}, the first is row {first['row']}."
