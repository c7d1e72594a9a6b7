"""What was counted, read back: sums over a time, per version, arm or node, and lines over the last hour."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import QuerySet

from registry.models import RegisteredModel
from releases.models import Environment, NodeTraffic, PredictionSegment, Traffic
from scoring.telemetry import quantile

HOUR = timedelta(hours=1)
MINUTES = 60
INTERNAL, MIRROR = "internal", "mirror"
NOT_CLIENTS = (INTERNAL, MIRROR)
"""Arms of calls that no client waits for: our own at verification, and copies for a shadow version."""


@dataclass(frozen=True, slots=True)
class Beyond:
    """How many requests held values beyond the limits of an input, and how many values that were."""

    input: str
    requests: int
    found: int


@dataclass
class Figures:
    """A sum of rows. Times are milliseconds; what was never asked has no rate of errors and no latency."""

    requests: int = 0
    rows: int = 0
    seconds: float = 0.0
    codes: Counter[str] = field(default_factory=Counter)
    buckets: Counter[int] = field(default_factory=Counter)
    outside: Counter[str] = field(default_factory=Counter)
    beyond: Counter[str] = field(default_factory=Counter)

    def add(self, row: Any) -> None:
        self.requests += row.requests
        self.rows += row.rows
        self.seconds += row.seconds
        self.codes.update(row.codes)
        self.buckets.update(dict(row.buckets))
        self.outside.update(getattr(row, "outside", {}))
        self.beyond.update(getattr(row, "beyond", {}))

    @property
    def errors(self) -> int:
        return sum(self.codes.values())

    @property
    def by_code(self) -> list[tuple[str, int]]:
        """Errors by code, the most frequent first."""
        return self.codes.most_common()

    @property
    def beyond_limits(self) -> list[Beyond]:
        """Inputs with values beyond their limits that were let pass, the most frequent first."""
        return [Beyond(name, count, self.outside[name]) for name, count in self.beyond.most_common()]

    @property
    def error_rate(self) -> float | None:
        return self.errors / self.requests if self.requests else None

    @property
    def p50_ms(self) -> float | None:
        return self._quantile(0.5)

    @property
    def p99_ms(self) -> float | None:
        return self._quantile(0.99)

    def _quantile(self, q: float) -> float | None:
        found = quantile(self.buckets, q)
        return None if found is None else found * 1000


@dataclass(frozen=True, slots=True)
class Line:
    """The last hour minute by minute, the oldest first: requests a second, and p99 where anybody asked."""

    started: datetime
    rate: list[float]
    p99_ms: list[float | None]


@dataclass(frozen=True, slots=True)
class ArmFigures:
    """One arm of one version in one environment."""

    environment: str
    version: int
    arm: str
    figures: Figures


@dataclass(frozen=True, slots=True)
class Observed:
    """The sum over the last hour, and the hour's line."""

    figures: Figures
    line: Line


def by_arm(
    model: RegisteredModel, since: datetime | None = None, *, internal: bool = False
) -> list[ArmFigures]:
    """What each arm of each version was asked since then (an hour ago), the newest version first."""
    rows = Traffic.objects.filter(model=model, at__gte=since or datetime.now(UTC) - HOUR)
    if not internal:
        rows = rows.exclude(arm=INTERNAL)
    found: dict[tuple[str, int, str], Figures] = {}
    for row in rows.select_related("environment").iterator():
        found.setdefault((row.environment.name, row.version, row.arm), Figures()).add(row)
    return [ArmFigures(*key, found[key]) for key in sorted(found, key=lambda key: (key[0], -key[1], key[2]))]


def segments(model: RegisteredModel) -> QuerySet[PredictionSegment]:
    """Archives of logged answers, the newest first."""
    found = PredictionSegment.objects.filter(model=model).select_related("environment", "model")
    return found.order_by("-pk")


def of_model(model: RegisteredModel, environment: Environment, version: int | None = None) -> Observed:
    """All that clients asked of a model, or of one version, in the last hour."""
    rows = Traffic.objects.filter(model=model, environment=environment, span=60, at__gte=_an_hour_ago())
    if version is not None:
        rows = rows.filter(version=version)
    return _observed(rows.exclude(arm__in=NOT_CLIENTS))


def of_nodes(environment: Environment, nodes: Sequence[str]) -> dict[str, Observed]:
    """The last hour of each of these nodes, in one query."""
    rows = NodeTraffic.objects.filter(
        environment=environment, node__in=nodes, span=60, at__gte=_an_hour_ago()
    )
    found: dict[str, list[Any]] = {name: [] for name in nodes}
    for row in rows:
        found[row.node].append(row)
    return {name: _observed(mine) for name, mine in found.items()}


def together(observed: Iterable[Observed]) -> Figures:
    """The sum over several."""
    total = Figures()
    for each in observed:
        total.add(each.figures)
    return total


def _an_hour_ago() -> datetime:
    return datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=MINUTES - 1)


def _observed(rows: Iterable[Any]) -> Observed:
    started, total = _an_hour_ago(), Figures()
    minutes = [Figures() for _ in range(MINUTES)]
    for row in rows:
        total.add(row)
        place = int((row.at - started).total_seconds() // 60)
        if 0 <= place < MINUTES:
            minutes[place].add(row)
    rate = [minute.requests / 60 for minute in minutes]
    return Observed(total, Line(started, rate, [minute.p99_ms for minute in minutes]))
