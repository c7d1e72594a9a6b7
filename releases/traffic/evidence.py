"""What nodes tell of the units of rollouts becomes rows: each fact once, and the counts that follow.

It comes with the counters, and is written in the transaction that counts these. What cannot be read of one
rollout is left out, and holds up neither the counters nor the other rollouts.
"""

from __future__ import annotations

import logging
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from django.db import connection
from django.db.models import Count, Q, Sum

from formats.evidence import Fact, FactKind, Told
from formats.plan import WHOLE
from releases.dataplane import Batch
from releases.models import Environment, NodeReport, Rollout, Route, UnitCount
from releases.traffic.owners import UNIT_BITS, signed
from releases.traffic.unions import MOVED, Kept, Key, united
from scoring.routing import SAMPLED, drawer

LATE = timedelta(days=1)
"""So long after its end a rollout still takes what a node was late to tell."""
MOST_FACTS = 1_000_000
"""Kept of one rollout: where there are more, every second unit is left out from then on, with its facts."""
AT_ONCE = 5000
"""Facts of one kind whose rows are looked up together: SQLite takes 32,766 parameters."""
_OF_PAIRS = (FactKind.PAIRED, FactKind.DIFFERED)
_KINDS = frozenset(FactKind)
_NUMBER = re.compile("[1-9][0-9]{0,17}")
_FACTS_OF_ANY = """
INSERT INTO releases_unitfact (rollout_id, kind, about, unit, revision, version, value, node, at)
SELECT rollout_id, kind, 0, unit, revision, version, value, node, at FROM releases_unitfact
WHERE rollout_id = %s AND about = %s AND kind IN (%s, %s)"""
_COUNTS_OF_ANY = """
INSERT INTO releases_unitcount (stage_id, revision, version, kind, about, value, node, units)
SELECT stage_id, revision, version, kind, 0, value, node, units FROM releases_unitcount
WHERE stage_id IN (SELECT id FROM releases_stage WHERE rollout_id = %s) AND about = %s AND kind IN (%s, %s)"""
_PLACE = ("revision", "version", "kind", "about", "value", "node")
"""What a unit is counted by, beside the stage, which follows from the revision."""
Place = tuple[Any, ...]
"""The values of these."""
_COLUMNS = ("rollout_id", "at", *Kept._fields)
_ROW = f"({', '.join(['%s'] * len(_COLUMNS))})"
_ROWS_AT_ONCE = 1000
"""Nine values each: SQLite takes 32,766 parameters."""
_INSERT = f"""INSERT INTO releases_unitfact ({", ".join(_COLUMNS)}) VALUES {{rows}}
ON CONFLICT (rollout_id, kind, about, unit) DO UPDATE SET revision = excluded.revision,
    version = excluded.version, value = excluded.value, node = excluded.node"""  # noqa: S608
"""A unit stays in the hour in which it was first told of, which may be summed by now."""
log = logging.getLogger(__name__)


@dataclass
class _News:
    """What some flushes say of one rollout: its facts, up to when each node has told, what each has lost."""

    facts: list[Kept] = field(default_factory=list)
    until: dict[str, datetime] = field(default_factory=dict)
    lost: Counter[str] = field(default_factory=Counter)

    def add(self, node: str, until: datetime, told: Told) -> None:
        self.facts += [_kept(node, Fact(*fact)) for fact in told.facts]
        self.until[node] = max(until, self.until.get(node, until))
        self.lost[node] += told.lost


def take(environment: Environment, batches: Iterable[Batch]) -> None:
    """Write what these flushes tell of rollouts, inside the transaction that counts them."""
    news: dict[int, _News] = defaultdict(_News)
    for batch in batches:
        _read(batch, news)
    if not news:
        return
    since = datetime.now(UTC) - LATE
    going = Rollout.objects.filter(Q(closed_at=None) | Q(closed_at__gt=since), environment=environment)
    rollouts = list(going.filter(pk__in=news).only("salt", "sample", "design").order_by("pk"))
    _report({rollout.pk: news[rollout.pk] for rollout in rollouts})
    kept = _sizes(rollouts)
    for rollout in rollouts:
        facts = news[rollout.pk].facts
        if facts and kept.get(rollout.pk, 0) + _add(rollout, facts) > MOST_FACTS:
            _thin(rollout)


def weight(batch: Batch) -> int:
    """How many facts a flush tells, as far as it can be read."""
    said = batch.body.get("rollouts")
    members = said.values() if isinstance(said, dict) else ()
    told = [each.get("facts") for each in members if isinstance(each, dict)]
    return sum(len(facts) for facts in told if isinstance(facts, list))


# ---- reading


def _read(batch: Batch, news: dict[int, _News]) -> None:
    """A node that nobody understands has told nothing: it is silent, and what waits for it waits."""
    said = batch.body.get("rollouts", {})
    if not isinstance(said, dict):
        log.error("flush %s of node %s names no rollouts: left out", batch.sequence, batch.node)
        return
    for number, member in said.items():
        try:
            until = _until(batch.body)
            told = msgspec.convert(member, Told)
            _check(number, told)
            news[int(number)].add(batch.node, until, told)
        except (msgspec.MsgspecError, KeyError, TypeError, ValueError, OverflowError) as why:
            log.error("flush %s of node %s, rollout %.20s: left out, %s", *_names(batch), number, why)


