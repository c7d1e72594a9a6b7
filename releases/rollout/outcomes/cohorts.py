"""The cohort rule: a unit enters when the window of the span of its assignment has closed, value or not.

A span is an hour, or as long as the metric's window where that is shorter (`evidence.cohorts.span_of`). Each
of each metric is summed once, soon after it has closed, and what comes later is not used: a value that counts
as soon as it is there, while its absence counts at the end, would make whichever arm was asked last look
best. What a tick reads are the sums.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from math import inf
from typing import NamedTuple

from django.db.models import Q, QuerySet

from formats.evidence import FactKind
from formats.plan import WHOLE
from registry.catalogue import MOST_WINDOW_HOURS, REWARD
from releases.models import CohortMark, Reward, Rollout, UnitFact, UnitOutcome, WeighedSum
from releases.rollout import spells
from releases.rollout.counts import GRAIN, Spell, Sums, fixed
from releases.rollout.designs.design import Design
from releases.rollout.designs.metrics import Direction, Metric, MetricKind
from releases.rollout.evidence import bounded
from releases.rollout.outcomes import sums
from releases.rollout.outcomes.metrics import followed_by, measured
from releases.rollout.outcomes.sums import Group, Question, Summed
from releases.rollout.written import from_json
from releases.traffic.owners import UNIT_BITS
from scoring.routing import EVEN, drawer

SLACK = timedelta(minutes=2)
"""So much earlier than it was told of, a unit's answers may have begun to differ."""
SPANS_AT_ONCE = 48
"""Two days of hours, after which other rollouts have their turn."""
AT_EACH_LOOK_S = 60
"""Spans shorter than this are summed with each look at their rollout; others once a minute."""
AT_ONCE = 2000
"""Units in one query: SQLite takes 32,766 parameters, and each is in memory with what came of it."""
log = logging.getLogger(__name__)


class Entry(NamedTuple):
    """A unit that enters, by the weights that it was given. What came of answers before these, or before
    `since`, is not of it."""

    unit: int
    revision: int
    version: int
    since: datetime
    context: int | None = None


class Value(NamedTuple):
    """What came of a unit: the earliest counts. `per` is what a ratio has below the line."""

    at: datetime
    value: float
    per: float


# --- when


def sum_closed(now: datetime | None = None) -> int:
    """Sum all spans whose windows have closed, of every rollout that is judged by outcomes; how many."""
    then, total = now or datetime.now(UTC), 0
    lasting = then - timedelta(hours=MOST_WINDOW_HOURS + 2)
    for rollout in Rollout.objects.exclude(design={}).filter(Q(closed_at=None) | Q(closed_at__gt=lasting)):
        try:
            total += sum_of(rollout, then)
        except Exception:
            log.exception("what became of units of %s cannot be summed, and is tried again", rollout)
    return total


def sum_of(rollout: Rollout, now: datetime, under_s: float = inf) -> int:
    """The same for one rollout, of metrics with spans shorter than that, so many spans at most; how many."""
    design = from_json(Design, rollout.design)
    asked = [metric for metric in measured(design).values() if metric.span_s < under_s]
    return sum(_sum_metric(Question(rollout, design, metric), now) for metric in asked)


def at_each_look(design: Design) -> bool:
    """Whether anything of it is summed with each look."""
    return any(metric.span_s < AT_EACH_LOOK_S for metric in measured(design).values())


def _sum_metric(question: Question, now: datetime) -> int:
    rollout = question.rollout
    first, last = question.span_of(rollout.opened_at), question.span_of(rollout.closed_at or now)
    mark, _ = CohortMark.objects.get_or_create(
        rollout=rollout, metric=question.metric.name, defaults={"hour": first}
    )
    done = 0
    for span in range(mark.hour, min(last + 1, mark.hour + SPANS_AT_ONCE)):
        if question.closes(span) + question.grace > now or not sums.keep(
            question, span, _summed(question, span)
        ):
            break
        done += 1
    return done


