"""Both answers known: units whose answers never differ are the same under both arms, and only dilute.

The effect is measured on changed answers, over units whose answers have differed (triggered ones), and
for all units it is d times that, with d the share of units that are triggered. Deng and Hu, Diluted
treatment effect estimation for trigger analysis, WSDM 2015, with every unit's counterfactual known.
"""

from __future__ import annotations

from dataclasses import dataclass

from releases.rollout.counts import Sums
from releases.rollout.evidence import adjusted, proportion
from releases.rollout.evidence.adjusted import Interval


@dataclass(frozen=True, slots=True)
class Share:
    """d, the share of paired units whose answers differ, with its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Changed:
    """d; the effect on changed answers, new - old, plain and adjusted; the effect for all units."""

    differing: Share
    plain: Interval
    adjusted: Interval
    overall: Interval


def share(triggered: int, paired: int, alpha: float) -> Share:
    """Units of which only some requests were paired count when at least one was."""
    return Share(triggered / paired if paired else 0.0, *proportion.interval(triggered, paired, alpha))


def analysis(
    triggered: int, paired: int, new: Sums, old: Sums, alpha: float, tuned_at: float = adjusted.TUNED_AT
) -> Changed:
    """What is known at this look, each interval on its own valid at all looks together with 1 - alpha.

    triggered, paired   units in both arms together
    new, old            outcomes of triggered units alone

    The effect for all has half of alpha for d and half for the effect, as both may be off.
    """
    arms = adjusted.Moments.of(new), adjusted.Moments.of(old)
    return Changed(
        share(triggered, paired, alpha),
        adjusted.plain(*arms, alpha, tuned_at),
        adjusted.adjusted(*arms, alpha, tuned_at),
        _overall(share(triggered, paired, alpha / 2), adjusted.adjusted(*arms, alpha / 2, tuned_at)),
    )


def _overall(differing: Share, effect: Interval) -> Interval:
    low = effect.low * (differing.high if effect.low < 0 else differing.low)
    high = effect.high * (differing.high if effect.high > 0 else differing.low)
    return Interval(effect.value * differing.value, low, high)