def _names(batch: Batch) -> tuple[int, str]:
    return batch.sequence, batch.node


def _until(body: Mapping[str, Any]) -> datetime:
    now = datetime.now(UTC)
    return min(datetime.fromtimestamp(float(body["to"]), UTC), now)


def _check(number: str, told: Told) -> None:
    if not _NUMBER.fullmatch(number):
        raise ValueError("that is no number of a rollout")
    if not 0 <= told.lost < 2**31:
        raise ValueError(f"{told.lost} facts cannot be lost")
    for fact in told.facts:
        kind, revision, version, about, unit, value = fact
        numbers = all(0 <= each < 2**31 for each in (revision, version, about))
        if kind not in _KINDS or not numbers or not 0 <= unit <= UNIT_BITS or not -1 <= value < 2**15:
            raise ValueError(f"{fact} is no fact")


def _kept(node: str, fact: Fact) -> Kept:
    return Kept(fact.kind, fact.about, signed(fact.unit), fact.revision, fact.version, fact.value, node)


# ---- writing


def _report(news: Mapping[int, _News]) -> None:
    """Up to when each node has told of each rollout."""
    stored = {(row.rollout_id, row.node): row for row in NodeReport.objects.filter(rollout__in=news)}
    rows = []
    for rollout, told in news.items():
        for node, until in told.until.items():
            row = stored.get((rollout, node)) or NodeReport(rollout_id=rollout, node=node, until=until)
            row.until, row.lost = max(row.until, until), row.lost + told.lost[node]
            row.lost_at = until if told.lost[node] else row.lost_at
            rows.append(row)
    NodeReport.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["rollout", "node"],
        update_fields=["until", "lost", "lost_at"],
    )


def _sizes(rollouts: Iterable[Rollout]) -> dict[int, int]:
    """How many facts are kept of each: as many as are counted."""
    found = UnitCount.objects.filter(stage__rollout__in=list(rollouts)).order_by()
    return dict(found.values_list("stage__rollout").annotate(Sum("units")))


def _add(rollout: Rollout, told: Iterable[Kept]) -> int:
    """Keep what stands, and count it; how many facts there are more."""
    stages = _stages(rollout, {fact.revision for fact in told})
    ours = [fact for fact in _of_it(rollout, told) if fact.revision in stages]
    by_kind: dict[str, list[Kept]] = defaultdict(list)
    for fact in _sampled(rollout, _with_any(rollout, ours)):
        by_kind[fact.kind].append(fact)
    moved: Counter[tuple[Any, ...]] = Counter()
    for kind, facts in by_kind.items():
        for part in _in_parts(facts):
            moved.update(_unite(rollout, kind, part))
    _count(rollout, stages, {place: by for place, by in moved.items() if by})
    return moved.total()


def _of_it(rollout: Rollout, facts: Iterable[Kept]) -> list[Kept]:
    """A version that has left, or one that nobody compares, is none of a rollout's."""
    arms = _arms(rollout)
    about = {0, *arms[1:]}
    return [fact for fact in facts if fact.version in arms and fact.about in about]


def _arms(rollout: Rollout) -> tuple[int, ...]:
    """The numbers of its versions, the baseline first."""
    design = rollout.design
    return tuple(int(arm or 0) for arm in (design.get("baseline"), *design.get("challengers", ())))


def _with_any(rollout: Rollout, facts: Collection[Kept]) -> Iterator[Kept]:
    """Beside each of several challengers a unit is paired with, it is one that was paired with any."""
    yield from facts
    if len(_arms(rollout)) > 2:
        yield from (fact._replace(about=0) for fact in facts if fact.kind in _OF_PAIRS)


def tell_of_any(rollout: int, only: int) -> None:
    """Of a rollout that has had this one challenger, when another joins: what was paired with that one was
    paired with any of them."""
    with connection.cursor() as cursor:
        for statement in (_FACTS_OF_ANY, _COUNTS_OF_ANY):
            cursor.execute(statement, [rollout, only, *_OF_PAIRS])


def _sampled(rollout: Rollout, facts: Iterable[Kept]) -> Iterable[Kept]:
    """Nodes follow a smaller sample with their next plan; what they tell until then is left out here."""
    if not rollout.sample:
        return facts
    drawn, below = drawer(bytes.fromhex(rollout.salt), SAMPLED), WHOLE >> rollout.sample
    return (fact for fact in facts if drawn(fact.unit & UNIT_BITS) < below)


def _in_parts(facts: list[Kept]) -> Iterator[list[Kept]]:
    """All facts of a unit in one part."""
    facts.sort(key=lambda fact: fact.unit)
    at = 0
    while at < len(facts):
        end = min(at + AT_ONCE, len(facts))
        while end < len(facts) and facts[end].unit == facts[end - 1].unit:
            end += 1
        yield facts[at:end]
        at = end


