"""Is it fast and small enough for the hardware that it was measured on?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from releases.gates.base import Candidate, Outcome, Phase, Verdict

ANY_PROFILE = "any"


class Benchmark:
    """Compares SingleStream figures with the limits of the model's policy for this hardware profile."""

    name = "benchmark"
    phase = Phase.AUTOMATIC

    def check(self, candidate: Candidate) -> Verdict:
        found = candidate.measured
        if reason := found.get("reason"):
            return Verdict(Outcome.FAILED, str(reason), dict(found))
        limits = _limits(candidate.policy, str(found.get("profile", "")))
        evidence = {**found, "limits": limits}
        over = [
            f"{name} is {_value(found, name):.4g}, the limit {limit:g}"
            for name, limit in limits.items()
            if _value(found, name) > limit
        ]
        if over:
            return Verdict(Outcome.FAILED, f"Over the policy's limits: {'; '.join(over)}.", evidence)
        return Verdict(
            Outcome.PASSED,
            f"p50 {_value(found, 'p50_ms'):.3g} ms, p99 {_value(found, 'p99_ms'):.3g} ms, "
            f"{found['samples_per_second']:,.0f} samples per second, "
            f"peak memory {found['peak_memory_bytes'] / 2**20:,.0f} MiB.",
            evidence,
        )


def _limits(policy: Mapping[str, Any], profile: str) -> dict[str, float]:
    by_profile = policy.get("benchmark", {})
    return {**by_profile.get(ANY_PROFILE, {}), **by_profile.get(profile, {})}


def _value(found: Mapping[str, Any], name: str) -> float:
    """A figure by its name; a percentile is stored with its interval, its value first."""
    figure = found.get(name, 0.0)
    return float(figure["value"] if isinstance(figure, Mapping) else figure)
