"""Counters of the nodes become rows: each flush exactly once, in its minute, its hour and its day.

Nothing is recorded in the log: counters are measurements, no decisions.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from formats.plan import ONCE_MORE
from registry.models import RegisteredModel
from registry.names import is_slug
from registry.transactions import write
from releases.dataplane import Batch
from releases.models import (
    CounterShipment,
    Environment,
    FeedbackShipment,
    NodeTraffic,
    Route,
    StageTraffic,
    Traffic,
)
from releases.traffic import evidence, intake, predictions
from releases.traffic.figures import NOT_CLIENTS
from releases.traffic.spans import DAY, HOUR, MINUTE
from scoring.telemetry import Cell, Meter, Meters

KEPT = {MINUTE: timedelta(hours=26), HOUR: timedelta(days=62), DAY: timedelta(days=731)}
"""How long rows of a span are kept: at most 1,560 + 1,488 + 731 for one arm of one version. A chart reads
rows of one span only. Nodes have no days."""
SPANS: dict[Any, tuple[int, ...]] = {Traffic: (MINUTE, HOUR, DAY), NodeTraffic: (MINUTE, HOUR)}
COUNTED = {
    Traffic: ("requests", "rows", "seconds", "codes", "buckets", "outside", "beyond"),
    NodeTraffic: ("requests", "rows", "seconds", "codes", "buckets"),
    StageTraffic: ("requests", "rows", "seconds", "codes", "buckets"),
}
OF_A_STAGE = timedelta(days=1)
"""So long after its end a stage is still counted for, by when the requests were; what it opened goes on."""
_METERED = {"codes": "errors"}
"""Columns that have another name in a meter."""
FORGOTTEN_AT_ONCE = 5000
"""One transaction, whose writes others wait for; the next minute takes the next."""
_OLDEST_FLUSH = timedelta(days=7)
"""Chosen: what says to be older is counted as so old, for the clock that says so may be anything."""
log = logging.getLogger(__name__)

Row = Traffic | NodeTraffic | StageTraffic


def ingest(environment: Environment) -> int:
    """Count the flushes that wait, and note segments and units that they tell of; how many were new."""
    return intake.ingest(environment, STREAM)


def _take(environment: Environment, batches: Sequence[Batch]) -> None:
    _add(environment, batches)
    predictions.register(environment, batches)
    evidence.take(environment, batches)


STREAM = intake.Stream("counters", CounterShipment, _take, weight=evidence.weight)


def _add(environment: Environment, batches: Iterable[Batch]) -> None:
    versions: dict[tuple[Any, ...], Meter] = {}
    nodes: dict[tuple[Any, ...], Meter] = {}
    chosen: dict[tuple[Any, ...], Meter] = {}
    flushes = [(batch, *read) for batch in batches if (read := _read(batch)) is not None]
    cells = {cell for _, _, counted in flushes for cell in counted.cells}
    models = _by_name({cell.model for cell in cells})
    own = _own_numbers(environment, models, cells)
    for batch, at, counted in flushes:
        for cell, meter in counted.cells.items():
            _merge(versions, (models.get(cell.model), own.get(cell, cell.version), _arm(cell), at), meter)
            if cell.revision:
                key = (models.get(cell.model), cell.revision, at), cell.version, _arm(cell)
                _merge(chosen, key, meter)
            if _arm(cell) not in NOT_CLIENTS:
                _merge(nodes, (batch.node, at), meter)
        if counted.refused:
            _merge(nodes, (batch.node, at), _refused(counted))
    known = {key: meter for key, meter in versions.items() if key[0] is not None}
    _upsert(Traffic, environment, ("model_id", "version", "arm", "at"), known)
    _upsert(NodeTraffic, environment, ("node", "at"), nodes)
    _add_to_stages(environment, chosen)


def _by_name(said: Collection[str]) -> dict[str, int]:
    slugs = [name for name in said if is_slug(name)]
    return dict(RegisteredModel.objects.filter(name__in=slugs).values_list("name", "pk"))


def _own_numbers(
    environment: Environment, models: Mapping[str, int], cells: Collection[Cell]
) -> dict[Cell, int]:
    """Of what a version has answered that stands beside itself: its own number."""
    beside = {cell: (models.get(cell.model), cell.revision) for cell in cells if cell.version == ONCE_MORE}
    if not beside:
        return {}
    routes = Route.objects.filter(
        environment=environment,
        model__in={model for model, _ in beside.values() if model is not None},
        revision__in={revision for _, revision in beside.values()},
        stage__isnull=False,
    ).values_list("model_id", "revision", "stage__rollout__release__version__number")
    numbers = {(model, revision): number for model, revision, number in routes}
    return {cell: numbers[key] for cell, key in beside.items() if key in numbers}


def _read(batch: Batch) -> tuple[datetime, Meters] | None:
    """A flush that nobody can read is no reason to stop counting the others."""
    counted = Meters()
    try:
        counted.add(batch.body)
        return _minute(batch.body), counted
    except (KeyError, TypeError, ValueError, OverflowError):
        log.exception("flush %s of node %s cannot be read: left out", batch.sequence, batch.node)
        return None


def _arm(cell: Cell) -> str:
    """The arm without its weight: `canary:0.05` and `canary:0.25` are one line of a chart."""
    return cell.arm.partition(":")[0][:40]


def _refused(counted: Meters) -> Meter:
    meter = Meter()
    for code, number in counted.refused.items():
        meter.add({"requests": number, "rows": 0, "seconds": 0.0, "errors": {code: number}, "buckets": []})
    return meter


def _merge(into: dict[tuple[Any, ...], Meter], key: tuple[Any, ...], meter: Meter) -> None:
    into.setdefault(key, Meter()).add(meter.to_json())


def _minute(body: Mapping[str, Any]) -> datetime:
    """The minute in the middle of a flush; a node whose clock is wrong writes no far-off rows."""
    now = datetime.now(UTC)
    middle = datetime.fromtimestamp((float(body["from"]) + float(body["to"])) / 2, UTC)
    return min(max(middle, now - _OLDEST_FLUSH), now).replace(second=0, microsecond=0)


def _upsert(
    kind: Any,
    environment: Environment,
    names: tuple[str, ...],
    found: Mapping[tuple[Any, ...], Meter],
) -> None:
    """Add to the rows of each span that are there, make the others. `names` end in the minute."""
    for span in SPANS[kind]:
        sums: dict[tuple[Any, ...], Meter] = {}
        for key, meter in found.items():
            _merge(sums, (*key[:-1], _begun(key[-1], span)), meter)
        if sums:
            _upsert_span(kind, environment, names, sums, span)


def _begun(at: datetime, span: int) -> datetime:
    return datetime.fromtimestamp(at.timestamp() // span * span, UTC)


def _upsert_span(
    kind: Any,
    environment: Environment,
    names: tuple[str, ...],
    found: Mapping[tuple[Any, ...], Meter],
    span: int,
) -> None:
    """Serial, because the caller holds the log's head."""
    narrowed = {f"{names[0]}__in": {key[0] for key in found}, "at__in": {key[-1] for key in found}}
    common = {"environment": environment, "span": span}
    _write(kind, names, found, kind.objects.filter(**common, **narrowed), common)


