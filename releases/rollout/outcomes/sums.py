"""What a span of a metric came to, as rows: added to what is known, once, however many processes sum it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.db.models import F

from registry.transactions import write
from releases.models import ANY, CohortMark, CohortSum, Rollout, WeighedSum
from releases.rollout.counts import Sums
from releases.rollout.designs.design import Design
from releases.rollout.designs.metrics import Metric
from releases.rollout.outcomes.metrics import followed_by

MOST_GRACE = timedelta(minutes=10)
"""So long after a window has closed, what came in time may still be under way from a node; of a span that is
shorter than this, as long as the span. What takes longer is lost to all arms alike."""
EVERYTHING = 0
"""The span under which cohorts are kept that no look tells apart."""


@dataclass
class Summed:
    """Of some units of one version."""

    units: int = 0
    sums: Sums = field(default_factory=Sums)
    bets: dict[str, tuple[int, ...]] = field(default_factory=dict)

    def add(self, units: int, sums: Sums, bets: Mapping[str, tuple[int, ...]]) -> None:
        self.units += units
        self.sums += sums
        for arm, placed in bets.items():
            before = self.bets.get(arm) or (0,) * len(placed)
            self.bets[arm] = tuple(a + b for a, b in zip(before, placed, strict=True))


@dataclass(frozen=True)
class Question:
    """One metric of one rollout."""

    rollout: Rollout
    design: Design
    metric: Metric

    @property
    def grace(self) -> timedelta:
        return min(MOST_GRACE, timedelta(seconds=self.metric.span_s))

    def closes(self, span: int) -> datetime:
        """When what came of units of that span is complete."""
        return self.began(span + 1) + timedelta(hours=self.metric.window_hours)

    def began(self, span: int) -> datetime:
        return datetime.fromtimestamp(span * self.metric.span_s, UTC)

    def span_of(self, moment: datetime) -> int:
        """Since the epoch."""
        return int(moment.timestamp() // self.metric.span_s)


class Group(NamedTuple):
    """Units that are summed together. `even`: all arms play alike for them. `context`: what they asked, of
    all units of which that is told, by the side of what else they are summed with."""

    changed: bool
    even: bool
    revision: int
    version: int
    context: int | None = None


class _Cohort(NamedTuple):
    """As rows tell units apart that one span has given a version."""

    changed: bool
    even: bool
    version: int
    context: int


def keep(question: Question, span: int, found: Mapping[Group, Summed]) -> bool:
    """Write the sums of a span and move the mark, unless somebody else has."""
    with write():
        marked = CohortMark.objects.filter(
            rollout=question.rollout, metric=question.metric.name, hour=span
        ).update(hour=F("hour") + 1)
        if not marked:
            return False
        for group, each in found.items():
            if group.context is None:
                _add_weighed(question, group, each)
        if question.metric == followed_by(question.design):
            _keep_cohorts(question, span, found)
    return True


def _add_weighed(question: Question, group: Group, each: Summed) -> None:
    row, _ = WeighedSum.objects.get_or_create(
        rollout=question.rollout,
        metric=question.metric.name,
        changed=group.changed,
        revision=group.revision,
        version=group.version,
    )
    whole = Summed(row.units, Sums(**row.sums), {arm: tuple(placed) for arm, placed in row.bets.items()})
    whole.add(each.units, each.sums, each.bets)
    row.units, row.sums, row.bets = whole.units, asdict(whole.sums), whole.bets
    row.save(update_fields=["units", "sums", "bets"])


def _keep_cohorts(question: Question, span: int, found: Mapping[Group, Summed]) -> None:
    """What a bandit follows. Cohorts that it does not tell apart are one, so that a look costs the same after
    weeks as after a day."""
    last = question.design.play.last_spans
    whole: dict[_Cohort, Summed] = defaultdict(Summed)
    for group, each in found.items():
        context = ANY if group.context is None else group.context
        whole[_Cohort(group.changed, False, group.version, context)].add(each.units, each.sums, {})
        if group.even and not group.changed and group.context is None:
            whole[_Cohort(False, True, group.version, ANY)].add(each.units, each.sums, {})
    for cohort, each in whole.items():
        _add_cohort(question, EVERYTHING if last is None else span, cohort, each)
    if last is not None:
        _fold(question, span - last)


def _add_cohort(question: Question, span: int, cohort: _Cohort, each: Summed) -> None:
    row, _ = CohortSum.objects.get_or_create(
        rollout=question.rollout,
        metric=question.metric.name,
        hour=span,
        **cohort._asdict(),
    )
    row.units, row.sums = row.units + each.units, asdict(Sums(**row.sums) + each.sums)
    row.save(update_fields=["units", "sums"])


def _fold(question: Question, oldest: int) -> None:
    """Cohorts up to that one are looked at no more, and count as a whole alone."""
    rows = CohortSum.objects.filter(
        rollout=question.rollout, metric=question.metric.name, hour__gt=EVERYTHING, hour__lte=oldest
    )
    for row in rows:
        known = Summed(row.units, Sums(**row.sums))
        cohort = _Cohort(row.changed, row.even, row.version, row.context)
        _add_cohort(question, EVERYTHING, cohort, known)
        row.delete()
