"""Is it fast and small enough for the hardware that it was measured on?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

from registry.model_policy import FLOORS
from releases.proof.gates.base import Candidate, Outcome, Verdict

ANY_PROFILE = "any"
Limits = Mapping[str, Mapping[str, float]]
"""Hardware profile -> measure -> its limit, as a policy says it."""


class BenchmarkFound(TypedDict, total=False):
    """What this gate reads of a benchmark, besides the figures that a policy limits by their names."""

    reason: str
    profile: str
    samples_per_second: float
    peak_memory_bytes: int


class Benchmark:
    """Compares SingleStream figures with the limits of the model's policy for this hardware profile."""

    name = "benchmark"

    def check(self, candidate: Candidate) -> Verdict:
        found: BenchmarkFound = candidate.measured
        if reason := found.get("reason"):
            return Verdict(Outcome.FAILED, str(reason), dict(found))
        by_profile: Limits = candidate.policy.get("benchmark", {})
        limits = _limits(by_profile, str(found.get("profile", "")))
        evidence = {**found, "limits": limits}
        broken = [told for name, limit in limits.items() if (told := _broken(found, name, limit))]
        if broken:
            return Verdict(Outcome.FAILED, f"Outside the policy's limits: {'; '.join(broken)}.", evidence)
        return Verdict(
            Outcome.PASSED,
            f"p50 {_value(found, 'p50_ms'):.3g} ms, p99 {_value(found, 'p99_ms'):.3g} ms, "
            f"{found['samples_per_second']:,.0f} samples per second, "
            f"peak memory {found['peak_memory_bytes'] / 2**20:,.0f} MiB."
            + _unheld(by_profile, limits, str(found.get("profile", ""))),
            evidence,
        )


def _limits(by_profile: Limits, profile: str) -> dict[str, float]:
    return {**by_profile.get(ANY_PROFILE, {}), **by_profile.get(profile, {})}


def _broken(found: BenchmarkFound, name: str, limit: float) -> str:
    """How this limit is not kept, or nothing. A limit on what was not measured is never kept."""
    if found.get(name) is None:
        return f"{name} is not measured, so no limit on it can be kept: a change of the policy takes it away"
    value, floor = _value(found, name), name in FLOORS
    if value < limit if floor else value > limit:
        return f"{name} is {value:.4g}, the limit at {'least' if floor else 'most'} {limit:g}"
    return ""


def _unheld(by_profile: Limits, limits: Mapping[str, float], profile: str) -> str:
    """Limits that are all for other hardware hold nothing here, and that is said."""
    others = [name for name, asked in by_profile.items() if asked]
    if limits or not others:
        return ""
    return f" No limit was held: the policy's are for {', '.join(others)}, measured was on {profile}."


def _value(found: BenchmarkFound, name: str) -> float:
    """A figure by its name; a percentile is stored with its interval, its value first."""
    figure = found[name]  # type: ignore[literal-required]
    return float(figure["value"] if isinstance(figure, Mapping) else figure)
