"""What is live, and what was live before and may return."""

from __future__ import annotations

from django.db.models import QuerySet

from registry.models import ModelVersion, RegisteredModel
from releases.lifecycle import State
from releases.models import Environment, Release, Rollout
from releases.selectors.releases import HEAVY, whole


def champion(model: RegisteredModel, of: Environment) -> Release | None:
    """The live release, if there is one."""
    return whole().filter(model=model, environment=of, state=State.LIVE).first()


def is_live(version: ModelVersion, of: Environment) -> bool:
    return Release.objects.filter(version=version, environment=of, state=State.LIVE).exists()


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
    last = Rollout.objects.filter(release=of, returns_to=None).order_by("-pk").first()
    if last is None or last.previous_id is None:
        return None
    return returnable(of).select_related("version", "model").filter(pk=last.previous_id).first()
