"""What another way of sharing units out would have brought, from what was counted of a rollout. Pure.

Units that came to a version by chance speak for it as often as they came: with the chances of then, what
would have come of other shares follows without anybody being given them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import nan

import numpy as np

from registry.errors import BadInput
from releases.rollout.counts import Counts, Spell, Sums
from releases.rollout.designs.design import Design
from releases.rollout.designs.metrics import Metric, MetricKind
from releases.rollout.evidence import offpolicy
from releases.rollout.evidence.offpolicy import Estimates, Logged

KINDS = (MetricKind.BAD_EVENT, MetricKind.BOUNDED, MetricKind.REAL)
NO_SHARES = "This rollout went to all at once: there were no shares."
NOT_KNOWN = (
    "Nothing is known of any unit yet: what came of the first ones is counted when their window has closed."
)


@dataclass(frozen=True, slots=True)
class Policy:
    """Shares of units, by version; what is not named gets none."""

    name: str
    shares: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a policy would have brought per unit, or why that cannot be said."""

    policy: Policy
    estimates: Estimates | None
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Units that one version was given by the same weights."""

    spell: Spell
    arm: str
    came: Sums


def metric_of(design: Design, name: str = "") -> Metric:
    """The one that is named, else what a bandit follows, else the first. Raises BadInput."""
    known = {each.name: each for each in design.metrics if not each.guardrail and each.kind in KINDS}
    if not known:
        raise BadInput(
            "Nothing is counted of what becomes of its units, so nothing can be said of other shares.",
            field="metric",
        )
    if name and name not in known:
        raise BadInput(f"Write a metric of this rollout: {', '.join(known)}.", field="metric")
    return known.get(name) or known.get(design.play.reward) or next(iter(known.values()))


def usual(design: Design) -> list[Policy]:
    """Each version alone, and all alike."""
    alike = 1 / len(design.arms)
    alone = [Policy(f"all to version {arm}", {arm: 1.0}) for arm in design.arms]
    return [*alone, Policy("all versions alike", dict.fromkeys(design.arms, alike))]


def asked(design: Design, text: str) -> Policy:
    """Of "8:0.25, 7:0.75". Raises BadInput."""
    shares: dict[str, float] = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        arm, _, share = (each.strip() for each in part.partition(":"))
        if arm in shares:
            raise _unknown(design)
        shares[arm] = _number(share)
    return policy(design, shares)


def policy(design: Design, shares: Mapping[str, float]) -> Policy:
    """Raises BadInput where these are no shares of the rollout's versions."""
    if not set(shares) <= set(design.arms):
        raise _unknown(design)
    if any(not 0 <= share <= 1 for share in shares.values()):
        raise BadInput("Write each share as a number from 0 to 1, such as 8:0.25.", field="shares")
    if abs(sum(shares.values()) - 1) > 1e-6:
        raise BadInput("Write shares that come to 1, such as 8:0.25, 7:0.75.", field="shares")
    return Policy(", ".join(f"version {arm} {share:.4g}" for arm, share in shares.items()), shares)


def _unknown(design: Design) -> BadInput:
    return BadInput(f"Name versions of this rollout once each: {', '.join(design.arms)}.", field="shares")


def _number(text: str) -> float:
    """What is none is no share either."""
    try:
        return float(text)
    except ValueError:
        return nan


def groups(design: Design, counts: Counts, metric: Metric) -> list[Group]:
    """All units of which it is known what came, as the shares stood that gave them their version."""
    told = sorted(counts.arms.items(), key=lambda item: item[0])
    found = (Group(spell, arm, tally.outcomes.get(metric.name, Sums())) for (spell, arm), tally in told)
    return [each for each in found if each.came.n and each.arm in design.arms and each.spell.share(each.arm)]


def answers(design: Design, counts: Counts, metric: Metric, policies: Iterable[Policy]) -> tuple[Answer, ...]:
    found = groups(design, counts, metric)
    return tuple(_answer(design, found, policy) for policy in policies)


def as_it_was(found: Iterable[Group]) -> Sums:
    """What came of all units, under whichever version."""
    return sum((group.came for group in found), Sums())


def _answer(design: Design, found: list[Group], policy: Policy) -> Answer:
    if not found:
        return Answer(policy, None, NOT_KNOWN)
    if never := _never_given(found, policy):
        return Answer(
            policy,
            None,
            f"Version {never} had no share while some of these units came: what it would have brought then is"
            " unknown. Ask about shares without it.",
        )
    wanted = np.array([policy.shares.get(arm, 0.0) for arm in design.arms])
    try:
        return Answer(policy, offpolicy.evaluate(_logged(design, found), wanted))
    except offpolicy.Unanswerable as why:
        told = str(why)
        return Answer(policy, None, f"{told[:1].upper()}{told[1:]}.")


def _never_given(found: Iterable[Group], policy: Policy) -> str:
    wanted = [arm for arm, share in policy.shares.items() if share]
    return next((arm for arm in wanted for group in found if not group.spell.share(arm)), "")


def _logged(design: Design, found: list[Group]) -> Logged:
    return Logged(
        arms=np.array([design.arms.index(group.arm) for group in found]),
        propensities=np.array([[group.spell.share(arm) for arm in design.arms] for group in found]),
        units=np.array([float(group.came.n) for group in found]),
        total=np.array([group.came.total for group in found]),
        squares=np.array([group.came.squares for group in found]),
    )
