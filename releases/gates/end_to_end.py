"""Does every row of the end-to-end set come back right, asked as a client would ask?"""

from __future__ import annotations

from releases.gates.base import Candidate, Outcome, Phase, Verdict


class EndToEnd:
    """One wrong row fails: there is no rate and no budget for misses."""

    name = "end_to_end"
    phase = Phase.AUTOMATIC

    def check(self, candidate: Candidate) -> Verdict:
        found = candidate.measured
        evidence = dict(found)
        if reason := found.get("reason"):
            return Verdict(Outcome.FAILED, str(reason), evidence)
        rows, wrong = found["rows"], found["wrong"]
        if wrong:
            first = found["failures"][0]
            return Verdict(
                Outcome.FAILED,
                f"{wrong} of {rows} rows came back wrong, the first is row {first['row']}.",
                evidence,
            )
        alone = (
            "alone or in a batch" if found.get("batchable") else "each row alone; in a batch they may differ"
        )
        return Verdict(Outcome.PASSED, f"All {rows} rows came back right, {alone}.", evidence)
