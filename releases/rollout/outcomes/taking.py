"""Outcomes by unit, as a warehouse brings them: checked whole, then each counted once or told why not.

A unit is known by its hash under the rollout's salt: its text is hashed here and not kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from formats.evidence import FactKind
from registry.errors import BadInput
from registry.events import record
from registry.ledger import canonical
from registry.transactions import write
from releases.events import Kind
from releases.models import Rollout, UnitFact, UnitOutcome
from releases.rollout.designs.design import Design
from releases.rollout.designs.metrics import Metric, MetricKind
from releases.rollout.documents.reading import Section
from releases.rollout.outcomes.metrics import measured
from releases.rollout.outcomes.sums import Question
from releases.rollout.written import from_json
from releases.traffic.owners import signed
from scoring.protocols.feedback import LONGEST_TEXT
from scoring.routing import unit_hasher

MOST_ITEMS = 1000
"""Of one call, in one transaction, for which whoever writes waits."""
_MEMBERS = frozenset({"unit", "metric", "value", "per", "at"})
_FROM_THE_FUTURE = timedelta(minutes=1)
_TOO_EARLY = timedelta(hours=1)
"""It may be told of a unit so much later than it was answered, as of clocks and of nodes that were away."""


class Status(StrEnum):
    """`EARLY`: it happened before the unit's first answer, which cannot have made it."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    LATE = "late"
    EARLY = "early"
    UNKNOWN = "unknown"


_REASONS = {
    Status.DUPLICATE: "an outcome of this unit has been counted already",
    Status.LATE: "the window in which this unit's outcome counts has closed",
    Status.EARLY: "this happened before the unit was answered",
    Status.UNKNOWN: "this rollout has answered no such unit, or has not told of it yet",
}


@dataclass(frozen=True, slots=True)
class Judged:
    """What becomes of one item."""

    unit: str
    metric: str
    status: Status

    def told(self) -> dict[str, str]:
        reason = _REASONS.get(self.status)
        line = {"unit": self.unit, "metric": self.metric, "status": str(self.status)}
        return {**line, "reason": reason} if reason else line


class _Item(NamedTuple):
    text: str
    unit: int
    metric: Metric
    value: float
    per: float | None
    at: datetime


def take(rollout: Rollout, body: object, *, actor: str, now: datetime | None = None) -> list[Judged]:
    """Keep outcomes of units; a judgement for each, in order.

    Raises BadInput that names the member of an item that cannot be: then nothing of the call is kept.
    """
    then = now or datetime.now(UTC)
    design = _design(rollout)
    items = list(_items(rollout, measured(design), _listed(body), then))
    with write():
        seen = _seen(rollout, {item.unit for item in items})
        told = _told(rollout, items)
        judged, rows = [], []
        for item in items:
            status = _status(Question(rollout, design, item.metric), item, seen.get(item.unit), told, then)
            judged.append(Judged(item.text, item.metric.name, status))
            if status is Status.ACCEPTED:
                told.add((item.metric.name, item.unit))
                rows.append(_row(rollout, item, then))
        if rows:
            UnitOutcome.objects.bulk_create(rows, batch_size=500)
            record(
                Kind.OUTCOMES_INGESTED,
                rollout.subject,
                actor=actor,
                items=len(items),
                counted=len(rows),
                digest=hashlib.sha256(canonical(body).encode()).hexdigest(),
            )
    return judged


# --- reading


def _design(rollout: Rollout) -> Design:
    if not rollout.design:
        raise BadInput(
            f"{rollout} goes to all at once: it is judged by no outcome of units.", field="rollout"
        )
    return from_json(Design, rollout.design)


def _listed(body: object) -> Sequence[object]:
    items = body if isinstance(body, list) else [body]
    if not 0 < len(items) <= MOST_ITEMS:
        raise BadInput(f"Send between 1 and {MOST_ITEMS} items.", field="items")
    return items


