"""Is the metric, with its uncertainty, inside the range of acceptable values? decisions.md, section 5."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from registry import model_policy
from registry.manifest import MetricRange
from releases.proof.gates.base import Candidate, Outcome, Verdict
from releases.proof.gates.findings import ConfidenceFound, findings, sentences

if TYPE_CHECKING:
    from registry.manifest.stored import StoredMetric


class Confidence:
    """Passes when the one-sided 95 % bound on the bad side is inside the range and the value is not too good.

    A value beyond the good end fails as well: that is leakage, or the wrong set. Against the champion
    on the same rows, `worse` (its whole interval beyond the margin) fails; `cannot tell` does not.
    Slices beyond the range and a comparison without power fail it where the policy lets them decide.
    """

    name = "confidence"

    def check(self, candidate: Candidate) -> Verdict:
        found: ConfidenceFound = candidate.measured
        metric = candidate.manifest["metric"]
        evidence = {**found, "metric": metric["name"], "range": list(metric["range"])}
        if reason := found.get("reason"):
            return Verdict(Outcome.FAILED, str(reason), evidence)
        policy = model_policy.parse(candidate.policy)
        told = findings(found, metric, policy, candidate.champion_number)
        deciding = [each for each in told if each.says == "decides"]
        advising = [each for each in told if each.says == "advises"]
        evidence |= {
            "policy": {name: getattr(policy, name) for name in ("slices", "power", "min_power")},
            "findings": [asdict(each) for each in told],
        }
        problem = _problem(found, metric) or _against_champion(candidate) or sentences(deciding)
        words = _said(found, metric)
        if problem:
            return Verdict(Outcome.FAILED, f"{words} {problem}", evidence)
        advice = f" Advice: {sentences(advising)}" if advising else ""
        return Verdict(Outcome.PASSED, words + advice, evidence)


def _problem(found: ConfidenceFound, metric: StoredMetric) -> str:
    low, high = metric["range"]
    if MetricRange.from_json(metric).sign > 0:
        if found["lower"] < low:
            return f"The lower bound {found['lower']:.4g} is below the least acceptable {low:g}."
        if found["value"] > high:
            return f"That is above {high:g}: too good usually means leakage or the wrong set."
        return ""
    if found["upper"] > high:
        return f"The upper bound {found['upper']:.4g} is above the most acceptable {high:g}."
    if found["value"] < low:
        return f"That is below {low:g}: too good usually means leakage or the wrong set."
    return ""


def _against_champion(candidate: Candidate) -> str:
    comparison = candidate.measured.get("comparison") or {}
    if comparison.get("decision") == "worse":
        return f"On the same rows it is worse than version {candidate.champion_number}."
    return ""


def _said(found: ConfidenceFound, metric: StoredMetric) -> str:
    name = metric["name"].replace("_", " ").capitalize()
    return (
        f"{name} {found['value']:.4g} on {found['rows']:,} rows, "
        f"95 % sure it is between {found['lower']:.4g} and {found['upper']:.4g}."
    )
