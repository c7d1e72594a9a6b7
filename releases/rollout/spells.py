"""Which weights stood at a revision of a rollout: what evidence about its units is keyed by."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from django.db.models import F

from formats.plan import WHOLE
from releases import plans
from releases.models import Rollout, Route, Stage
from releases.rollout.counts import Spell, Weights
from releases.rollout.designs.design import Design
from releases.rollout.strategies import bandit

_WEIGHED = ("entry__arms", "entry__rollout__even")
"""All of an entry that says with what chance a unit that is counted was given to each arm."""
_TOLD = ("stage__place", *_WEIGHED)


def by_revision(
    rollout: Rollout, design: Design, revisions: Collection[int] | None = None
) -> dict[int, Spell]:
    """The spell of each revision (all, or these): equal weights in one stage are one, however often they
    went out."""
    found = Route.objects.filter(stage__rollout=rollout).order_by()
    if revisions is not None:
        found = found.filter(revision__in=revisions)
    return {revision: _spell(design, *told) for revision, *told in found.values_list("revision", *_TOLD)}


def kept_under(rollout: Rollout, revisions: Collection[int]) -> dict[int, int]:
    """Of each of these revisions the one under which its counts are kept."""
    found = Route.objects.filter(stage__rollout=rollout, revision__in=revisions).order_by()
    return dict(found.values_list("revision", Route.KEPT_UNDER))


def first_alike(stage: Stage, entry: Mapping[str, Any]) -> int | None:
    """The revision with which these weights went out first in this stage; None where they are new to it."""
    asked = _alike(entry["arms"], (entry.get("rollout") or {}).get("even"))
    found = Route.objects.filter(stage=stage).order_by("revision")
    known = found.annotate(under=Route.KEPT_UNDER).filter(under=F("revision"))
    told = known.values_list("revision", *_WEIGHED)
    return next((revision for revision, *weighed in told if _alike(*weighed) == asked), None)


def _alike(arms: Sequence[Mapping[str, Any]], even: float | None) -> tuple[dict[int, int], float]:
    return plans.weights(arms), _even(arms, even)


def _even(arms: Sequence[Mapping[str, Any]], even: float | None) -> float:
    """The share of counted units for whom all arms play alike: where what is asked decides, nobody
    else is counted by the weights."""
    return 1.0 if any(arm.get("contexts") for arm in arms) else even or 0.0


def of_all(designs: Mapping[int, Design]) -> dict[int, dict[int, Spell]]:
    """The spell of each revision of many rollouts, by their keys."""
    found: dict[int, dict[int, Spell]] = {pk: {} for pk in designs}
    rows = Route.objects.filter(stage__rollout__in=designs).order_by()
    for pk, revision, *told in rows.values_list("stage__rollout", "revision", *_TOLD):
        found[pk][revision] = _spell(designs[pk], *told)
    return found


def _spell(design: Design, place: int, arms: Sequence[Mapping[str, Any]], even: float | None) -> Spell:
    return Spell(place, _chances(design.arms, arms, _even(arms, even)))


def even_shares(rollout: Rollout, design: Design) -> dict[int, float]:
    """Of each revision that has any: the share of units for whom all arms play alike."""
    if not bandit.even(design):
        return {}
    found = Route.objects.filter(stage__rollout=rollout, entry__rollout__even__gt=0).order_by()
    return dict(found.values_list("revision", "entry__rollout__even"))


def _chances(names: Sequence[str], arms: Sequence[Mapping[str, int]], even: float) -> Weights:
    """With what chance a unit was given to each arm: by the weights, or, of the even ones, to all alike."""
    weights = {str(number): weight for number, weight in plans.weights(arms).items()}
    alike = round(even * WHOLE / len(weights)) if weights else 0
    mixed = {arm: round((1 - even) * weight) + alike if even else weight for arm, weight in weights.items()}
    rest = WHOLE - sum(mixed.values())
    mixed[names[-1]] = mixed.get(names[-1], 0) + rest
    return tuple((arm, mixed.get(arm, 0)) for arm in names)
