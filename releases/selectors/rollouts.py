"""Rollouts: one with its stages, versions, decisions and what it asks."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from django.db.models import OuterRef, Prefetch, QuerySet, Subquery

from registry import policies as registry_policies
from registry import selectors as registry_selectors
from registry.errors import NotFound
from registry.models import ApiToken, Event
from releases.models import Arm, Decision, EvidencePoint, Proposal, Release, Rollout, Route, Stage, Switch
from releases.selectors.releases import rollouts_of

if TYPE_CHECKING:
    from registry.models import Person

MOST_DRAWN = 80
"""Points of a curve of some 600 px: more lie within a pixel or two of each other."""


def rollout(pk: int, asker: Person, token: ApiToken | None = None) -> Rollout:
    """One rollout with all that a page tells of it, of proposals the open one alone. Raises NotFound where
    the asker may not see its model."""
    found = _whole().filter(pk=pk).first()
    if found is None or registry_policies.refuse_view(registry_selectors.access(asker, token, found.model)):
        raise NotFound(f"There is no rollout {pk} that you may see.", rollout=pk)
    return found


def rollout_of(release: Release) -> Rollout | None:
    """The newest rollout that a release takes, or took, part in, in the same way."""
    newest = rollouts_of(release).order_by("-pk").values("pk")[:1]
    return _whole().filter(pk__in=list(newest.values_list("pk", flat=True))).first()


def started_by(of: Rollout) -> str:
    """Who asked for it, as the log names them."""
    told = Event.objects.filter(kind="rollout.started", subject=of.release.subject).order_by("-seq")
    return next((str(event.actor) for event in told if event.facts.get("rollout") == of.pk), "")


def challengers(of: Rollout) -> list[Arm]:
    """All that it was begun with, in the order of its design."""
    rows = Arm.objects.filter(rollout=of, role=Arm.Role.CHALLENGER)
    return list(rows.select_related("release__version", "release__model").order_by("pk"))


def playing(of: Rollout) -> list[Arm]:
    """Those of them that are still in it."""
    return [arm for arm in challengers(of) if arm.left_at is None]


def leading(of: Rollout) -> Release:
    """The first that is still in it, or was last."""
    return next((arm.release for arm in playing(of)), of.release)


def passing(of: Rollout, winner: str = "") -> list[Release]:
    """Those that its next step brings to more clients: all that are still in it, or the winner alone."""
    releases = [arm.release for arm in playing(of)] or [of.release]
    return [each for each in releases if str(each.version.number) == winner] or releases


def open_rollout_of(release: Release) -> Rollout | None:
    """The one by stages that it is in now."""
    rows = Rollout.objects.filter(closed_at=None, origin__isnull=False)
    inside = Arm.objects.filter(release=release, role=Arm.Role.CHALLENGER, left_at=None)
    return rows.filter(pk__in=inside.values("rollout")).first()


def aa_of(release: Release) -> Rollout | None:
    """The A/A run of a live release that is under way: it is what answered before, and what arrives."""
    rows = Rollout.objects.filter(release=release, previous=release, returns_to=None, closed_at=None)
    return rows.select_related("release__version", "model", "environment", "origin").first()


class Pulse(NamedTuple):
    """Of a rollout: another `mark` whenever something has happened to it, and whether it is over."""

    mark: str
    over: bool


def pulse(pk: int) -> Pulse:
    """One row is read: open pages ask every second, so that nothing has to be worked out for it."""
    newest = [
        Switch.objects.filter(rollout=OuterRef("pk")).order_by("-pk").values("phase_since")[:1],
        Decision.objects.filter(rollout=OuterRef("pk")).order_by("-number").values("number")[:1],
        Proposal.objects.filter(rollout=OuterRef("pk")).order_by("-pk").values("outcome")[:1],
        EvidencePoint.objects.filter(rollout=OuterRef("pk")).order_by("-at").values("pk")[:1],
    ]
    rows = Rollout.objects.filter(pk=pk).order_by()
    found = rows.values_list(
        "looks", "paused_at", "closed_at", "watched_until", *[Subquery(each) for each in newest]
    ).first()
    mark = hashlib.sha256(repr(found).encode()).hexdigest()[:16]
    return Pulse(mark, found is None or (found[2] is not None and found[3] is None))


def points(found: Rollout) -> list[EvidencePoint]:
    """Its history, the oldest first: as much as a page can draw. What was decided by is among them."""
    known = list(found.points.order_by("at", "pk").values_list("pk", "decided"))
    every = max(-(-len(known) // MOST_DRAWN), 1)
    drawn = {pk for pk, _ in known[::-every]} | {
        pk for pk, decided in known if decided and len(known) > MOST_DRAWN
    }
    return list(found.points.filter(pk__in=drawn))


def compared_by(found: Rollout) -> object:
    """How far two answers of its versions may be apart, as the newest entry of it says that compares any."""
    entries = Route.objects.filter(stage__rollout=found, entry__rollout__isnull=False).order_by("-revision")
    return entries.values_list("entry__rollout__tolerances", flat=True).first()


def _whole() -> QuerySet[Rollout]:
    rows = Rollout.objects.select_related(
        "release__version", "model", "environment", "previous__version", "returns_to__version"
    )
    return rows.prefetch_related(
        Prefetch("stages", Stage.objects.defer("named")),
        "decisions",
        Prefetch("arms", Arm.objects.select_related("release__version")),
        Prefetch("switches", Switch.objects.defer("aim")),
        Prefetch("proposals", Proposal.objects.filter(outcome=Proposal.Outcome.OPEN)),
    )