def _write(
    kind: Any,
    names: tuple[str, ...],
    found: Mapping[tuple[Any, ...], Meter],
    stored: Iterable[Any],
    common: Mapping[str, Any],
) -> None:
    rows = {tuple(getattr(row, name) for name in names): row for row in stored}
    fresh, changed = [], []
    for key, meter in found.items():
        row = rows.get(key)
        if row is None:
            row = kind(**common, **dict(zip(names, key, strict=True)))
            fresh.append(row)
        else:
            meter.add(as_counted(row))
            changed.append(row)
        _fill(row, meter)
    kind.objects.bulk_create(fresh, batch_size=200)
    kind.objects.bulk_update(changed, COUNTED[kind], batch_size=100)


def as_counted(row: Row) -> dict[str, Any]:
    """A row in the form that meters add."""
    return {_METERED.get(name, name): getattr(row, name) for name in COUNTED[type(row)]}


def _fill(row: Row, meter: Meter) -> None:
    counted = meter.to_json()
    for name in COUNTED[type(row)]:
        setattr(row, name, counted[_METERED.get(name, name)])


def _add_to_stages(environment: Environment, chosen: Mapping[tuple[Any, ...], Meter]) -> None:
    """What was counted under a revision belongs to the stage whose weights it had, however late it comes."""
    asked = {key[0][:2] for key in chosen}
    routes = Route.objects.filter(
        environment=environment,
        stage__isnull=False,
        model__in={model for model, _ in asked},
        revision__in={revision for _, revision in asked},
    ).values_list("model_id", "revision", "stage_id", "stage__ended_at", Route.KEPT_UNDER)
    stages = {(model, revision): told for model, revision, *told in routes}
    found: dict[tuple[Any, ...], Meter] = {}
    for ((model, revision, at), version, arm), meter in chosen.items():
        stage, ended, under = stages.get((model, revision), (None, None, None))
        if stage is not None and (ended is None or at <= ended + OF_A_STAGE):
            _merge(found, (stage, under, version, arm), meter)
    if found:
        stored = StageTraffic.objects.filter(
            stage__in={key[0] for key in found}, revision__in={key[1] for key in found}
        )
        _write(StageTraffic, ("stage_id", "revision", "version", "arm"), found, stored, {})


# ---- what keeps the tables bounded


def forget_old(now: datetime | None = None) -> int:
    """Delete rows whose time is over, at most FORGOTTEN_AT_ONCE of each span; how many went."""
    moment = now or datetime.now(UTC)
    gone = 0
    for kind, spans in SPANS.items():
        for span in spans:
            old = kind.objects.filter(span=span, at__lt=moment - KEPT[span]).order_by("at")
            with write():
                keys = list(old.values_list("pk", flat=True)[:FORGOTTEN_AT_ONCE])
                gone += kind.objects.filter(pk__in=keys).delete()[0]
    with write():
        over = StageTraffic.objects.filter(stage__ended_at__lt=moment - KEPT[DAY])
        gone += StageTraffic.objects.filter(
            pk__in=list(over.values_list("pk", flat=True)[:FORGOTTEN_AT_ONCE])
        ).delete()[0]
        for marks in (CounterShipment, FeedbackShipment):
            marks.objects.filter(at__lt=moment - KEPT[HOUR]).delete()
    return gone
