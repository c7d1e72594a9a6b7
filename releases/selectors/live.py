"""What is live, and what was live before and may return."""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import QuerySet

from registry.models import ModelVersion, RegisteredModel
from releases.lifecycle import State
from releases.models import Environment, Release
from releases.selectors.releases import HEAVY, rollouts_of, whole


def champion(model: RegisteredModel, of: Environment) -> Release | None:
    """The live release, if there is one."""
    return whole().filter(model=model, environment=of, state=State.LIVE).first()


def first_live(model: RegisteredModel, of: Environment) -> ModelVersion | None:
    """The first version that was live there: what all later ones began from."""
    rows = Release.objects.filter(model=model, environment=of, state__in=(State.LIVE, State.SUPERSEDED))
    first = rows.order_by("version__number").values_list("version", flat=True).first()
    return ModelVersion.objects.select_related("model").get(pk=first) if first else None


def is_live(version: ModelVersion, of: Environment) -> bool:
    return Release.objects.filter(version=version, environment=of, state=State.LIVE).exists()


def approved(
    model: RegisteredModel, of: Environment, numbers: Collection[int] | None = None
) -> dict[int, Release]:
    """By number of a version (all, or these): its newest release that waits there to be rolled out."""
    rows = Release.objects.filter(model=model, environment=of, state=State.APPROVED)
    if numbers is not None:
        rows = rows.filter(version__number__in=numbers)
    return {row.version.number: row for row in rows.select_related("version", "model").order_by("pk")}


def approved_beside(version: ModelVersion) -> dict[int, list[str]]:
    """The other versions of its model that wait to be rolled out, by number, and where."""
    rows = Release.objects.filter(model=version.model_id, state=State.APPROVED).exclude(version=version)
    found: dict[int, list[str]] = {}
    for number, where in rows.order_by("environment__name").values_list(
        "version__number", "environment__name"
    ):
        places = found.setdefault(number, [])
        places += [] if where in places else [where]
    return found


def champions(models: QuerySet[RegisteredModel] | list[RegisteredModel]) -> dict[int, list[Release]]:
    """Live releases by model id: one query for a whole list page."""
    found: dict[int, list[Release]] = {}
    rows = Release.objects.filter(model__in=models, state=State.LIVE).select_related("version", "environment")
    rows = rows.defer("policy", *(f"version__{name}" for name in HEAVY))
    for row in rows.order_by("environment__name"):
        found.setdefault(row.model_id, []).append(row)
    return found


def returnable(of: Release) -> QuerySet[Release]:
    """Releases that a roll-back of this live one may bring back: live there before, of another version, and
    never rolled back themselves."""
    rows = Release.objects.filter(model=of.model_id, environment=of.environment_id, state=State.SUPERSEDED)
    return rows.exclude(version=of.version_id)


def restorable(of: Release) -> Release | None:
    """The one that was live before this one: what a rollback brings back unless somebody chooses another."""
    came = rollouts_of(of).filter(returns_to=None).exclude(previous=of)  # an A/A run brings nothing
    last = came.order_by("-pk").first()
    if last is None or last.previous_id is None:
        return None
    return returnable(of).select_related("version", "model").filter(pk=last.previous_id).first()
