"""When versions of a model went live and back: what charts over time mark."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from registry.models import Event, RegisteredModel
from releases.events import Kind
from releases.models import Release

MOST = 100
"""Marks in a chart of some 600 px."""
WORDS = {
    Kind.RELEASE_LIVE: "live",
    Kind.RELEASE_RESTORED: "live again",
    Kind.RELEASE_ROLLED_BACK: "rolled back",
    Kind.RELEASE_RETIRED: "taken offline",
}
UNDONE = (Kind.RELEASE_ROLLED_BACK, Kind.RELEASE_RETIRED)


@dataclass(frozen=True, slots=True)
class Moment:
    """A version that went live or back in an environment."""

    at: datetime
    environment: str
    version: int
    kind: str

    @property
    def words(self) -> str:
        return f"version {self.version} {WORDS[Kind(self.kind)]}"

    @property
    def undone(self) -> bool:
        return self.kind in UNDONE


def since(model: RegisteredModel, start: datetime) -> list[Moment]:
    """The last MOST such moments from then on, the oldest first."""
    first = Event.objects.filter(at__gte=start).order_by("at").values_list("seq", flat=True).first()
    if first is None:
        return []
    # From a number on, not from a time: so the index by model is read for these days alone.
    events = Event.objects.filter(model=model.name, seq__gte=first, kind__in=[str(kind) for kind in WORDS])
    newest = list(events.defer("payload").order_by("-seq")[:MOST])
    where = _environments({_release(event) for event in newest})
    return [
        Moment(event.at, where[_release(event)], int(event.facts["version"]), event.kind)
        for event in reversed(newest)
        if _release(event) in where
    ]


def _release(event: Event) -> int:
    return int(event.subject.removeprefix("release/"))


def _environments(releases: Collection[int]) -> dict[int, str]:
    return dict(Release.objects.filter(pk__in=releases).values_list("pk", "environment__name"))