def _items(
    rollout: Rollout, metrics: Mapping[str, Metric], items: Iterable[object], now: datetime
) -> Iterable[_Item]:
    place = unit_hasher(bytes.fromhex(rollout.salt))
    for index, each in enumerate(items):
        section = Section(each, f"[{index}]", _MEMBERS)
        unit, metric = _unit(section), _metric(section, metrics)
        value, per = _value(section, metric), _per(section, metric)
        yield _Item(unit, signed(place(unit)), metric, value, per, _at(section, now))


def _unit(section: Section) -> str:
    said = section.get("unit")
    if not isinstance(said, str) or not 0 < len(said) <= LONGEST_TEXT:
        raise section.refuse("unit", f"Write the unit as it was asked with, 1 to {LONGEST_TEXT} characters.")
    return said


def _metric(section: Section, metrics: Mapping[str, Metric]) -> Metric:
    said = section.get("metric")
    if not isinstance(said, str) or said not in metrics:
        known = ", ".join(metrics) or "none at all"
        raise section.refuse("metric", f"Write a metric of this rollout that units have: {known}.")
    return metrics[said]


def _value(section: Section, metric: Metric) -> float:
    if metric.kind is not MetricKind.BAD_EVENT:
        return section.number("value", float("nan"), *metric.range)
    said: Any = section.get("value")
    if said not in (0, 1):
        raise section.refuse("value", f"Write 1 or 0: {metric.name} is yes or no of each unit.")
    return float(said)


def _per(section: Section, metric: Metric) -> float | None:
    if metric.kind is MetricKind.RATIO:
        return section.number("per", float("nan"), 0.0, metric.range[1])
    if "per" in section:
        raise section.refuse("per", f"{metric.name} is no ratio: leave per out.")
    return None


def _at(section: Section, now: datetime) -> datetime:
    moment = section.moment("at")
    at = now if moment is None else datetime.fromtimestamp(moment, UTC)
    if at > now + _FROM_THE_FUTURE:
        raise section.refuse("at", f"{section.at}.at is in the future: write when it happened.")
    return at


# --- judging


def _seen(rollout: Rollout, units: set[int]) -> dict[int, tuple[datetime, datetime]]:
    """When each unit was first answered, and when it entered last: changed answers have their own window."""
    kinds = (FactKind.SEEN, FactKind.CONTEXT, FactKind.DIFFERED)
    rows = UnitFact.objects.filter(rollout=rollout, kind__in=kinds, unit__in=units)
    first: dict[int, datetime] = {}
    last: dict[int, datetime] = {}
    for kind, unit, at in rows.values_list("kind", "unit", "at"):
        if kind != FactKind.DIFFERED:
            first[unit] = min(at, first.get(unit, at))
        last[unit] = max(at, last.get(unit, at))
    return {unit: (at, last[unit]) for unit, at in first.items()}


def _told(rollout: Rollout, items: Iterable[_Item]) -> set[tuple[str, int]]:
    kept = UnitOutcome.objects.filter(rollout=rollout, unit__in={item.unit for item in items})
    return set(kept.values_list("metric", "unit"))


def _status(
    question: Question,
    item: _Item,
    seen: tuple[datetime, datetime] | None,
    told: set[tuple[str, int]],
    now: datetime,
) -> Status:
    if (item.metric.name, item.unit) in told:
        return Status.DUPLICATE
    if seen is None:
        return Status.UNKNOWN
    first, last = seen
    if item.at < first - _TOO_EARLY:
        return Status.EARLY
    return Status.LATE if question.closes(question.span_of(last)) <= now else Status.ACCEPTED


def _row(rollout: Rollout, item: _Item, now: datetime) -> UnitOutcome:
    return UnitOutcome(
        rollout=rollout,
        metric=item.metric.name,
        unit=item.unit,
        value=item.value,
        per=item.per,
        at=item.at,
        came_at=now,
    )