# --- what


def _summed(question: Question, span: int) -> dict[Group, Summed]:
    found: dict[Group, Summed] = defaultdict(Summed)
    weighed: dict[int, Spell] = {}
    under: dict[int, int] = {}
    is_even, centre = _evenness(question), _centre(question)
    for changed, entries in _entries(question, span):
        values = _values(question, entries, question.closes(span))
        if unknown := {entry.revision for entry in entries} - weighed.keys():
            weighed |= spells.by_revision(question.rollout, question.design, unknown)
            under |= spells.kept_under(question.rollout, unknown)
        grouped: dict[Group, list[Value | None]] = defaultdict(list)
        for entry in entries:
            group = Group(changed, is_even(entry), entry.revision, entry.version, entry.context)
            grouped[group].append(values.get(entry.unit))
        for group, came in grouped.items():
            if group.revision in weighed:
                bets = {}
                if group.context is None:
                    bets = _bets(question, weighed[group.revision], str(group.version), came, centre)
                kept = group._replace(revision=under[group.revision])
                found[kept].add(len(came), _sums(question.metric, came), bets)
    return found


def _evenness(question: Question) -> Callable[[Entry], bool]:
    """Whether all arms play alike for a unit, by the weights that gave it its version."""
    shares = spells.even_shares(question.rollout, question.design)
    drawn = drawer(bytes.fromhex(question.rollout.salt), EVEN)
    below = {revision: share * WHOLE for revision, share in shares.items()}
    return lambda entry: entry.revision in below and drawn(entry.unit & UNIT_BITS) < below[entry.revision]


def _entries(question: Question, span: int) -> Iterator[tuple[bool, list[Entry]]]:
    """Units that enter with this span, some at a time: all, and those whose answers have differed.

    The latter enter when both is known of them, that they were answered and that answers differ: a difference
    in a shadow is known before a unit is given a version.
    """
    differing = _differing(question.design)
    for facts in _facts(question, span, FactKind.SEEN, 0):
        seen = [fact._replace(since=question.began(0)) for fact in facts]
        yield False, seen
        earlier = _of(question, seen, FactKind.DIFFERED, differing, question.began(span))
        yield True, [entry for entry in seen if entry.unit in earlier]
    for differed in _facts(question, span, FactKind.DIFFERED, differing):
        given = _of(question, differed, FactKind.SEEN, 0, question.began(span + 1))
        both = [(given[fact.unit], fact.since - SLACK) for fact in differed if fact.unit in given]
        yield True, [entry._replace(since=since) for entry, since in both]
    if question.design.play.features and question.metric == followed_by(question.design):
        yield from ((False, asked) for asked in _asking(question, span))


def _asking(question: Question, span: int) -> Iterator[list[Entry]]:
    """Units of which it is told what they asked first, and who answered that, whether they play evenly or
    not."""
    for facts in _facts(question, span, FactKind.CONTEXT, 0):
        told = _rows_of(question, FactKind.CONTEXT, 0).filter(unit__in=[fact.unit for fact in facts])
        asked = dict(told.values_list("unit", "value"))
        yield [
            fact._replace(since=question.began(0), context=asked[fact.unit])
            for fact in facts
            if fact.unit in asked
        ]


def _differing(design: Design) -> int:
    """What a fact is about that says of a unit that any two answers differed."""
    return int(design.challengers[0]) if len(design.challengers) == 1 else 0


def _facts(question: Question, span: int, kind: FactKind, about: int) -> Iterator[list[Entry]]:
    rows = (
        _rows_of(question, kind, about)
        .filter(at__gte=question.began(span), at__lt=question.began(span + 1))
        .order_by("at")
    )
    told = rows.values_list("unit", "revision", "version", "at").iterator(chunk_size=AT_ONCE)
    while part := list(islice(told, AT_ONCE)):
        yield [Entry(*row) for row in part]


