"""Which units were given what, by which chance and since when: a line of JSON or a row of Parquet for each,
read as it is sent.

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

from formats import parquet
from formats.evidence import FactKind
from formats.parquet import Column
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


class Exposure(NamedTuple):
    """What one unit was given first. `unit`: its hash in 16 hexadecimal digits, because a number of 64 bits
    is more than JSON's readers hold; `context` only where a bandit looked at what was asked."""

    unit: str
    arm: int
    reason: str
    propensity: float
    revision: int
    stage: int
    at: datetime
    context: int | None


COLUMNS = (
    Column("unit", parquet.TEXT),
    Column("arm", parquet.WHOLE),
    Column("reason", parquet.TEXT),
    Column("propensity", parquet.NUMBER),
    Column("revision", parquet.WHOLE),
    Column("stage", parquet.WHOLE),
    Column("at", parquet.TIME),
    Column("context", parquet.WHOLE, optional=True),
)


def lines(rollout: Rollout) -> Iterator[str]:
    """As JSON Lines, in the order of the hashes."""
    for each in every(rollout):
        told = each._asdict() | {"at": each.at.isoformat()}
        if each.context is None:
            del told["context"]
        yield json.dumps(told) + "\n"


def table(rollout: Rollout) -> Iterator[bytes]:
    """As one Parquet file, in the same order."""
    return parquet.written(COLUMNS, every(rollout))


def every(rollout: Rollout) -> Iterator[Exposure]:
    """In the order of their hashes, so many rows in memory whatever there is."""
    if not rollout.design:
        return
    revisions = _revisions(rollout)
    for seen in _first(rollout):
        if seen.revision in revisions:
            yield _exposure(seen, revisions[seen.revision])


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


def _exposure(seen: _Seen, given: _Revision) -> Exposure:
    unit, asked = seen.unit & UNIT_BITS, seen.kind == FactKind.CONTEXT
    chance = given.chance(unit, seen.version)
    return Exposure(
        f"{unit:016x}",
        seen.version,
        given.reasons.get(seen.version, ""),
        given.asking(seen.value, seen.version) if asked and given.asking else chance,
        seen.revision,
        given.stage,
        seen.at,
        seen.value if asked else None,
    )
