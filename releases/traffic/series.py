"""What was counted, over a time: one bounded query for the arms of a model and the lines of its charts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from registry.models import RegisteredModel
from releases.models import Environment, NodeTraffic, Traffic
from releases.traffic.figures import INTERNAL, NOT_CLIENTS, ArmFigures, Figures
from releases.traffic.spans import DAY, HOUR, MINUTE, Window, until_now

MOST_ROWS = 20_000
"""Rows that one chart adds up, the newest first: 90 days with 222 arms of versions asked on each."""
ENOUGH = 1 / 3
"""Chosen: of less, one pause of a client would look like a fall in traffic."""
COLUMNS = ("version", "arm", "at", "requests", "rows", "seconds", "codes", "buckets", "outside", "beyond")


@dataclass(frozen=True, slots=True)
class Point:
    """What was asked from `at` on, and how many seconds of that are over."""

    at: datetime
    seconds: float
    figures: Figures

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.figures.requests / self.seconds


@dataclass(frozen=True, slots=True)
class Observed:
    """The sum over a window, and its points, the oldest first."""

    window: Window
    figures: Figures
    points: Sequence[Point]

    @property
    def settled(self) -> Sequence[Point]:
        """Without the last point while too little of its time is over to say a rate of it."""
        young = self.points[-1].seconds < self.window.span.step * ENOUGH
        return self.points[:-1] if young else self.points


@dataclass(frozen=True, slots=True)
class Seen:
    """What a model was asked in a window: by arm, and as a line for each environment.

    `since` is later than the window's start where more was counted than one answer adds up.
    """

    window: Window
    arms: list[ArmFigures] = field(default_factory=list)
    lines: dict[str, Observed] = field(default_factory=dict)
    since: datetime | None = None


def of_model(
    model: RegisteredModel, window: Window, version: int | None = None, environment: str = ""
) -> Seen:
    """What clients asked of a model, or of one version; copies for a shadow version are an arm, and in no
    line. Our own calls are in neither."""
    rows = _counted(model, version).filter(span=window.span.row, at__gte=window.started)
    if environment:
        rows = rows.filter(environment__name=environment)
    found = list(rows.order_by("-at").values_list(*COLUMNS, "environment__name", named=True)[: MOST_ROWS + 1])
    cut = found[MOST_ROWS].at if len(found) > MOST_ROWS else None
    whole = [row for row in found if cut is None or row.at > cut]
    arms: dict[tuple[str, int, str], Figures] = {}
    clients: dict[str, list[object]] = {}
    for row in whole:
        place = row.environment__name
        arms.setdefault((place, row.version, row.arm), Figures()).add(row)
        clients.setdefault(place, [])
        if row.arm not in NOT_CLIENTS:
            clients[place].append(row)
    ordered = [ArmFigures(*key, arms[key]) for key in sorted(arms, key=lambda key: (key[0], -key[1], key[2]))]
    lines = {place: observed(clients[place], window) for place in sorted(clients)}
    return Seen(window, ordered, lines, min((row.at for row in whole), default=cut) if cut else None)


def last_asked(model: RegisteredModel, version: int | None = None) -> datetime | None:
    """When clients last asked, as finely as is still known."""
    rows = _counted(model, version)
    for span in (MINUTE, HOUR, DAY):
        newest = rows.filter(span=span).order_by("-at").values_list("at", flat=True).first()
        if newest is not None:
            return newest
    return None


def _counted(model: RegisteredModel, version: int | None) -> QuerySet[Traffic]:
    rows = Traffic.objects.filter(model=model).exclude(arm=INTERNAL)
    return rows if version is None else rows.filter(version=version)


def of_nodes(environment: Environment, nodes: Sequence[str]) -> dict[str, Observed]:
    """The last hour of each of these nodes, in one query."""
    window = until_now()
    rows = NodeTraffic.objects.filter(
        environment=environment, node__in=nodes, span=window.span.row, at__gte=window.started
    )
    found: dict[str, list[Any]] = {name: [] for name in nodes}
    for row in rows:
        found[row.node].append(row)
    return {name: observed(mine, window) for name, mine in found.items()}


def observed(rows: Iterable[Any], window: Window) -> Observed:
    """Rows of one line, added up by point and in all."""
    total, points = Figures(), [Figures() for _ in range(window.span.points)]
    for row in rows:
        total.add(row)
        place = window.place(row.at)
        if place is not None:
            points[place].add(row)
    starts = zip(window.starts(), points, strict=True)
    return Observed(window, total, [Point(at, window.seconds(at), sums) for at, sums in starts])
