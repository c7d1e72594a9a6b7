"""What was counted, read back: sums per version and arm. Lines over a time are in `series`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import QuerySet

from registry.models import RegisteredModel
from releases.models import PredictionSegment, Traffic
from releases.traffic.spans import MINUTE
from scoring.telemetry import quantile

AN_HOUR = timedelta(hours=1)
INTERNAL, MIRROR, NAMED = "internal", "mirror", "named"
NOT_CLIENTS = (INTERNAL, MIRROR)
"""Arms of calls that no client waits for: our own at verification, and copies for a shadow version."""
UNCOMPARED = (*NOT_CLIENTS, NAMED)
"""Of these calls nothing is compared: no weights chose their version."""


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
class ArmFigures:
    """One arm of one version in one environment."""

    environment: str
    version: int
    arm: str
    figures: Figures


def by_arm(
    model: RegisteredModel, since: datetime | None = None, *, internal: bool = False
) -> list[ArmFigures]:
    """What each arm of each version was asked since then (an hour ago), by its minutes, the newest first."""
    rows = Traffic.objects.filter(model=model, span=MINUTE, at__gte=since or datetime.now(UTC) - AN_HOUR)
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


def together(several: Iterable[Figures]) -> Figures:
    """The sum over several."""
    total = Figures()
    for each in several:
        total.add(each)
    return total
