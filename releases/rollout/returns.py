"""What a roll-back of a live release could bring back, when that was live, and why some of it cannot return.

Of each version there is one: the release that may return where one may, else the newest.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import QuerySet

from formats.heartbeat import Heartbeat
from formats.types import Signature
from formats.weights import is_weights
from registry.stores import artifact_store
from releases import dataplane, selectors
from releases.errors import CannotReturn
from releases.lifecycle import State
from releases.models import Release
from releases.proof.gates.schema import compare

MOST = 50
"""On one page, where each may ask the store; an older version is reached by its number."""
NAMED = 3
"""A warning says what breaks by its first parts and how many more there are: it is one line of a table."""
ENDED: Mapping[str, str] = {
    State.ROLLED_BACK: "It was rolled back: a new release of it has to be proven and signed.",
    State.RETIRED: "The model was taken offline with it: a new release of it has to be proven and signed.",
    State.APPROVED: "It is approved and was never live here: start its rollout on its own page.",
}


@dataclass(frozen=True, slots=True)
class Return:
    """A version that could be live again.

    since, until  when it last was; None for one that never was
    loaded        the nodes have it, so that it answers within a second; else it is verified first
    refusal       why it cannot be live again, or nothing
    warnings      what its clients would meet
    """

    release: Release
    since: datetime | None
    until: datetime | None
    loaded: bool = False
    refusal: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def number(self) -> int:
        return int(self.release.version.number)


def before(of: Release) -> Return | None:
    """The version that was live just before this one: where a roll-back goes unless somebody chooses."""
    back = selectors.restorable(of)
    return None if back is None else next(iter(_told(of, [back], back)), None)


def options(of: Release) -> list[Return]:
    """All that was live here before, and what is approved for here, the newest first."""
    return _told(of, _rows(of)[:MOST], selectors.restorable(of))


def to_version(of: Release, number: int) -> Return:
    """The same of one version, by number. Raises CannotReturn where it was never live nor approved here."""
    if number == of.version.number:
        raise CannotReturn(f"Version {number} is what is live here now.", version=number)
    found = _told(of, _rows(of).filter(version__number=number), selectors.restorable(of))
    if not found:
        raise CannotReturn(f"Version {number} was never live here: nothing goes back to it.", version=number)
    return found[0]


def _rows(of: Release) -> QuerySet[Release]:
    rows = Release.objects.filter(
        model=of.model_id, environment=of.environment_id, state__in=[State.SUPERSEDED, *ENDED]
    )
    return (
        rows.exclude(state=State.ROLLED_BACK, was_live_since=None)
        .exclude(version=of.version_id)
        .select_related("version", "model", "environment")
        .prefetch_related("gate_runs", "version__files__artifact")
        .order_by("-state_since", "-pk")
    )


def _told(of: Release, rows: Iterable[Release], last: Release | None) -> list[Return]:
    kept: dict[int, Release] = {}
    for row in rows:
        if row.version_id not in kept or (
            row.state == State.SUPERSEDED and kept[row.version_id].state != State.SUPERSEDED
        ):
            kept[row.version_id] = row
    world = _World.around(of, last, kept)
    return [world.told(row) for row in kept.values()]


@dataclass(frozen=True, slots=True)
class _World:
    """What has to be known to judge them: asked once for all."""

    live: Release
    last: Release | None
    condemned: Mapping[int, str]
    loaded: Mapping[str, Mapping[str, object]]
    nodes: tuple[Heartbeat, ...]

    @classmethod
    def around(cls, live: Release, last: Release | None, versions: Collection[int]) -> _World:
        route = selectors.route(live.model, live.environment)
        return cls(
            live,
            last,
            selectors.condemned(versions),
            route.entry.get("versions", {}) if route else {},
            tuple(_alive(live)),
        )

    def told(self, row: Release) -> Return:
        planned = self.loaded.get(str(row.version.number), {})
        loaded = planned.get("digest") == row.version.digest
        return Return(
            release=row,
            since=row.was_live_since,
            until=row.state_since if row.was_live_since else None,
            loaded=loaded,
            refusal=self._refusal(row, loaded),
            warnings=() if row.state != State.SUPERSEDED else tuple(self._warnings(row)),
        )

    def _refusal(self, row: Release, loaded: bool) -> str:
        if reason := ENDED.get(row.state, ""):
            return reason
        condemned = "" if row == self.last else self.condemned.get(row.version_id, "")
        return condemned or self._of_nodes(row) or ("" if loaded else _of_store(row))

    def _of_nodes(self, row: Release) -> str:
        number, name = row.version.number, row.model.name
        for node in self.nodes:
            state = node.of(name)
            if (trip := state.broken.get(number)) and trip.digest in ("", row.version.digest):
                return f"Node {node.node} gave it up: {trip.why}"
            if why := state.failed.get(number):
                return f"Node {node.node} could not load it: {why}"
        return ""

    def _warnings(self, row: Release) -> Iterator[str]:
        if row == self.last and row.version_id in self.condemned:
            yield f"{self.condemned[row.version_id]} It served before, so that there is a way back."
        here, there = (Signature.from_json(each.version.signature) for each in (self.live, row))
        met = [f"{each.where} {each.what}" for each in compare(here, there) if each.breaks]
        if met:
            more = f" and {len(met) - NAMED} more" if len(met) > NAMED else ""
            what = f"Clients written for version {self.live.version.number} would break:"
            yield f"{what} {', '.join(met[:NAMED])}{more}."


def _alive(of: Release) -> Iterator[Heartbeat]:
    """The nodes that serve the model, as far as anybody hears of them."""
    client = dataplane.connect(settings.REDIS_URL)
    with suppress(dataplane.Unreachable):
        now = time.time()
        for node in dataplane.heartbeats(client, of.environment.name, settings.REQUEST_KEY()):
            if node.alive(now) and node.serves(of.model.name):
                yield node
    client.close()


def _of_store(row: Release) -> str:
    """What nodes that do not have the version would fetch."""
    store = artifact_store()
    lost = [name for name, digest in _fetched(row) if not digest or not store.exists(digest)]
    return f"Our store has lost {', '.join(lost)}: restore it from a backup." if lost else ""


def _fetched(row: Release) -> Iterator[tuple[str, str]]:
    for file in row.version.files.all():
        if file.key in ("model", "extractor") or is_weights(file.key):
            yield file.name, file.artifact_id
    proof: Any = next((run.evidence for run in row.gate_runs.all() if run.gate == "end_to_end"), {}) or {}
    yield "the answers of its proof", str((proof.get("answers") or {}).get("sha256", ""))
