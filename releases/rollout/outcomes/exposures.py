"""Which units were given what, by which chance and since when: one line of JSON for each, read as it is sent.

A warehouse joins them with what it counts, by the hash of the unit under the rollout's salt.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from formats.evidence import FactKind
from formats.plan import Arm, PlannedRollout
from releases.models import Rollout, Route, UnitFact
from releases.traffic.owners import UNIT_BITS
from scoring.routing import by_context, context_chance, propensities

AT_ONCE = 2000
"""Lines of one query; between them a slow reader holds no cursor open."""


class _Seen(NamedTuple):
    """A fact, in the order in which the first of a unit is found."""

    unit: int
    revision: int
    kind: str
    version: int
    value: int
    at: datetime


class _Revision(NamedTuple):
    """What one revision had to give. `chance`: (64 bits of a unit, version) -> of having got it; `asking`:
    (context, version) -> the same of a unit that asked that, where what is asked decided."""

    stage: int
    reasons: Mapping[int, str]
    chance: Callable[[int, int], float]
    asking: Callable[[int, int], float] | None = None


def lines(rollout: Rollout) -> Iterator[str]:
    """In the order of their hashes, so many rows in memory whatever there is."""
    if not rollout.design:
        return
    revisions = _revisions(rollout)
    for seen in _first(rollout):
        if seen.revision in revisions:
            yield _line(seen, revisions[seen.revision])


def _first(rollout: Rollout) -> Iterator[_Seen]:
    """What each unit was given first, by its weights or by what it asked, where a bandit looks at that."""
    looks = bool(rollout.design.get("play", {}).get("features"))
    kinds = (FactKind.SEEN, FactKind.CONTEXT) if looks else (FactKind.SEEN,)
    facts = UnitFact.objects.filter(rollout=rollout, kind__in=kinds, about=0)
    facts, after = facts.order_by("unit", "revision", "kind"), None
    while True:
        rest = facts if after is None else facts.filter(unit__gt=after)
        part = [_Seen(*row) for row in rest.values_list(*_Seen._fields)[:AT_ONCE]]
        whole = len(part) < AT_ONCE
        # Of the last unit there may be more in the next part.
        units = [seen for seen in part if seen.unit != part[-1].unit] if looks and not whole else part
        for _, seen in groupby(units, key=attrgetter("unit")):
            yield next(seen)
        if whole:
            return
        after = units[-1].unit


def _revisions(rollout: Rollout) -> dict[int, _Revision]:
    routes = Route.objects.filter(stage__rollout=rollout).order_by()
    found = {}
    for revision, stage, told, by in routes.values_list(
        "revision", "stage__place", "entry__arms", "entry__rollout"
    ):
        arms = [Arm.from_json(arm) for arm in told]
        planned = PlannedRollout.from_json(by) if by else None
        asking = partial(context_chance, arms, planned) if planned and by_context(arms) else None
        reasons = {arm.version: arm.reason for arm in arms}
        found[revision] = _Revision(stage, reasons, propensities(arms, planned), asking)
    return found


def _line(seen: _Seen, given: _Revision) -> str:
    """The hash in 16 hexadecimal digits: a number of 64 bits is more than JSON's readers hold."""
    unit, asked = seen.unit & UNIT_BITS, seen.kind == FactKind.CONTEXT
    chance = given.chance(unit, seen.version)
    told: dict[str, object] = {
        "unit": f"{unit:016x}",
        "arm": seen.version,
        "reason": given.reasons.get(seen.version, ""),
        "propensity": given.asking(seen.value, seen.version) if asked and given.asking else chance,
        "revision": seen.revision,
        "stage": given.stage,
        "at": seen.at.isoformat(),
    }
    if asked:
        told["context"] = seen.value
    return json.dumps(told) + "\n"