def _rows_of(question: Question, kind: FactKind, about: int) -> QuerySet[UnitFact]:
    return UnitFact.objects.filter(rollout=question.rollout, kind=kind, about=about)


def _of(
    question: Question, entries: Sequence[Entry], kind: FactKind, about: int, before: datetime
) -> dict[int, Entry]:
    """Facts of that kind about these units from before a moment."""
    rows = _rows_of(question, kind, about).filter(unit__in=[e.unit for e in entries], at__lt=before)
    return {row[0]: Entry(*row) for row in rows.values_list("unit", "revision", "version", "at")}


def _values(question: Question, entries: Sequence[Entry], closes: datetime) -> dict[int, Value]:
    """The earliest value of each unit that came in time; what no policy allows is none."""
    entered = {entry.unit: entry for entry in entries}
    low, high = question.metric.range
    found: dict[int, Value] = {}
    for unit, revision, value in _told(question, list(entered), closes):
        entry = entered[unit]
        fits = low <= value.value <= high and value.at >= entry.since and revision >= entry.revision
        if fits and (unit not in found or value < found[unit]):
            found[unit] = value
    return found


def _told(question: Question, units: Sequence[int], closes: datetime) -> Iterator[tuple[int, float, Value]]:
    """Of each unit by the unit, and of answers to it by request id with the revision that they had."""
    by_unit = UnitOutcome.objects.filter(
        rollout=question.rollout, metric=question.metric.name, unit__in=units, came_at__lt=closes
    )
    for row in by_unit:
        yield row.unit, inf, Value(row.at, row.value, row.per or 0.0)
    if question.metric.name == REWARD:
        rewards = Reward.objects.filter(
            rollout=question.rollout, reward__isnull=False, unit__in=units, came_at__lt=closes
        )
        told = rewards.values_list("unit", "revision", "scored_at", "reward")
        for unit, revision, at, reward in told.iterator():
            yield unit or 0, revision, Value(at, reward or 0.0, 0.0)


def _sums(metric: Metric, came: Iterable[Value | None]) -> Sums:
    there = [value for value in came if value is not None]
    return Sums.of([each.value for each in there], [each.per for each in there])


def _centre(question: Question) -> float:
    """The live version's mean loss in all spans before, as if one unit more had lost half.

    It is known before anything of this span is, so that bets around it are fair.
    """
    metric, base = question.metric, question.design.baseline
    if metric.kind is not MetricKind.BOUNDED:
        return metric.centre
    rows = WeighedSum.objects.filter(
        rollout=question.rollout, metric=metric.name, changed=False, version=int(base or 0)
    )
    units = total = 0
    for row in rows:
        came = Sums(**row.sums)
        units, total = units + row.units, total + came.y + (row.units - came.n) * fixed(metric.default)
    lost = units * _loss(metric, total / GRAIN / units) if units else 0.0
    return (lost + metric.centre) / (units + 1)


def _bets(
    question: Question, spell: Spell, version: str, came: Sequence[Value | None], centre: float
) -> dict[str, tuple[int, ...]]:
    """Of a bounded metric, about each challenger that the unit might have been given instead, or was."""
    metric, design = question.metric, question.design
    if metric.kind is not MetricKind.BOUNDED:
        return {}
    losses = [_loss(metric, metric.default if value is None else value.value) for value in came]
    width = centre if metric.relative else 1 / (metric.high - metric.low)
    about = design.challengers if version == design.baseline else (version,)
    shares = {arm: spell.share_beside(arm, design.baseline) for arm in about}
    return {
        arm: bounded.bets(
            losses,
            new=version == arm,
            share=share,
            centre=centre,
            margin=min(metric.margin * width, 1.0),
        )
        for arm, share in shares.items()
        if 0 < share < 1
    }


def _loss(metric: Metric, value: float) -> float:
    """0 is best, 1 is worst."""
    good = (value - metric.low) / (metric.high - metric.low)
    return 1 - good if metric.direction is Direction.HIGHER else good
