"""Are the bytes the declared bytes, does policy allow what is in them, and do they load within limits?"""

from __future__ import annotations

from releases.proof.gates.base import Candidate, Outcome, Verdict


class Integrity:
    """`measured` is the inspection in the sandbox, with `checked` = files whose digest was recomputed."""

    name = "integrity"

    def check(self, candidate: Candidate) -> Verdict:
        found = candidate.measured
        problems = [*found.get("refusals", ()), *found.get("findings", ())]
        evidence = {
            "checked": found.get("checked", []),
            "findings": problems,
            "graphs": found.get("graphs", {}),
            "load_seconds": found.get("load_seconds"),
        }
        if problems:
            more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
            return Verdict(Outcome.FAILED, f"{problems[0]['message']}{more}", evidence)
        return Verdict(
            Outcome.PASSED,
            f"{len(evidence['checked'])} files are what they were declared to be, and the model loads.",
            evidence,
        )
