"""What became of units, as a decision reads it: sums of closed hours alone, however many units there were."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from releases.models import ANY, CohortSum, Rollout, WeighedSum
from releases.rollout.counts import Cohort, Counts, Spell, Sums, Tally, fixed
from releases.rollout.designs.design import Design
from releases.rollout.designs.metrics import Metric
from releases.rollout.outcomes.metrics import measured


def outcomes_of(rollout: Rollout, design: Design, spells: Mapping[int, Spell]) -> Counts:
    """What is known of outcomes, to be added to what else is counted of the rollout.

    spells   which weights stood at each of its revisions
    """
    metrics = measured(design)
    if not metrics:
        return Counts()
    return outcomes_in(
        WeighedSum.objects.filter(rollout=rollout), CohortSum.objects.filter(rollout=rollout), design, spells
    )


def outcomes_in(
    weighed: Iterable[WeighedSum],
    summed: Iterable[CohortSum],
    design: Design,
    spells: Mapping[int, Spell],
) -> Counts:
    """What rows that were read say of outcomes."""
    metrics, known = measured(design), Counts()
    for row in weighed:
        if row.metric in metrics and row.revision in spells:
            key = (spells[row.revision], str(row.version))
            known += Counts(arms={key: _tally(row, metrics[row.metric])})
    return known + _cohorts(summed, metrics)


def _cohorts(summed: Iterable[CohortSum], metrics: Mapping[str, Metric]) -> Counts:
    """Of the metric that a bandit follows: of all units, of those whose answers differ, of the even ones, and
    of those that ask each context."""
    found: dict[tuple[bool, bool], dict[tuple[int, str], Cohort]] = defaultdict(dict)
    asked: dict[tuple[int, int, str], Cohort] = {}
    for each in summed:
        if each.metric not in metrics:
            continue
        kept = Cohort(each.units, Sums(**each.sums))
        if each.context == ANY:
            found[each.changed, each.even][each.hour, str(each.version)] = kept
        else:
            asked[each.context, each.hour, str(each.version)] = kept
    return Counts(
        cohorts=found[False, False], changed=found[True, False], even=found[False, True], contexts=asked
    )


def _tally(row: WeighedSum, metric: Metric) -> Tally:
    """Units of which nothing came have what the metric says of them."""
    came = Sums(**row.sums)
    silent = row.units - came.n
    sums = came + Sums(silent, silent * fixed(metric.default), silent * fixed(metric.default**2))
    if row.changed:
        return Tally(changed={metric.name: sums})
    bets = {(metric.name, arm): tuple(placed) for arm, placed in row.bets.items()}
    return Tally(outcomes={metric.name: sums}, bets=bets)
