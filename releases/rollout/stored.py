"""What is stored about rollouts and their units, read for many at once: with as many queries as for one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Count, Max, Q, QuerySet

from releases.models import CohortSum, Judgement, NodeReport, Stage, StageTraffic, UnitCount, WeighedSum
from releases.rollout import spells
from releases.rollout.counts import Spell
from releases.rollout.designs.design import Design
from releases.rollout.outcomes.metrics import measured
from releases.traffic.figures import INTERNAL, MIRROR, NAMED


class Units(NamedTuple):
    """Units of which something was told, as `UnitCount` has them."""

    revision: int
    version: int
    kind: str
    about: int
    value: int
    node: str
    units: int


class Requests(NamedTuple):
    """Requests to an arm of a stage, as `StageTraffic` has them."""

    revision: int
    version: int
    arm: str
    requests: int
    codes: Mapping[str, int]


class Labels(NamedTuple):
    """How often labels say the same of answers by the same weights, as `Judgement` has them."""

    revision: int
    about: int
    right: str
    times: int


@dataclass(slots=True)
class Stored:
    """Of one rollout. `begun`: when its present stage began."""

    design: Design
    spells: Mapping[int, Spell]
    begun: datetime | None = None
    units: list[Units] = field(default_factory=list)
    requests: list[Requests] = field(default_factory=list)
    reports: list[NodeReport] = field(default_factory=list)
    weighed: list[WeighedSum] = field(default_factory=list)
    cohorts: list[CohortSum] = field(default_factory=list)
    labels: list[Labels] = field(default_factory=list)

    def alone(self) -> list[int]:
        """The revisions under which units are held against the time before."""
        return [number for number, spell in self.spells.items() if self.design.uncompared(spell)]


def read(designs: Mapping[int, Design]) -> dict[int, Stored]:
    """What is stored of these rollouts, by their keys."""
    weighed = spells.of_all(designs)
    found = {pk: Stored(design, weighed[pk]) for pk, design in designs.items()}
    mine = Q(stage__rollout__in=found)
    stages = Stage.objects.filter(rollout__in=found).order_by()
    for pk, begun in stages.values_list("rollout").annotate(Max("begun_at")):
        found[pk].begun = begun
    for pk, *told in _rows(UnitCount.objects.filter(mine), Units):
        found[pk].units.append(Units(*told))
    alone = {revision for each in found.values() for revision in each.alone()}
    traffic = StageTraffic.objects.filter(mine, Q(arm=MIRROR) | Q(revision__in=alone))
    for pk, *told in _rows(traffic.exclude(arm__in=(INTERNAL, NAMED)), Requests):
        found[pk].requests.append(Requests(*told))
    for report in NodeReport.objects.filter(rollout__in=found):
        found[report.rollout_id].reports.append(report)
    _read_labels(found)
    if measuring := [pk for pk, design in designs.items() if measured(design)]:
        for weights in WeighedSum.objects.filter(rollout__in=measuring):
            found[weights.rollout_id].weighed.append(weights)
        for cohort in CohortSum.objects.filter(rollout__in=measuring):
            found[cohort.rollout_id].cohorts.append(cohort)
    return found


def _read_labels(found: Mapping[int, Stored]) -> None:
    rows = Judgement.objects.filter(rollout__in=found, undone_at=None).order_by()
    for pk, *said in rows.values_list("rollout", "revision", "about", "right").annotate(Count("pk")):
        found[pk].labels.append(Labels(*said))


def _rows(rows: QuerySet[Any], kind: Any) -> Iterator[Iterable[Any]]:
    return iter(rows.order_by().values_list("stage__rollout", *kind._fields))
