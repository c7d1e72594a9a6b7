"""What was counted of a rollout, read for a decision: as many queries however much there is.

All revisions of a stage with the same weights are one spell: what else changed of an entry is no evidence.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import reduce
from operator import add

from django.db import connection

from formats.evidence import BAD, FactKind, alone
from formats.heartbeat import Heartbeat
from releases.models import Rollout
from releases.rollout import stored
from releases.rollout.counts import Counts, Discordant, Pairs, Seen, Spell, Tally, Ticks
from releases.rollout.designs.design import Design
from releases.rollout.designs.metrics import MetricKind
from releases.rollout.evidence.diagnosis import NODE
from releases.rollout.labelling.counted import labels_of
from releases.rollout.outcomes.reading import outcomes_in
from releases.rollout.quorum import serving
from releases.rollout.stored import Stored, Units
from releases.rollout.written import from_json
from releases.traffic.figures import MIRROR
from releases.traffic.unions import MOVED
from scoring.errors import MirrorDropped

SILENT_AFTER = timedelta(seconds=20)
"""Four flushes: what a node has counted since is unknown then, not nothing."""
_ALONE = {str(alone(metric)): metric for metric in BAD}
_SPENT = """
SELECT moved.revision, moved.version, bad.kind, count(*)
FROM releases_unitfact bad JOIN releases_unitfact moved ON moved.rollout_id = bad.rollout_id
    AND moved.kind = %s AND moved.about IN ({arms}) AND moved.about <> bad.version AND moved.unit = bad.unit
WHERE bad.rollout_id = %s AND bad.kind IN (%s, %s, %s) AND bad.about = 0
GROUP BY moved.revision, moved.version, bad.kind"""
"""The index leads from a bad unit to its moves, once the versions are named."""


@dataclass
class _Sorted:
    """What was read, by where it belongs."""

    design: Design
    spells: Mapping[int, Spell]
    arms: dict[tuple[Spell, str], list[Tally]] = field(default_factory=lambda: defaultdict(list))
    pairs: dict[tuple[Spell, str], list[Pairs]] = field(default_factory=lambda: defaultdict(list))
    crossed: int = 0

    def add(self, row: Units) -> None:
        if not row.units:
            return
        if row.kind in (FactKind.PAIRED, FactKind.DIFFERED) or row.kind in _ALONE:
            self._pair(row)
        elif row.kind == FactKind.SEEN:
            marks = {(NODE, row.node): row.units}
            self.tally(row.revision, row.version, Tally(row.units, slow=self._slow(row), marks=marks))
        elif row.kind == MOVED:
            self.tally(row.revision, row.version, Tally(moved=row.units))
            self.crossed += row.units * row.value
        elif row.kind in BAD:
            self.tally(row.revision, row.version, Tally(bad={row.kind: row.units}))

    def tally(self, revision: int, version: int, tally: Tally) -> None:
        """What is of a revision without a route is of nobody's weights."""
        if revision in self.spells:
            self.arms[self.spells[revision], str(version)].append(tally)

    def _pair(self, row: Units) -> None:
        """Of several challengers a unit was paired with any is told beside each: as about nought."""
        units, differ = row.units, row.kind == FactKind.DIFFERED
        several = len(self.design.challengers) > 1
        about_any = several and row.about == 0  # else that is the number of a version beside itself
        if row.kind not in _ALONE and several == about_any:
            of = Tally(triggered=units) if differ else Tally(paired=units)
            self.tally(row.revision, row.version, of)
        if about_any or row.revision not in self.spells:
            return
        if row.kind in _ALONE:
            told = Pairs(bad={_ALONE[row.kind]: Discordant(*((units, 0) if row.value else (0, units)))})
        else:
            told = Pairs(differing=units) if differ else Pairs(units)
        self.pairs[self.spells[row.revision], str(row.about)].append(told)

    def _slow(self, row: Units) -> dict[str, dict[str, Seen]]:
        """Nodes tell how many of all thresholds, in ascending order, a request took longer than."""
        metrics = [metric for metric in self.design.metrics if metric.kind is MetricKind.LATENCY]
        ascending = sorted({each.ms for metric in metrics for each in metric.thresholds})
        if row.value < 0 or not ascending:
            return {}
        return {
            metric.name: {
                each.name: Seen(row.units, row.units if row.value > ascending.index(each.ms) else 0)
                for each in metric.thresholds
            }
            for metric in metrics
        }


def counts_of(
    rollout: Rollout, beats: Iterable[Heartbeat], now: datetime, known: Stored | None = None
) -> Counts:
    """Everything counted up to now; `beats` are what the nodes of its environment last said, `known` is what
    was read of it with others."""
    if known is None:
        known = stored.read({rollout.pk: from_json(Design, rollout.design, f"{rollout}.design")})[rollout.pk]
    found = _Sorted(known.design, known.spells)
    for row in known.units:
        found.add(row)
    _spent(rollout, known, found)
    _asked(known, found)
    counted = Counts(
        arms={key: reduce(add, tallies) for key, tallies in found.arms.items()},
        pairs={key: reduce(add, pairs) for key, pairs in found.pairs.items()},
        nodes=_nodes(known, {beat.node for beat in serving(list(beats), rollout.model.name)}, now),
        crossed=found.crossed,
    )
    labelled = labels_of(known.labels, known.spells)
    return counted + labelled + outcomes_in(known.weighed, known.cohorts, known.design, known.spells)


def _spent(rollout: Rollout, known: Stored, found: _Sorted) -> None:
    """Units that moved to a version and had been bad under another one: of nobody where none has moved."""
    if not any(row.kind == MOVED and row.units for row in known.units):
        return
    arms = [int(arm) for arm in found.design.arms]
    asked = _SPENT.format(arms=", ".join(["%s"] * len(arms)))
    with connection.cursor() as cursor:
        cursor.execute(asked, [MOVED, *arms, rollout.pk, *BAD])
        for revision, version, metric, units in cursor.fetchall():
            found.tally(revision, version, Tally(spent={metric: units}))


def _asked(known: Stored, found: _Sorted) -> None:
    """Mirrors that a busy node gave up leave the comparison, which has to be seen; requests stand for the
    comparison where there is none."""
    alone = known.alone()
    for revision, version, arm, requests, codes in known.requests:
        if arm == MIRROR:
            found.tally(revision, version, Tally(dropped=codes.get(MirrorDropped.code, 0)))
        elif revision in alone:
            found.tally(revision, version, Tally(requests=requests))


def _nodes(known: Stored, names: set[str], now: datetime) -> dict[str, Ticks]:
    """Every node that serves the model, and whether it has told of all that it did of late; and of those that
    served it once, what they have given up."""
    told = {row.node: row for row in known.reports}
    first, late = known.begun or now, now - SILENT_AFTER
    found = {}
    for name in sorted(names | {row.node for row in told.values() if row.lost}):
        row = told.get(name)
        heard = (row.until if row else first) >= late and not (row and row.lost_at and row.lost_at >= late)
        served = int(name in names)
        found[name] = Ticks(served, served * int(heard), row.lost if row else 0)
    return found