def _unite(rollout: Rollout, kind: str, told: Collection[Kept]) -> Counter[tuple[Any, ...]]:
    """Keep what stands of facts of one kind; by how much each count has changed."""
    stored = _stored(rollout, kind, told)
    standing = united(stored.values(), told)
    changed = [fact for key, fact in standing.items() if stored.get(key) != fact]
    gone = [fact for key, fact in stored.items() if standing.get(key) != fact]
    _keep(rollout, changed)
    over = [fact for key, fact in stored.items() if key not in standing]
    for about in {fact.about for fact in over}:
        units = [fact.unit for fact in over if fact.about == about]
        rollout.facts.filter(kind=MOVED, about=about, unit__in=units).delete()
    counted = Counter(_place(fact) for fact in changed)
    counted.subtract(Counter(_place(fact) for fact in gone))
    return counted


def _keep(rollout: Rollout, facts: Sequence[Kept]) -> None:
    """The database is told at once: a tenth of what an object for each would take."""
    at = connection.ops.adapt_datetimefield_value(datetime.now(UTC))
    with connection.cursor() as cursor:
        for begin in range(0, len(facts), _ROWS_AT_ONCE):
            part = facts[begin : begin + _ROWS_AT_ONCE]
            rows = ", ".join([_ROW] * len(part))
            values = [value for fact in part for value in (rollout.pk, at, *fact)]
            cursor.execute(_INSERT.format(rows=rows), values)


def _stored(rollout: Rollout, kind: str, told: Collection[Kept]) -> dict[Key, Kept]:
    kinds = (kind, MOVED) if kind == FactKind.SEEN else (kind,)
    found = rollout.facts.filter(
        kind__in=kinds, about__in={0, *_arms(rollout)}, unit__in={fact.unit for fact in told}
    )
    return {fact.key: fact for fact in map(Kept._make, found.values_list(*Kept._fields).iterator())}


def _place(fact: Kept) -> tuple[Any, ...]:
    """What units ask is no count of theirs: there would be a row for each context."""
    value = 0 if fact.kind == FactKind.CONTEXT else fact.value
    return (fact.revision, fact.version, fact.kind, fact.about, value, fact.node)


def _stages(rollout: Rollout, revisions: Collection[int]) -> dict[int, tuple[int, int]]:
    """Of each revision its stage, and under which one it is counted."""
    found = Route.objects.filter(stage__rollout=rollout, revision__in=revisions).order_by()
    told = found.values_list("revision", "stage", Route.KEPT_UNDER)
    return {revision: (stage, under) for revision, stage, under in told}


def _count(rollout: Rollout, stages: Mapping[int, tuple[int, int]], moved: Mapping[Place, int]) -> None:
    """Add to the counts of units. What another revision loses may be of a stage that nobody told of now."""
    others = {place[0] for place in moved} - stages.keys()
    stages = {**stages, **(_stages(rollout, others) if others else {})}
    changes: Counter[Place] = Counter()
    for (revision, *place), by in moved.items():
        if revision in stages:
            changes[(*stages[revision], *place)] += by
    stored = UnitCount.objects.filter(
        stage__in={key[0] for key in changes},
        revision__in={key[1] for key in changes},
        kind__in={key[3] for key in changes},
    )
    rows = {(row.stage_id, *(getattr(row, name) for name in _PLACE)): row for row in stored}
    for (stage, *place), by in changes.items():
        made = UnitCount(stage_id=stage, **dict(zip(_PLACE, place, strict=True)))
        rows.setdefault((stage, *place), made).units += by
    if any(row.units < 0 for row in rows.values()):
        log.warning("%s: the release before has counted some units elsewhere: all are counted anew", rollout)
        _count_anew(rollout)
        return
    UnitCount.objects.bulk_create(
        [rows[key] for key in changes],
        update_conflicts=True,
        unique_fields=["stage", *_PLACE],
        update_fields=["units"],
    )


# ---- what keeps the tables bounded


def _thin(rollout: Rollout) -> None:
    """Leave out every second unit that is still told of, and count anew what is left."""
    Rollout.objects.filter(pk=rollout.pk).update(sample=rollout.sample + 1)
    rollout.sample += 1
    drawn, least = drawer(bytes.fromhex(rollout.salt), SAMPLED), WHOLE >> rollout.sample
    rows = rollout.facts.values_list("pk", "unit").iterator()
    out = [pk for pk, unit in rows if drawn(unit & UNIT_BITS) >= least]
    for at in range(0, len(out), AT_ONCE):
        rollout.facts.filter(pk__in=out[at : at + AT_ONCE]).delete()
    log.warning("%s has too many facts: units are told of with a chance of 2**-%s", rollout, rollout.sample)
    _count_anew(rollout)


def _count_anew(rollout: Rollout) -> None:
    UnitCount.objects.filter(stage__rollout=rollout).delete()
    left = rollout.facts.order_by().values_list(*_PLACE).annotate(Count("pk"))
    moved: Counter[Place] = Counter()
    for revision, version, kind, about, value, node, units in left:
        moved[_place(Kept(kind, about, 0, revision, version, value, node))] += units
    _count(rollout, {}, moved)
