"""Releases: one with all that belongs to it, and the lines of lists."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.db.models import Exists, F, OuterRef, Prefetch, Q, QuerySet

from registry import policies as registry_policies
from registry import selectors as registry_selectors
from registry.errors import NotFound
from registry.models import ApiToken, Event, ModelVersion, RegisteredModel
from releases.models import Arm, Environment, GateRun, Release, Review, Rollout, Stage, Switch, Trip

if TYPE_CHECKING:
    from registry.models import Person

HEAVY = ("manifest", "signature", "inspection")


def rollouts() -> QuerySet[Rollout]:
    """Rollouts with what a page tells of them, without the entries that their switches led to."""
    rows = Rollout.objects.select_related("returns_to__version", "previous__version", "release__version")
    rows = rows.order_by("-pk")
    return rows.prefetch_related(
        Prefetch("stages", Stage.objects.defer("named")), Prefetch("switches", Switch.objects.defer("aim"))
    )


def rollouts_of(of: Release) -> QuerySet[Rollout]:
    """Those that it was started by, and those of other releases that it takes, or took, part in."""
    parts = Arm.objects.filter(release=of, role=Arm.Role.CHALLENGER, rollout__returns_to=None)
    return Rollout.objects.filter(Q(release=of) | Q(pk__in=parts.values("rollout")))


def taken_part(of: Release) -> list[Rollout]:
    """The same of one that was read whole, newest first."""
    others = [part.rollout for part in of.parts.all() if _elsewhere(part, of)]
    return sorted([*of.rollouts.all(), *others], key=lambda each: -each.pk)


def _elsewhere(part: Arm, of: Release) -> bool:
    challenger = part.role == Arm.Role.CHALLENGER and part.rollout.returns_to_id is None
    return challenger and part.rollout.release_id != of.pk


def whole() -> QuerySet[Release]:
    """Releases with all that belongs to them."""
    return Release.objects.select_related(
        "version__model", "model", "environment", "opened_by", "retire_asked_by"
    ).prefetch_related(
        "gate_runs",
        Prefetch("reviews", Review.objects.select_related("person", "grounds")),
        Prefetch("rollouts", rollouts()),
        "version__uploaders__person",
    )


def lines() -> QuerySet[Release]:
    """Releases as a list shows them: with their gates' outcomes, without documents and evidence."""
    return (
        Release.objects.select_related("version", "model", "environment", "opened_by", "retire_asked_by")
        .defer("model__description", "model__policy", *(f"version__{name}" for name in HEAVY))
        .prefetch_related(
            Prefetch("gate_runs", GateRun.objects.defer("evidence", "summary")), Prefetch("parts", _guests())
        )
    )


def _guests() -> QuerySet[Arm]:
    """Releases as they take part in the rollouts of others now, with the numbers of these."""
    inside = Arm.objects.filter(role=Arm.Role.CHALLENGER, left_at=None, rollout__closed_at=None)
    inside = inside.exclude(rollout__release=F("release")).filter(rollout__returns_to=None)
    return inside.select_related("rollout__release__version").only(
        "release", "role", "rollout__release__version__number"
    )


def release(pk: int, asker: Person, token: ApiToken | None = None) -> Release:
    """One release with gates, reviews and rollouts, if the asker may see its model. Raises NotFound."""
    parts = Arm.objects.filter(role=Arm.Role.CHALLENGER).exclude(rollout__release=F("release"))
    parts = parts.prefetch_related(Prefetch("rollout", rollouts()))
    found = whole().prefetch_related(Prefetch("parts", parts)).filter(pk=pk).first()
    if found is None or registry_policies.refuse_view(registry_selectors.access(asker, token, found.model)):
        raise NotFound(f"There is no release {pk} that you may see.", release=pk)
    return found


def releases_of_version(version: ModelVersion) -> QuerySet[Release]:
    return whole().filter(version=version).order_by("-pk")


def lines_of(model: RegisteredModel) -> QuerySet[Release]:
    """The releases of a model as a list shows them, newest first."""
    return lines().filter(model=model).order_by("-pk")


def lines_of_version(version: ModelVersion) -> QuerySet[Release]:
    return lines().filter(version=version).order_by("-pk")


def latest_releases(asker: Person, token: ApiToken | None = None) -> QuerySet[Release]:
    """All releases, newest first, of the models that the asker may see."""
    rows = lines().order_by("-pk")
    if registry_selectors.sees_all_models(asker, token):
        return rows
    models = registry_selectors.visible_models(asker, token)
    asked = Q(Exists(models.filter(pk=OuterRef("model"))))
    return registry_selectors.narrowed(rows, Q(model__in=models), asked)


def released(model: RegisteredModel, of: Environment, number: int, at: datetime) -> Release | None:
    """The release by which a version had come there by that time."""
    found = whole().filter(model=model, environment=of, version__number=number, opened_at__lte=at)
    return found.order_by("-pk").first()


def timeline(of: Release) -> QuerySet[Event]:
    """Everything that happened to the release, its rollouts and its version, oldest first."""
    subjects = [of.subject, f"version/{of.model.name}/{of.version.number}"]
    return registry_selectors.timeline(subjects)


def given_up(of: Release) -> Event | None:
    """A node runs the release's version no more, and nothing could take its place."""
    last = Trip.objects.filter(release=of, stays=True).select_related("event").order_by("-event").first()
    return last.event if last else None
