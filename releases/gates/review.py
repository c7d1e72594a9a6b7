"""Have the people whom the policy names signed? A refusal is an action (`reject`), not a verdict."""

from __future__ import annotations

from releases.gates.base import Candidate, Outcome, Phase, Verdict


class Review:
    """`signed` maps a slot to who signed it, for the evidence as it stands."""

    name = "review"
    phase = Phase.HUMAN

    def check(self, candidate: Candidate) -> Verdict:
        slots = list(candidate.policy.get("slots", ()))
        missing = [slot for slot in slots if slot not in candidate.signed]
        evidence = {"signed": dict(candidate.signed), "missing": missing}
        if missing:
            return Verdict(Outcome.PENDING, f"Waits for {', '.join(missing)}.", evidence)
        return Verdict(Outcome.PASSED, f"All {len(slots)} reviews are signed.", evidence)
